# What a shell needs of its kernel: processes, pipes, signals, statuses.
. ./lib.sh

say "Pipes and redirections."
must sh -c 'seq 5 | sort -r | tr "\n" " "; echo'
must sh -c 'echo to a file >/run/f; echo more >>/run/f; cat </run/f; wc -l </run/f'
must sh -c 'cat <<X
a here-document
X'
must sh -c 'echo error >&2; echo output' 2>&1
must sh -c 'yes | head -n 3'
must sh -c 'seq 100000 | wc -c'

say "Statuses."
see sh -c 'exit 3'
see sh -c 'kill -TERM $$'
see sh -c 'no-such-program'
see sh -c '/etc/passwd'
see sh -c 'true | false'
see sh -c '(exit 4); echo $?'

say "Background, wait, kill."
must sh -c 'sleep 0.2 & wait $!; echo done'
must sh -c 'sleep 60 & kill $!; wait $!; echo $?'
must sh -c 'sleep 60 & kill -KILL $!; wait $!; echo $?'
must sh -c 'sleep 60 & p=$!; kill -0 $p && echo there; kill $p; wait $p; kill -0 $p 2>/dev/null || echo gone'

say "Traps."
must sh -c 'trap "echo got it" USR1; kill -USR1 $$; echo after'
must sh -c 'trap "echo bye" EXIT; exit 0'
see sh -c 'trap "" TERM; kill $$; echo survived'
must timeout 1 sh -c 'trap "echo told to end; exit 0" TERM; while :; do sleep 0.1; done'
see timeout -s KILL 1 sleep 60

say "A writer without readers is told."
see bash -c 'yes | true; echo "${PIPESTATUS[0]}"'

say "Who am I."
must id
must setpriv --reuid 1000 --regid 1000 --clear-groups id
must sh -c 'cd /tmp && pwd'
must uname -sm
must sh -c 'readlink /proc/self/exe; cat /proc/self/comm'
must env -i A=1 B=2 env

say "Many processes, one after the other."
must sh -c 'i=0; while [ $i -lt 100 ]; do /bin/true || exit 1; i=$((i+1)); done; echo $i'
