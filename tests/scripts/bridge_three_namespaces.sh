# Three namespaces on a bridge.
. ./lib.sh

must ip link add br0 address 02:00:00:00:00:ff type bridge
must ip addr add 10.0.0.254/24 dev br0
must ip link set br0 up
await NO-CARRIER ip link show br0
must ip link show br0

for n in 1 2 3; do
    must ip netns add n$n
    must ip link add p$n address 02:00:00:00:00:a$n type veth peer name eth0 address 02:00:00:00:00:0$n netns n$n
    must ip link set p$n master br0
    must ip link set p$n up
    must ip -n n$n addr add 10.0.0.$n/24 dev eth0
    must ip -n n$n link set eth0 up
    must ip -n n$n link set lo up
done
for n in 1 2 3; do
    await 'state UP' ip link show p$n
done
await 'state UP' ip link show br0

say "The ports."
must ip link show master br0

say "Each reaches each."
for from in 1 2 3; do
    for to in 1 2 3; do
        must ip netns exec n$from ping -c1 10.0.0.$to
    done
done

say "The bridge's own address answers, and the bridge reaches them."
must ip netns exec n1 ping -c1 10.0.0.254
must ping -c1 10.0.0.3

say "A port that leaves the bridge is cut off, and is back when it returns."
must ip link set p3 nomaster
refused ip netns exec n1 ping -c1 -W2 10.0.0.3
must ip link set p3 master br0
await 'state UP' ip link show p3
must ip netns exec n1 ping -c1 10.0.0.3

say "A bridge that is down forwards nothing."
must ip link set br0 down
refused ip netns exec n1 ping -c1 -W2 10.0.0.2
must ip link set br0 up
await 'state UP' ip link show br0
must ip netns exec n1 ping -c1 10.0.0.2

say "A bridge that is deleted lets its ports go."
must ip link del br0
must ip link
