#!/bin/sh
# run.sh - start sluiced on loopback with sample flows, and show a first query.
#
# Data goes to SLUICE_DATA (default build/run/data) and stays there. Sample flows are generated,
# ending now, so that LAST 1h has something to show; they are loaded once. Ctrl-C ends it.
# SLUICE_RUN_ONCE=1 ends it after the first query.
set -eu
cd "$(dirname "$0")/.."
bin=build/release/bin
data="${SLUICE_DATA:-build/run/data}"
flows="${SLUICE_SAMPLE_FLOWS:-300000}"
mkdir -p "$data"
port_file="$data.port"
rm -f "$port_file"

"$bin/sluiced" --data "$data" --listen "${SLUICE_LISTEN:-127.0.0.1:7010}" \
    --mysql-listen "${SLUICE_MYSQL_LISTEN:-127.0.0.1:3307}" \
    --netflow-listen "${SLUICE_NETFLOW_LISTEN:-127.0.0.1:2055}" --port-file "$port_file" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; exit 0' INT TERM
waited=0
until [ -s "$port_file" ]; do
    kill -0 $server 2>/dev/null || { wait $server; exit 1; }
    sleep 0.1
    waited=$((waited + 1))
    [ $waited -lt 300 ] || { echo "sluiced did not get ready in 30 seconds" >&2; exit 1; }
done
address="127.0.0.1:$(head -1 "$port_file")"

stored=$("$bin/sluice" --connect "$address" query 'SELECT COUNT(*) FROM flows' --format csv | tr -d '\r' | tail -1)
if [ "$stored" = 0 ]; then
    echo "loading $flows generated sample flows"
    "$bin/flowgen" --flows "$flows" --rate 100 --until now --format nprobe |
        "$bin/sluice" --connect "$address" import - --type nprobe --no-progress
fi
show() {
    echo
    echo "$ sluice query \"$1\""
    "$bin/sluice" --connect "$address" query "$1" --format table
}
mysql_port=${SLUICE_MYSQL_LISTEN:-127.0.0.1:3307}
mysql_port=${mysql_port##*:}
show "SELECT src_addr, SUM(bytes) AS bytes, COUNT(*) AS flows FROM flows LAST 1h GROUP BY src_addr ORDER BY bytes DESC LIMIT 5"
echo
echo "native protocol  $address   (build/release/bin/sluice is the shell; --help)"
echo "MySQL protocol   ${SLUICE_MYSQL_LISTEN:-127.0.0.1:3307}   (mariadb -h 127.0.0.1 -P $mysql_port flows)"
echo "NetFlow, IPFIX   ${SLUICE_NETFLOW_LISTEN:-127.0.0.1:2055} UDP"
if [ "${SLUICE_RUN_ONCE:-0}" = 1 ]; then
    kill $server
    wait $server
    exit 0
fi
echo "Ctrl-C ends the server; the data stays in $data"
wait $server
