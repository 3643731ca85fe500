# ip netns: a namespace with a name, from add to del.
. ./lib.sh

say "There is no named namespace at first."
must ip netns list

say "A name can be given once."
must ip netns add a
must ip netns list
refused ip netns add a
must ip netns list

say "A program can be started inside; its links are not the parent's."
must ip netns exec a ip link
must ip netns exec a ip link set lo up
must nsenter --net=/run/netns/a ip addr
must ip link

say "Its exit status comes back."
see ip netns exec a sh -c 'exit 7'
see ip netns exec a no-such-program

say "Inside, the namespace knows its name."
must ip netns exec a ip netns identify
must sh -c '[ "$(ip netns exec a readlink /proc/self/ns/net)" != "$(readlink /proc/self/ns/net)" ]'

say "Its processes are found."
ip netns exec a sleep 60 &
sleeper=$!
await "$sleeper" ip netns pids a
[ "$(ip netns pids a)" = "$sleeper" ] || fail "a has other processes than the one started in it"
echo "the one that was started"
end "$sleeper"
must ip netns pids a

say "Two namespaces have each their own loopback."
must ip netns add b
must sh -c 'ip netns list | sort'
must ip -n b link
must ip -n a link

say "A deleted namespace is gone, and its name is free again."
must ip netns del a
must ip netns list
refused ip netns del a
refused ip netns exec a true
must ip netns add a
must ip -n a link
must ip netns del a
must ip netns del b
must ip netns list

say "A process keeps the namespace alive after its name is gone."
must ip netns add c
must ip -n c link add v0 type veth peer name v1
ip netns exec c sleep 60 &
sleeper=$!
await "$sleeper" ip netns pids c
must ip netns del c
nsenter --net=/proc/$sleeper/ns/net ip -br link show v0 || fail "the namespace is gone"
end "$sleeper"
