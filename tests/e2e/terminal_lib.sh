# terminal_lib.sh - keys into a terminal (tmux), and what its screen shows. Behind lib.sh.
command -v tmux >/dev/null || skip "tmux is not installed"

# One tmux server for each shell: one that just lost its last session may still answer while it ends.
shells=0
tmux_() {
    tmux -L "sluice-$$-$shells" -f /dev/null "$@"
}
trap 'tmux_ kill-server 2>/dev/null; cleanup' EXIT

keys() {
    tmux_ send-keys -t shell "$@"
}

# say LINE: typed, with Enter. (A ; at the end would be tmux's own.)
say() {
    keys -l "${1%;}"
    [ "$1" = "${1%;}" ] || keys -l '\;'
    keys Enter
}

screen() {
    tmux_ capture-pane -p -t shell
}

# shows WHAT PATTERN: the screen has a line of this form within five seconds.
shows() {
    tries=0
    until screen | grep -qE -- "$2" || [ $tries -gt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    contains "$1" "$2" "$(screen)"
}
