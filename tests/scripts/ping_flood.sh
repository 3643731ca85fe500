# A thousand packets as fast as they go, without loss: over veth, over a bridge, over loopback.
. ./lib.sh

must ip netns add a
must ip netns add b
must ip link add br0 type bridge
must ip link set br0 up
for n in a b; do
    must ip link add p$n type veth peer name eth0 netns $n
    must ip link set p$n master br0
    must ip link set p$n up
    must ip -n $n link set eth0 up
done
must ip -n a addr add 10.0.0.1/24 dev eth0
must ip -n b addr add 10.0.0.2/24 dev eth0
must ip link add v0 netns a type veth peer name v0 netns b
must ip -n a addr add 10.1.0.1/24 dev v0
must ip -n b addr add 10.1.0.2/24 dev v0
must ip -n a link set v0 up
must ip -n b link set v0 up
must ip -n a link set lo up
await 'state UP' ip link show pa
await 'state UP' ip link show pb
await 'state UP' ip link show br0
await 'state UP' ip -n a link show v0

say "Over a veth pair."
must ip netns exec a ping -q -f -c 1000 10.1.0.2

say "Over a bridge."
must ip netns exec a ping -q -f -c 1000 10.0.0.2

say "Over loopback, to the namespace's own address."
must ip netns exec a ping -q -f -c 1000 10.1.0.1

say "The links counted what passed, and dropped nothing."
ip -s -n a link show v0 | while read -r packets; do
    case $packets in
    RX:* | TX:*)
        read -r bytes packets errors dropped rest
        printf '%s packets, errors %s, dropped %s\n' \
            "$([ "$packets" -ge 1000 ] && echo '1000 or more' || echo "$packets")" "$errors" "$dropped"
        ;;
    esac
done
