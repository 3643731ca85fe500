# Wrong names, wrong arguments, no rights: an error as Linux has it, and nothing has changed.
. ./lib.sh

must ip netns add a
must ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02 netns a
must ip addr add 10.0.0.1/24 dev v0
must ip link set v0 up
must ip -n a link set v1 up
await 'state UP' ip link show v0
await 'state UP' ip -n a link show v1

state() {
    ip -d addr
    ip route show table all
    ip netns list
    ip -n a -d addr
}
state >/run/before

say "Names of links that are not there."
refused ip link show nothing
refused ip link set nothing up
refused ip link del nothing
refused ip addr add 10.0.0.2/24 dev nothing
refused ip addr show nothing
refused ip route add 10.5.0.0/16 dev nothing
refused ip link set v0 master nothing

say "Names that are taken or cannot be."
refused ip link add v0 type veth peer name v2
refused ip link add v2 type veth peer name v0
refused ip link add v2 type veth peer name v1 netns a
refused ip link add a-name-that-is-far-too-long type bridge
refused ip link add a/b type bridge
refused ip link set v0 name ''
refused ip link set v0 name a/b

say "Kinds and numbers that are not there."
refused ip link add x0 type no-such-kind
refused ip link set v0 mtu 0
refused ip link set v0 mtu -1
refused ip link set v0 netns nowhere
refused ip link set v0 netns 99999999
refused ip addr add 10.0.0.300/24 dev v0
refused ip addr add 10.0.0.2/33 dev v0
refused ip route add 10.5.0.0/16 via 10.77.0.1
refused ip route del default

say "What cannot be deleted or moved."
refused ip link del lo
refused ip link set lo netns a

say "Namespaces that are not there."
refused ip netns del nowhere
refused ip netns exec nowhere true
refused ip -n nowhere link
refused ip netns add ..
refused ip netns add a/b
refused ip netns add a
refused nsenter --net=/run/netns/nowhere true
refused nsenter --target 99999999 --net true
refused nsenter --net=/dev/null true

say "Words the tools do not know."
refused ip link set v0 sideways
refused ip netns frobnicate
refused unshare --no-such-option
refused ping -c 0 10.0.0.1
refused ping no.such.name.invalid

say "Without rights."
as_user() {
    refused setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}
as_user ip link set v0 down
as_user ip link del v0
as_user ip link add x0 type bridge
as_user ip link set v0 netns 1
as_user ip addr add 10.0.0.2/24 dev v0
as_user ip addr del 10.0.0.1/24 dev v0
as_user ip route add 10.5.0.0/16 via 10.0.0.2
as_user ip netns add b
as_user ip netns del a
as_user ip netns exec a true
as_user nsenter --net=/run/netns/a true
as_user unshare -n true
as_user mount -t tmpfs tmpfs /mnt

say "Looking is everybody's right."
must setpriv --reuid 1000 --regid 1000 --clear-groups ip -br addr
must setpriv --reuid 1000 --regid 1000 --clear-groups ip route

say "Nothing has changed."
state >/run/after
must diff /run/before /run/after
