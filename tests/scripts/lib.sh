# What the scenario scripts share. Sourced by each: `. ./lib.sh`.
#
# A script runs in mount and network namespaces of its own, with an empty /run, on Warren and on
# Linux, and what it prints must be the same on both. It must remove what it made: links and
# namespaces go with the script's own namespaces, processes do not.

set -u

# Says in a sentence what is shown next.
say() {
    printf '\n# %s\n' "$*"
}

# Shows a command and what it prints, and its status unless that is 0.
see() {
    printf '$ %s\n' "$*"
    "$@" 2>&1
    seen=$?
    [ "$seen" -eq 0 ] || printf '(status %s)\n' "$seen"
}

# Shows a command that must succeed; the script ends if it does not.
must() {
    see "$@"
    [ "$seen" -eq 0 ] || fail "this had to succeed: $*"
}

# Shows a command that must fail; the script ends if it does not.
refused() {
    see "$@"
    [ "$seen" -ne 0 ] || fail "this had to fail: $*"
}

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# Ends a process of the script's own and waits until it is gone.
end() {
    kill "$1"
    wait "$1" 2>/dev/null
    return 0
}

# Waits until a command prints a text. Linux reports carrier a moment after it has changed.
# usage: await TEXT COMMAND...
await() {
    wanted=$1
    shift
    for try in $(seq 100); do
        case $("$@" 2>&1) in
        *"$wanted"*) return ;;
        esac
        sleep 0.1
    done
    "$@"
    fail "waited 10 s for '$wanted' of: $*"
}
