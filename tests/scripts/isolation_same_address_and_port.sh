# Two namespaces with the same address and the same TCP port, at the same time.
. ./lib.sh

for n in a b; do
    must ip netns add $n
    must ip link add to-$n type veth peer name eth0 netns $n
    must ip -n $n addr add 10.0.0.1/24 dev eth0
    must ip -n $n link set eth0 up
    must ip -n $n link set lo up
    must ip link set to-$n up
    await 'state UP' ip -n $n link show eth0
done

say "A server on port 7000 in each, and each answers its own clients."
for n in a b; do
    echo "I am in $n." >/run/answer-$n
    ip netns exec $n nc -l -p 7000 </run/answer-$n >/run/question-$n 2>&1 &
done
for n in a b; do
    await 0100000A:1B58 ip netns exec $n sh -c 'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | sed s/00000000:1B58/0100000A:1B58/'
done
for n in b a; do
    echo "hello from $n" >/run/hello
    see ip netns exec $n sh -c 'nc -w 5 10.0.0.1 7000 </run/hello'
done
wait
must cat /run/question-a
must cat /run/question-b

say "A port taken in one namespace is free in the other, and taken in its own."
ip netns exec a nc -l -p 7000 </dev/null >/dev/null 2>&1 &
server=$!
await 0100000A:1B58 ip netns exec a sh -c 'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | sed s/00000000:1B58/0100000A:1B58/'
refused ip netns exec a nc -l -p 7000
refused ip netns exec b nc -w 2 10.0.0.1 7000
end "$server"

say "Nothing of one is seen in the other: links, addresses, routes, neighbours."
must ip -n a link add only-a type bridge
must ip -n a addr add 10.9.9.9/32 dev lo
must ip -n a route add 10.8.0.0/16 via 10.0.0.2
must ip -n a neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0
must ip -n b -br link
must ip -n b addr show lo
must ip -n b route
must ip -n b neigh
refused ip netns exec b ping -c1 -W1 10.9.9.9
