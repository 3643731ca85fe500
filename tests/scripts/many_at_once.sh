# Namespaces, cables and ports made and destroyed by several processes at the same time.
. ./lib.sh

must ip link add br0 type bridge
must ip link set br0 up

worker() {
    for round in $(seq 5); do
        ip netns add w$1 &&
            ip link add p$1 type veth peer name eth0 netns w$1 &&
            ip link set p$1 master br0 up &&
            ip -n w$1 addr add 10.0.0.$1/24 dev eth0 &&
            ip -n w$1 link set lo up &&
            ip -n w$1 link set eth0 up &&
            ip netns exec w$1 ping -q -c1 -W5 10.0.0.$1 >/dev/null &&
            ip link del p$1 &&
            ip netns del w$1 || {
            echo "worker $1 failed in round $round"
            return 1
        }
    done
    echo "worker $1 is done"
}

say "Four workers, five rounds each."
for w in 1 2 3 4; do
    worker $w >/run/worker-$w 2>&1 &
done
wait
must sh -c '! grep -L done /run/worker-* | grep .'
must cat /run/worker-1 /run/worker-2 /run/worker-3 /run/worker-4

say "Nothing is left but the bridge."
must ip netns list
must sh -c 'ip -br link | cut -d" " -f1'
