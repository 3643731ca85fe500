# A namespace between two others forwards, if it is told to.
. ./lib.sh

must ip netns add left
must ip netns add right
must ip link add to-left type veth peer name eth0 netns left
must ip link add to-right type veth peer name eth0 netns right
must ip addr add 10.1.0.254/24 dev to-left
must ip addr add 10.2.0.254/24 dev to-right
must ip link set to-left up
must ip link set to-right up
must ip -n left addr add 10.1.0.1/24 dev eth0
must ip -n right addr add 10.2.0.1/24 dev eth0
must ip -n left link set eth0 up
must ip -n right link set eth0 up
await 'state UP' ip link show to-left
await 'state UP' ip link show to-right
must ip -n left route add default via 10.1.0.254
must ip -n right route add default via 10.2.0.254

say "A host does not forward; a router does."
must sysctl net.ipv4.ip_forward
refused ip netns exec left ping -c1 -W1 10.2.0.1
must sysctl -w net.ipv4.ip_forward=1
must ip netns exec left ping -c2 -i0.2 10.2.0.1
must ip netns exec right ping -c1 10.1.0.1

say "A packet that has lived too long is reported by the router."
refused ip netns exec left ping -c1 -t1 10.2.0.1

say "So is a destination nobody leads to."
refused ip netns exec left ping -c1 -W2 10.9.9.9

say "It forwards in its own namespace only."
must ip netns exec left sysctl net.ipv4.ip_forward
