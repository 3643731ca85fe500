# Packets larger than the MTU are cut and put together again, unless they must not be cut.
. ./lib.sh

must ip netns add a
must ip link add v0 type veth peer name v1 netns a
must ip addr add 10.0.0.1/24 dev v0
must ip -n a addr add 10.0.0.2/24 dev v1
must ip link set v0 up
must ip -n a link set v1 up
await 'state UP' ip link show v0

say "A payload of 1472 bytes just fits; more takes fragments."
must ping -c1 -s 1472 -M do 10.0.0.2
must ping -c1 -s 1473 10.0.0.2
must ping -c1 -s 4000 10.0.0.2
must ping -c1 -s 65000 10.0.0.2

say "What must not be cut is refused here, before it is sent."
refused ping -c1 -s 1473 -M do 10.0.0.2

say "A smaller MTU means more fragments."
must ip link set v0 mtu 600
must ping -c1 -s 572 -M do 10.0.0.2
refused ping -c1 -s 573 -M do 10.0.0.2

say "The answers still come in pieces of 1500 bytes, which this end no longer takes."
refused ping -c1 -W1 -s 4000 10.0.0.2
must ip -n a link set v1 mtu 600
must ping -c1 -s 4000 10.0.0.2
