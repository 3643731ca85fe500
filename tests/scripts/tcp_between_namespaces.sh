# TCP between two namespaces: every byte arrives, in order, and both ends see the end.
. ./lib.sh

must ip netns add a
must ip link add v0 type veth peer name v1 netns a
must ip addr add 10.0.0.1/24 dev v0
must ip -n a addr add 10.0.0.2/24 dev v1
must ip link set v0 up
must ip -n a link set v1 up
must ip link set lo up
await 'state UP' ip link show v0

# Waits until somebody listens on port 7000 (1B58) in namespace a.
listening() {
    await ':1B58 ' ip netns exec a sh -c 'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null'
}

# nc sends its standard input and ends when the other side has sent all of its own: the side
# that only receives reads from a pipe nobody writes to.
mkfifo /run/nothing
seq 1 200000 | head -c 1048576 >/run/sent

say "A mebibyte to the server."
ip netns exec a nc -l -p 7000 <>/run/nothing >/run/got &
listening
nc 10.0.0.2 7000 </run/sent
wait
must cmp /run/sent /run/got

say "A mebibyte from the server."
ip netns exec a nc -l -p 7000 </run/sent >/dev/null &
listening
nc 10.0.0.2 7000 <>/run/nothing >/run/got
wait
must cmp /run/sent /run/got

say "Over loopback, to the namespace's own address."
must ip -n a link set lo up
ip netns exec a nc -l -p 7000 <>/run/nothing >/run/got &
listening
ip netns exec a nc 10.0.0.2 7000 </run/sent
wait
must cmp /run/sent /run/got

say "Nobody listens: refused. Nobody is there: no route."
refused nc -w 2 10.0.0.2 7001
refused nc -w 5 10.0.0.9 7000

say "An address that is not ours cannot be listened on."
refused nc -l -p 7000 -s 10.9.9.9
