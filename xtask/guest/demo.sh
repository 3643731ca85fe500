# The tour of `cargo xtask demo`. What follows the last line `=== name` of standard output is
# for xtask, which draws the picture from it: the links of one namespace as ip(8) reports them.

# xtask sets colour=yes when the tour is shown on a terminal.
bold= cyan= plain=
if [ "$colour" = yes ]; then
    bold=$(printf '\033[1m') cyan=$(printf '\033[36m') plain=$(printf '\033[0m')
fi

say() {
    printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

see() {
    printf '  %s$ %s%s\n' "$cyan" "$*" "$plain"
    "$@" 2>&1 | sed 's/^/    /'
}

say 'Three network namespaces, each with a loopback link and nothing else.'
for name in red green blue; do
    see ip netns add $name
done
see ip netns exec red ip -br link

say 'A bridge, and a cable from it into each namespace.'
see ip link add br0 type bridge
see ip link set br0 up
see ip addr add 10.0.0.254/24 dev br0
host=1
for name in red green blue; do
    see ip link add to-$name type veth peer name eth0 netns $name
    see ip link set to-$name master br0 up
    see ip -n $name addr add 10.0.0.$host/24 dev eth0
    see ip -n $name link set eth0 up
    host=$((host + 1))
done

# Carrier is reported a moment after it has changed.
for try in $(seq 50); do
    [ "$(bridge link | grep -c 'state forwarding')" = 3 ] && break
    sleep 0.1
done

say 'They reach each other, and the bridge itself.'
see ip netns exec red ping -c 2 -i 0.2 10.0.0.2
see ip netns exec blue ping -c 1 10.0.0.1
see ip netns exec green ping -c 1 10.0.0.254

say 'The bridge has learnt who lives where.'
see sh -c 'bridge fdb show br br0 | grep -v permanent'

say 'A thousand packets as fast as they go.'
see ip netns exec red ping -q -f -c 1000 10.0.0.3

say 'What the kernel reports, drawn:'
for name in red green blue; do
    printf '\n=== namespace %s\n' "$name"
    ip -n "$name" -j -d addr
done
printf '\n=== first\n'
ip -j -d addr
printf '\n=== ids\n'
ip -j netns list-id
