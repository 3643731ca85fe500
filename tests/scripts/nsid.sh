# Numbers one namespace has for others.
. ./lib.sh

must ip netns add a
must ip netns add b
must ip netns list-id
must ip netns set a 7
must ip netns list-id
refused ip netns set b 7
refused ip netns set a 8
must ip netns set b auto
must ip netns list-id
must sh -c 'ip netns list | sort'

say "A cable to a namespace without a number gives it one."
must ip netns add c
must ip link add v0 type veth peer name v1 netns c
must ip link show v0
must ip netns list-id
must ip -n c link show v1
