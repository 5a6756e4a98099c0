# lib.sh - what the scripts of this folder share: a directory of its own, and a server in it. Sourced, from the root
# of the project. Everything is ended and removed when the script ends.
bin=build/release/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-bench-XXXXXX")
server=""
asking="" # clients in the background
cleanup() {
    for pid in $server $asking; do kill -9 "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# start NAME [OPTION...]: a server over the directory NAME; sets $server, $address.
start() {
    name="$1"
    shift
    rm -f "$work/port"
    "$bin/sluiced" --data "$work/$name" --listen 127.0.0.1:0 --netflow-listen off --port-file "$work/port" "$@" \
        2>>"$work/log" &
    server=$!
    until [ -s "$work/port" ]; do
        kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
        sleep 0.05
    done
    address="127.0.0.1:$(head -1 "$work/port")"
}

# stop NAME: end the server that runs, and remove its directory.
stop() {
    kill "$server"
    wait "$server" || true
    server=""
    rm -rf "${work:?}/$1"
}
