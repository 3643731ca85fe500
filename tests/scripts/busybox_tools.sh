# Busybox's own network tools, which are static and use ioctls where iproute2 uses netlink.
. ./lib.sh

must busybox unshare -n busybox ip link
must busybox ip link set lo up
must busybox ip addr
must busybox ping -c 1 127.0.0.1

must ip netns add a
must ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
ip netns exec a sleep 60 &
sleeper=$!
await "$sleeper" ip netns pids a
busybox ip link set v1 netns "$sleeper" || fail "v1 did not move to a process"
must busybox ip addr add 10.0.0.1/24 dev v0
must busybox ip link set v0 up
must busybox nsenter --net=/run/netns/a busybox ifconfig v1 10.0.0.2 netmask 255.255.255.0 up
end "$sleeper"
await 'state UP' ip link show v0

must busybox ip link
must busybox ip addr
must busybox ip route
must busybox ping -c 2 10.0.0.2

say "ifconfig and route."
must busybox ifconfig lo
must sh -c 'busybox ifconfig v0 | head -n 3'
must busybox route -n
must busybox route add default gw 10.0.0.2
must busybox ip route
must busybox route del default
must busybox ifconfig v0 mtu 1400
must sh -c 'busybox ifconfig v0 | grep -o MTU:1400'
must busybox ifconfig v0 down
must busybox ip route

say "brctl."
must busybox brctl addbr br0
must busybox brctl addif br0 v0
must ip -br link show master br0
must busybox brctl delif br0 v0
must busybox brctl delbr br0
refused busybox brctl delbr br0
refused busybox ifconfig nothing up
refused busybox ip link del nothing
