# Files and mounts, as far as named namespaces and containers' tools need them.
. ./lib.sh

say "Files, links, folders, permissions."
must mkdir -p /run/d/e
must sh -c 'echo text >/run/d/f; ln /run/d/f /run/d/hard; ln -s f /run/d/soft; cat /run/d/hard /run/d/soft'
must sh -c 'stat -c "%n %F %h %s %a" /run/d/f /run/d/hard /run/d/soft'
must sh -c 'stat -c "%n %F %h %a" /run/d /run/d/e'
must chmod 600 /run/d/f
must sh -c 'ls -l /run/d/f | cut -c1-10'
must mv /run/d/f /run/d/e/g
must sh -c 'find /run/d | sort'
refused cat /run/d/f
refused rmdir /run/d
refused mkdir /run/d
refused ls /run/d/hard/x
refused setpriv --reuid 1000 --regid 1000 --clear-groups cat /run/d/hard
must rm -r /run/d
refused ls /run/d

say "A bind mount shows the same folder in two places."
must mkdir /run/a /run/b
must sh -c 'echo in a >/run/a/f'
must mount --bind /run/a /run/b
must cat /run/b/f
must sh -c 'echo through b >/run/b/g; cat /run/a/g'
refused rmdir /run/b
must umount /run/b
must ls /run/b
refused umount /run/b

say "A file can be mounted over a file."
must sh -c 'echo one >/run/one; echo two >/run/two'
must mount --bind /run/one /run/two
must cat /run/two
must umount /run/two
must cat /run/two

say "What is mounted in another mount namespace stays there."
must unshare -m sh -c 'mount -t tmpfs tmpfs /run/b && touch /run/b/inside && ls /run/b'
must ls /run/b

say "Unless the mount is shared: then it comes along."
must mount --bind /run/b /run/b
must mount --make-shared /run/b
must unshare -m --propagation unchanged mount -t tmpfs -o size=64k tmpfs /run/b
must sh -c 'grep -c " /run/b " /proc/self/mounts'
must umount /run/b
must umount /run/b

say "A read-only mount refuses to be written."
must mount -t tmpfs -o ro tmpfs /run/b
refused touch /run/b/f
must mount -o remount,rw /run/b
must touch /run/b/f
must umount /run/b

say "A namespace's name is a mount, and going lazily is enough."
must ip netns add n
must sh -c 'grep -c /run/netns/n /proc/self/mounts'
refused rm /run/netns/n
must umount -l /run/netns/n
must rm /run/netns/n
must ip netns list
