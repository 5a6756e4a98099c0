# lib.sh - what the end-to-end tests share: a server of their own, questions, comparisons.
#
# A test is called with the folder of the programs as its first argument. It works in a new
# temporary directory ($work), which is removed at the end with every process it started.
set -u
bin=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
shared="${SLUICE_SHARED:-$root/../shared}"
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-e2e-XXXXXX")
pids=""
failures=0

cleanup() {
    for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# A test that cannot run here says why; ctest shows it as skipped (SKIP_RETURN_CODE 77).
skip() {
    echo "skipped: $1"
    exit 77
}

# start_server [OPTION...]: sluiced on free loopback ports over $work/data; sets $server, $address
# and $netflow_port.
start_server() {
    rm -f "$work/port"
    netflow_port=$(free_udp_port)
    "$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --port-file "$work/port" \
        --netflow-listen "127.0.0.1:$netflow_port" "$@" >>"$work/server.log" 2>&1 &
    server=$!
    pids="$pids $server"
    tries=0
    until [ -s "$work/port" ]; do
        if ! kill -0 "$server" 2>/dev/null || [ $tries -gt 600 ]; then
            echo "the server did not start:"
            cat "$work/server.log"
            exit 1
        fi
        sleep 0.05
        tries=$((tries + 1))
    done
    address="127.0.0.1:$(head -1 "$work/port")"
}

# start_mysql_server [OPTION...]: the same with the MySQL door on a free port of $mysql_host
# (127.0.0.1); sets $mysql_port.
start_mysql_server() {
    doors=$(grep -c 'MySQL protocol on' "$work/server.log" 2>/dev/null)
    start_server --mysql-listen "${mysql_host:-127.0.0.1}:0" "$@"
    tries=0
    until [ "$(grep -c 'MySQL protocol on' "$work/server.log")" -gt "${doors:-0}" ] ||
        [ $tries -gt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    mysql_port=$(sed -n 's/.*MySQL protocol on [^ ]*:\([0-9]*\).*/\1/p' "$work/server.log" | tail -1)
}

stop_server() {
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
}

kill_server() {
    kill -9 "$server" 2>/dev/null
    wait "$server" 2>/dev/null
}

# A port that nobody has bound now, by UDP or TCP, and none that a connection is given by itself.
free_udp_port() {
    while :; do
        port=$(awk 'BEGIN { srand('"$$$(date +%N | sed 's/^0*//')"'); print 12000 + int(rand() * 20000) }')
        ss -Htuan 2>/dev/null | grep -q ":$port " || break
    done
    echo "$port"
}

sluice() {
    "$bin/sluice" --connect "$address" "$@"
}

# sql 'STATEMENT': rows as CSV without the header line and without carriage returns.
sql() {
    sluice query "$1" --format csv 2>>"$work/client.log" | tr -d '\r' | tail -n +2
}

# same WHAT EXPECTED ACTUAL
same() {
    if [ "$2" = "$3" ]; then
        echo "ok: $1"
    else
        echo "FAILED: $1"
        echo "  expected: $(printf '%s' "$2" | head -20)"
        echo "  actual:   $(printf '%s' "$3" | head -20)"
        failures=$((failures + 1))
    fi
}

# contains WHAT PATTERN TEXT (grep -E)
contains() {
    if printf '%s\n' "$3" | grep -qE -- "$2"; then
        echo "ok: $1"
    else
        echo "FAILED: $1"
        echo "  no match for: $2"
        echo "  in: $(printf '%s' "$3" | head -20)"
        failures=$((failures + 1))
    fi
}

# wait_for WHAT SECONDS EXPECTED 'STATEMENT': ask until the answer is there.
wait_for() {
    deadline=$(($(date +%s) + $2))
    while :; do
        answer=$(sql "$4")
        [ "$answer" = "$3" ] && break
        [ "$(date +%s)" -lt $deadline ] || break
        sleep 0.1
    done
    same "$1" "$3" "$answer"
}

finish() {
    if [ $failures != 0 ]; then
        echo "--- server log"
        grep -A 40 -m 1 -E 'ERROR: [A-Za-z]*Sanitizer|runtime error' "$work/server.log" || tail -30 "$work/server.log"
        echo "--- client log"
        tail -10 "$work/client.log" 2>/dev/null
        echo "$failures comparisons failed"
        exit 1
    fi
    exit 0
}
