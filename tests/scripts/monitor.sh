# ip monitor tells what changes, as it changes, in its own namespace only.
. ./lib.sh

must ip netns add a
ip -o monitor link address route >/run/seen 2>&1 &
monitor=$!
# It has started listening when it tells of a change.
for try in $(seq 50); do
    ip addr add 127.9.9.9/32 dev lo
    ip addr del 127.9.9.9/32 dev lo
    [ -s /run/seen ] && break
    sleep 0.1
done

ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
ip link set v0 mtu 1400
ip addr add 10.0.0.1/24 dev v0
ip link set v0 name w0
ip -n a link set lo up
ip link set v1 netns a
ip link del w0

await 'Deleted' cat /run/seen
end "$monitor"
must sh -c 'grep -v 127.9.9.9 /run/seen'
