# What the bridge tool shows: ports, and the addresses the bridge has learnt.
. ./lib.sh

must ip link add br0 address 02:00:00:00:00:ff type bridge
must ip link set br0 up
for n in 1 2; do
    must ip netns add n$n
    must ip link add p$n address 02:00:00:00:00:a$n type veth peer name eth0 address 02:00:00:00:00:0$n netns n$n
    must ip link set p$n master br0 up
    must ip -n n$n addr add 10.0.0.$n/24 dev eth0
    must ip -n n$n link set eth0 up
done
await 'state forwarding' bridge link show dev p1
await 'state forwarding' bridge link show dev p2

say "The ports."
must bridge link

say "The bridge learns where each address lives."
must ip netns exec n1 ping -c1 10.0.0.2
must sh -c 'bridge fdb show br br0 | grep -v permanent | sort'

say "An address that shows up at another port has moved."
must ip -n n1 link set eth0 down
must ip -n n2 link set eth0 address 02:00:00:00:00:01
must ip -n n2 addr add 10.0.0.3/24 dev eth0
must ip addr add 10.0.0.254/24 dev br0
must ip netns exec n2 ping -c1 10.0.0.254
must sh -c 'bridge fdb show br br0 | grep 02:00:00:00:00:01 | sort'

say "What was learnt at a port is forgotten when the port leaves."
must ip link set p2 nomaster
must sh -c 'bridge fdb show br br0 | grep -v permanent | sort'
