# A new namespace has a loopback link of its own; the parent keeps its own.
. ./lib.sh

say "The parent's loopback is up."
must ip link set lo up
must ip link

say "A new namespace has one of its own, which is down, and works once it is up."
must unshare -n sh -c 'ip link; ip link set lo up; ping -c1 127.0.0.1'

say "While it is down, nobody answers there."
refused unshare -n ping -c1 -W1 127.0.0.1

say "All of 127.0.0.0/8 is local, and an address added to lo answers too."
must unshare -n sh -c 'ip link set lo up; ip addr; ping -c2 -i0.1 127.1.2.3'
must unshare -n sh -c 'ip addr add 10.1.2.3/32 dev lo; ip link set lo up; ping -c1 10.1.2.3'

say "Taking lo down again removes its routes."
must unshare -n sh -c 'ip link set lo up; ip link set lo down; ip addr; ip route show table local'

say "The parent still sees its own link, and nothing else."
must ip link
must ping -c1 127.0.0.1
