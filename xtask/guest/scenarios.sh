# Sourced by /init: runs the scenario scripts listed in /etc/guest/scenarios, each in fresh mount
# and network namespaces with an empty /run, and reports what each leaves behind.

# What must be as before when a script has ended: the first namespace's links and addresses, the
# mounts, the names in /run and the processes (kernel threads have no command line).
state() {
    ip addr
    ip route
    cat /proc/self/mounts
    ls -A /run /tmp
    for process in /proc/[0-9]*; do
        command=$(tr '\0' ' ' 2>/dev/null <"$process/cmdline")
        [ -n "$command" ] && echo "process: $command"
    done
}

while read -r name; do
    state >/root/before 2>&1
    report script "$name"
    unshare --net --mount \
        sh -c 'mount -t tmpfs tmpfs /run && cd /scripts && exec sh "$0"' "/scripts/$name.sh" \
        </dev/null 2>&1
    report status $?
    # Processes that were told to end may need a moment to do so.
    for try in 1 2 3 4 5 6 7 8 9 10; do
        state >/root/after 2>&1
        cmp -s /root/before /root/after && break
        sleep 0.1
    done
    report residue
    diff /root/before /root/after
    report done
done </etc/guest/scenarios
report end 0
