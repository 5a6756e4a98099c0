#!/bin/sh
# clickhouse_test.sh - the second recipe of docs/DISTRIBUTION.md: ClickHouse (chdb of npm, in the version and
# the folder of bench/peers) reads servers with mysql(): conditions and whole statements are worked off by
# the server, as the number of rows that it sends shows.
root=$(cd "$(dirname "$0")/../.." && pwd)
modules="${SLUICE_PEERS_MODULES:-$root/build/peers}"
command -v node >/dev/null && command -v npm >/dev/null && command -v mariadb >/dev/null ||
    { echo "skipped: no node, npm and mariadb client here"; exit 77; }
if [ ! -d "$modules/node_modules/chdb" ]; then
    mkdir -p "$modules"
    npm install --prefix "$modules" --no-fund --no-audit --loglevel=error chdb@3.4.0 >/dev/null 2>&1 ||
        { echo "skipped: npm cannot install chdb"; exit 77; }
fi
. "$(dirname "$0")/partition_lib.sh"
export NODE_PATH="$modules/node_modules"

# ask 'STATEMENT'...: ClickHouse's rows; what it says besides goes into a file.
ask() {
    node "$root/tests/e2e/drivers/clickhouse.js" "$@" 2>"$work/clickhouse.log"
}

# table PORT: flows of a server, for FROM. answer PORT 'STATEMENT': what it answers to a statement.
table() {
    echo "mysql('127.0.0.1:$1', 'flows', 'flows', 'reader', '$password')"
}
answer() {
    echo "mysql('127.0.0.1:$1', 'flows', query('$2'), 'reader', '$password')"
}

# rows_sent: by the server in the south, since it started.
rows_sent() {
    address=$south_address
    sql "SELECT value FROM system.metrics WHERE name = 'rows_sent'"
}

# sent 'STATEMENT': the rows that this server sends while ClickHouse works it off, without the one of the count.
sent() {
    before=$(rows_sent)
    ask "$1" >/dev/null
    echo $(($(rows_sent) - before - 1))
}

south=$(table "$south_port")
whole=$(table "$whole_port")
columns="last_seen, exporter_addr, src_addr, dst_addr, src_port, dst_port, protocol, app, in_bytes, sampling_divisor"
first="ORDER BY last_seen, src_port, dst_port, in_bytes LIMIT 500"
same "columns come as they are" "$(alone "SELECT $columns FROM flows $first" | sed 's/NULL/\\N/g')" \
    "$(ask "SELECT $columns FROM $whole $first")"

# What it sends about its columns is the same each time; the rest are rows of flows.
few="protocol = 17 AND dst_port IN (53, 443) AND src_addr != '10.10.1.14' AND NOT (in_packets > 3 OR app IS NULL)"
window="last_seen >= '2026-11-23 08:00:00.2' AND last_seen < '2026-11-23 08:00:00.8'"
none=$(sent "SELECT app FROM $south WHERE protocol = 255")
address=$south_address
matches=$(sql "SELECT COUNT(*) FROM flows WHERE $few AND $window")
same "some rows fulfil the conditions, not all" yes "$([ "$matches" -gt 100 ] && [ "$matches" -lt 5000 ] && echo yes)"
same "only they are sent" "$matches" \
    "$(($(sent "SELECT app, sum(in_bytes) FROM $south WHERE $few AND $window GROUP BY app") - none))"
same "and the answer is right" "$(alone "SELECT app, SUM(in_bytes) FROM flows WHERE $few AND $window GROUP BY app ORDER BY app")" \
    "$(ask "SELECT app, sum(in_bytes) FROM $whole WHERE $few AND $window GROUP BY app ORDER BY app")"

groups="SELECT app, SUM(bytes) AS b, COUNT(*) AS n FROM flows GROUP BY app"
address=$south_address
same "of a whole statement only its groups are sent" "$(sql "$groups" | wc -l)" \
    "$(sent "SELECT app, b FROM $(answer "$south_port" "$groups")")"
same "the union of both servers' groups is the answer" "$(alone "$groups ORDER BY app")" \
    "$(ask "SELECT app, sum(b), sum(n) FROM (SELECT * FROM $(answer "$north_port" "$groups")
        UNION ALL SELECT * FROM $(answer "$south_port" "$groups")) GROUP BY app ORDER BY app")"
ask "SELECT * FROM $(answer "$south_port" 'SELECT byts FROM flows')"
contains "an error of the server is one of ClickHouse" "BadQuery" "$(cat "$work/clickhouse.log")"
stop_server
finish
