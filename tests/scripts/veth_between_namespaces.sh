# Two namespaces joined by a veth pair.
. ./lib.sh

must ip netns add a
must ip netns add b

say "A pair is made with its other end in a; this end then moves to b."
must ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02 netns a
must ip link
must ip -n a link
must ip link set v0 netns b
must ip link
must ip -n b link

say "Carrier follows the other end."
must ip -n b link set v0 up
await NO-CARRIER ip -n b link show v0
must ip -n b link show v0
must ip -n a link set v1 up
await 'state UP' ip -n b link show v0
await 'state UP' ip -n a link show v1
must ip -n b link show v0
must ip -n a link show v1

say "With addresses, each reaches the other."
must ip -n a addr add 10.0.0.1/24 dev v1
must ip -n b addr add 10.0.0.2/24 dev v0
must ip netns exec a ping -c2 -i0.2 10.0.0.2
must ip netns exec b ping -c1 10.0.0.1

say "Nobody has 10.0.0.9."
refused ip netns exec a ping -c1 -W2 10.0.0.9

say "A link that is down takes the other's carrier along."
must ip -n a link set v1 down
await NO-CARRIER ip -n b link show v0
must ip -n b link show v0
refused ip netns exec a ping -c1 -W1 10.0.0.2

say "When a namespace ends, the link in it ends, and its peer in the other too."
must ip netns del a
await 'does not exist' ip -n b link show v0
must ip -n b link
