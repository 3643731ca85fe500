# Thirty namespaces on one bridge: made, used, and gone again.
. ./lib.sh

must ip link add br0 type bridge
must ip addr add 10.0.0.254/24 dev br0
must ip link set br0 up
for n in $(seq 30); do
    ip netns add n$n &&
        ip link add p$n type veth peer name eth0 netns n$n &&
        ip link set p$n master br0 up &&
        ip -n n$n addr add 10.0.0.$n/24 dev eth0 &&
        ip -n n$n link set eth0 up || fail "namespace $n could not be made"
done
await 'state UP' ip link show p30

say "All are there."
must sh -c 'ip netns list | wc -l'
must sh -c 'ip -br link | wc -l'

say "Each reaches the next."
for n in $(seq 30); do
    ip netns exec n$n ping -q -c1 -W5 10.0.0.$((n % 30 + 1)) >/dev/null || fail "$n does not reach the next"
done
echo "thirty pings, thirty answers"

say "When the namespaces are gone, so are their links."
for n in $(seq 30); do
    ip netns del n$n || fail "namespace $n could not be deleted"
done
await 'br0' ip -br link
for try in $(seq 100); do
    [ "$(ip -br link | wc -l)" = 2 ] && break
    sleep 0.1
done
must sh -c 'ip -br link | cut -d" " -f1'
must ip netns list
must ip link del br0
