# /proc and /sys show the namespace of who looks.
. ./lib.sh

must ip netns add a
must ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02 netns a
must ip link set v0 up
must ip -n a link set v1 up
must ip addr add 10.0.0.1/24 dev v0

say "Links in /sys: those of the namespace it was mounted in."
must ip netns exec a ls /sys/class/net
must ip netns exec a cat /sys/class/net/v1/address
must ip netns exec a cat /sys/class/net/v1/mtu
must ip netns exec a cat /sys/class/net/v1/ifindex
must unshare -m sh -c 'mount -t sysfs sysfs /sys && ls /sys/class/net'

say "Links and routes in /proc: those of the process."
must sh -c 'cut -d: -f1 /proc/net/dev | tr -d " "'
must ip netns exec a sh -c 'cut -d: -f1 /proc/net/dev | tr -d " "'
must cat /proc/net/route
must ip netns exec a cat /proc/net/route

say "A namespace is the same file however it is reached."
must sh -c '[ /proc/self/ns/net -ef /proc/1/ns/net ] || echo "not that of process 1"'
must ip netns exec a sh -c '[ /proc/self/ns/net -ef /run/netns/a ] && echo "that of a"'
