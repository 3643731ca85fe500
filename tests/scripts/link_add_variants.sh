# ip link add: names, indexes, addresses, MTUs given or chosen; veth, bridge and dummy.
. ./lib.sh

say "Names the kernel chooses."
must ip link add type veth
must ip link add type veth
must ip link add type bridge
must ip link add name 'pair%d' type veth peer name 'riap%d'
must sh -c 'ip -o link | cut -d: -f1,2'

say "An index one chooses, and the next one the kernel chooses."
must ip link add v20 index 20 type veth peer name v21
refused ip link add v22 index 20 type bridge
must sh -c 'ip -o link show v20; ip -o link show v21'

say "A length of queue, an MTU and an address at birth."
must ip link add v30 mtu 1400 txqueuelen 10 address 02:00:00:00:00:30 type veth peer name v31 mtu 1300 address 02:00:00:00:00:31
must ip link show v30
must ip link show v31
refused ip link add v32 mtu 99999 type veth peer name v33
refused ip link add v32 address 01:00:00:00:00:30 type veth peer name v33
refused ip link show v32
refused ip link show v33

say "dummy: what is sent there is gone."
must ip link add d0 address 02:00:00:00:00:d0 type dummy
must ip link show d0
must ip addr add 10.0.0.1/24 dev d0
must ip link set d0 up
must ip link show d0
must ip link set lo up
must ping -c1 10.0.0.1
refused ping -c1 -W1 10.0.0.2
must ip link set d0 mtu 9000
must ip link del d0

say "In detail."
must ip -d link show v30
must ip -d link show lo

say "Into the namespace of a name or nowhere."
must ip netns add a
must ip link add b0 netns a address 02:00:00:00:00:b0 type bridge
must ip -n a link show b0
must ip -n a link add v40 address 02:00:00:00:00:40 type veth peer name v41 address 02:00:00:00:00:41
must ip -n a link show v40
refused ip link add v42 netns nowhere type bridge
