# UDP to a port nobody has: the receiver says so, and the sender is told.
. ./lib.sh

must ip netns add a
must ip link add v0 type veth peer name v1 netns a
must ip addr add 10.0.0.1/24 dev v0
must ip -n a addr add 10.0.0.2/24 dev v1
must ip link set v0 up
must ip -n a link set v1 up
must ip link set lo up
await 'state UP' ip link show v0

say "A connected socket reports it with its next call."
refused bash -c 'exec 3<>/dev/udp/10.0.0.2/9; echo x >&3; timeout 5 cat <&3'
refused bash -c 'exec 3<>/dev/udp/127.0.0.1/9; echo x >&3; timeout 5 cat <&3'

say "Where there is no route there is no socket."
refused bash -c 'exec 3<>/dev/udp/10.7.7.7/9'

say "traceroute uses that answer: the only hop."
must sh -c "busybox traceroute -n -q 1 10.0.0.2 | sed 's/  [0-9.]* ms\$/  <time>/'"
