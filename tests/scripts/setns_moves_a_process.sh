# A process that moves to another namespace speaks from there.
. ./lib.sh

must ip netns add a
must ip netns add b
must ip link add v0 netns a type veth peer name v1 netns b
must ip -n a addr add 10.0.0.1/24 dev v0
must ip -n b addr add 10.0.0.2/24 dev v1
must ip -n a link set v0 up
must ip -n b link set v1 up
await 'state UP' ip -n a link show v0
await 'state UP' ip -n b link show v1

say "Here 10.0.0.2 is out of reach; moved to a by the name, the same command reaches it."
refused ping -c1 -W1 10.0.0.2
must nsenter --net=/run/netns/a ping -c1 10.0.0.2

say "By a process that lives there."
ip netns exec b sleep 60 &
sleeper=$!
await "$sleeper" ip netns pids b
nsenter --net=/proc/$sleeper/ns/net ping -c1 10.0.0.1 || fail "no way into b by its process"
nsenter --target $sleeper --net ping -c1 10.0.0.1 || fail "no way into b by --target"
end "$sleeper"

say "A shell that moves takes its children along, and the parent stays."
must nsenter --net=/run/netns/a sh -c 'ip -br addr; ping -c1 10.0.0.2; nsenter --net=/run/netns/b ip -br addr'
must ip -br addr

say "What is open stays where it was opened: a process inside still sees the file it came from."
must nsenter --net=/run/netns/a sh -c '[ "$(readlink /proc/self/ns/net)" = "net:[$(stat -L -c %i /run/netns/a)]" ]'

say "Only a namespace can be entered."
refused nsenter --net=/etc/passwd true
refused nsenter --net=/run/netns/none true
