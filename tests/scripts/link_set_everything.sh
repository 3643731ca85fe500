# ip link: everything that can be set, and that taking one veth end away takes the other.
. ./lib.sh

must ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
must ip link

say "name"
must ip link set v0 name first
must ip link show first
refused ip link show v0
refused ip link set first name v1

say "mtu"
must ip link set first mtu 1400
must ip link show first
refused ip link set first mtu 67
refused ip link set first mtu 65536
must ip link show first

say "address"
must ip link set first address 02:00:00:00:00:0a
must ip link show first
refused ip link set first address 01:00:00:00:00:0a
refused ip link set first address 02:00:00
must ip link show first

say "up and down; while up, too, a link can be renamed or not as Linux has it"
must ip link set v1 up
must ip link set first up
await 'state UP' ip link show first
must ip link show first
see ip link set first name v0
see ip link set first name first
must ip link set first down
await 'state DOWN' ip link show first
must ip link show first

say "master and nomaster"
must ip link add br0 address 02:00:00:00:00:0b type bridge
must ip link set first master br0
must ip link show first
must ip link show master br0
refused ip link set br0 master br0
refused ip link set lo master br0
must ip link set first nomaster
must ip link show first
must ip link show master br0

say "txqueuelen, promisc, arp, multicast, alias, group"
must ip link set first txqueuelen 500
must ip link show first
must ip link set first promisc on
must ip link show first
must ip link set first promisc off
must ip link set first arp off
must ip link show first
must ip link set first arp on
must ip link set first multicast off
must ip link show first
must ip link set first multicast on
must ip link set first alias 'an alias'
must ip link show first
must ip link set first group 42
must ip link show group 42

say "netns, by name and by process"
must ip netns add a
must ip link set first netns a
must ip -n a link
must ip link
unshare -n sleep 60 &
sleeper=$!
parent=$(readlink /proc/self/ns/net)
for try in $(seq 50); do
    [ "$(readlink /proc/$sleeper/ns/net)" != "$parent" ] && break
    sleep 0.1
done
ip link set v1 netns "$sleeper" || fail "v1 did not move to a process"
nsenter --net=/proc/$sleeper/ns/net ip -br link show v1 || fail "v1 is not where it went"
end "$sleeper"

say "With the process v1 is gone, and its peer in a as well."
await 'does not exist' ip -n a link show first
must ip -n a link

say "ip link del of one end takes the other along."
must ip link add v2 type veth peer name v3 netns a
must ip -br -n a link show v3
must ip link del v2
refused ip link show v2
refused ip -n a link show v3
must ip -n a link
must ip link del br0
must ip link
