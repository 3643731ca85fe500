# ip addr and ip route: add, del, show, and what one does to the other.
. ./lib.sh

must ip netns add a
must ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02 netns a
must ip link set v0 up
must ip -n a link set v1 up
await 'state UP' ip link show v0

say "Adding an address adds the routes that come with it."
must ip addr add 10.0.0.1/24 dev v0
must ip addr show v0
must ip route
must ip route show table local

say "An address can be there once; what is not there cannot be removed."
refused ip addr add 10.0.0.1/24 dev v0
refused ip addr del 10.0.0.2/24 dev v0
must ip addr show v0

say "A second address of the same network is a secondary."
must ip addr add 10.0.0.3/24 dev v0
must ip addr show v0
must ip route

say "Broadcast, label, scope and peer."
must ip addr add 10.1.0.1/16 brd + dev v0 label v0:1
must ip addr add 10.2.0.1 peer 10.2.0.2 dev v0
must ip addr add 10.3.0.1/32 dev v0 scope link
must ip addr show v0
must ip route
must ip addr del 10.1.0.1/16 dev v0
must ip addr del 10.2.0.1 peer 10.2.0.2 dev v0
must ip addr del 10.3.0.1/32 dev v0
must ip addr show v0
must ip route

say "Routes: through a gateway, with a metric and a source, the default."
must ip route add 192.168.1.0/24 via 10.0.0.2
must ip route add 192.168.2.0/24 via 10.0.0.2 dev v0 src 10.0.0.3 metric 5
must ip route add default via 10.0.0.2
must ip route
refused ip route add default via 10.0.0.2
refused ip route add 192.168.3.0/24 via 172.16.0.1
refused ip route add 192.168.3.1/24 dev v0
refused ip route del 192.168.9.0/24

say "The longest prefix wins, then the lowest metric."
must ip route add 192.168.1.128/25 dev v0
must ip route add 192.168.2.0/24 dev v0 metric 4
must ip route get 192.168.1.1
must ip route get 192.168.1.200
must ip route get 192.168.2.1
must ip route get 8.8.8.8
must ip route get 10.0.0.1

say "replace, del, and the special types."
must ip route replace default via 10.0.0.9
must ip route del 192.168.2.0/24 metric 4
must ip route add unreachable 172.16.0.0/16
must ip route add blackhole 172.17.0.0/16
must ip route add prohibit 172.18.0.0/16
must ip route
refused ping -c1 -W1 172.16.0.1
refused ping -c1 -W1 172.17.0.1
refused ping -c1 -W1 172.18.0.1
must ip route del unreachable 172.16.0.0/16
must ip route del blackhole 172.17.0.0/16
must ip route del prohibit 172.18.0.0/16

say "Removing the primary address removes its secondaries and the routes that need them."
must ip addr del 10.0.0.1/24 dev v0
must ip addr show v0
must ip route
must ip route show table local

say "A link that goes down loses its routes but keeps its addresses."
must ip addr add 10.0.0.1/24 dev v0
must ip route add default via 10.0.0.2
must ip link set v0 down
must ip addr show v0
must ip route
must ip link set v0 up
await 'state UP' ip link show v0
must ip route

say "A link that moves loses both."
must ip link set v0 netns a
must ip route
must ip -n a addr show v0
