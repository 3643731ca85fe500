# Neighbours: learnt from ARP, set by hand, and given up on when nobody answers.
. ./lib.sh

must ip netns add a
must ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02 netns a
must ip addr add 10.0.0.1/24 dev v0
must ip -n a addr add 10.0.0.2/24 dev v1
must ip link set v0 up
must ip -n a link set v1 up
await 'state UP' ip link show v0

say "Nobody is known at first; a ping makes both sides learn."
must ip neigh
must ping -c1 10.0.0.2
must sh -c "ip neigh | sed 's/ [A-Z]* *\$//'"
must sh -c "ip -n a neigh | sed 's/ [A-Z]* *\$//'"

say "Who does not answer is unreachable after three questions."
refused ping -c1 -W5 10.0.0.9
must ip neigh show 10.0.0.9

say "A neighbour can be set by hand: packets then go to that address, wherever it is."
must ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev v0
refused ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev v0
must ip neigh show 10.0.0.7
refused ping -c1 -W1 10.0.0.7
must ip neigh replace 10.0.0.7 lladdr 02:00:00:00:00:02 dev v0
must ip -n a addr add 10.0.0.7/24 dev v1
must ping -c1 10.0.0.7
must ip neigh del 10.0.0.7 dev v0
refused ip neigh del 10.0.0.7 dev v0

say "A link that goes down forgets what it has learnt."
must ip link set v0 down
must ip neigh
