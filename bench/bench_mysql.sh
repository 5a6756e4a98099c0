#!/bin/sh
# bench_mysql.sh - what the MySQL door costs over the native protocol: a statement of one row, and a million rows of
# ten columns. Paired rounds in one server.
#
#   SLUICE_BENCH_ROUNDS  of the million rows (default 7); of the one row there are 500 times as many
#
# Needs the release preset (make build). Free loopback ports, and a directory of its own below TMPDIR, removed at the end.
set -eu
cd "$(dirname "$0")/.."
. bench/lib.sh
rounds="${SLUICE_BENCH_ROUNDS:-7}"

start data --mysql-listen 127.0.0.1:0
native_port=${address#*:}
mysql_port=$(sed -n 's/.*MySQL protocol on [^ ]*:\([0-9]*\).*/\1/p' "$work/log")
"$bin/flowgen" --flows 1000000 --seed 1 --format nprobe |
    "$bin/sluice" --connect "127.0.0.1:$native_port" import - --type nprobe --no-progress >/dev/null
"$bin/sluice" --connect "127.0.0.1:$native_port" flush >/dev/null

echo "MySQL's protocol and the native one, the same server and statement, synthetic flows:"
measure() {
    "$bin/bench_mysql" 127.0.0.1 "$native_port" "$mysql_port" "$@"
}
measure $((rounds * 500)) "SELECT 1"
measure $((rounds * 500)) "SELECT COUNT(*), MAX(last_seen) FROM flows WHERE dst_addr = '198.51.100.1'"
measure "$rounds" "SELECT last_seen, src_addr, dst_addr, src_port, dst_port, protocol, in_bytes, in_packets, src_as, app FROM flows"
stop data
