#!/bin/sh
# bench_insert.sh - INSERT statements into sluice and into MariaDB, the same client, in the same run.
#
#   SLUICE_BENCH_SECONDS  of each measurement (default 5)
#
# Needs the release preset (make build) and mariadb-server. Private ports, and a directory of its own
# below TMPDIR, removed at the end. Durable means that the server synced before it answered: InnoDB
# with innodb_flush_log_at_trx_commit = 1, sluice with mysql-insert-ack = durable.
set -eu
cd "$(dirname "$0")/.."
. bench/lib.sh
seconds="${SLUICE_BENCH_SECONDS:-5}"

free_port() {
    while :; do
        port=$(awk 'BEGIN { srand('"$$$(date +%N | sed 's/^0*//')"'); print 20000 + int(rand() * 30000) }')
        ss -Htln | grep -q ":$port " || break
    done
    echo "$port"
}

my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$port" -u root -e "$1"
}

wait_until_it_answers() {
    tries=0
    until my 'SELECT 1' >/dev/null 2>&1; do
        kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
        [ $tries -lt 300 ] || exit 1
        sleep 0.1
        tries=$((tries + 1))
    done
}

# measure NAME TABLE: one row a statement, then a thousand.
measure() {
    printf '%-28s' "$1"
    "$bin/bench_insert" 127.0.0.1 "$port" ntopng "$2" 8 1 "$seconds"
    printf '%-28s' "$1"
    "$bin/bench_insert" 127.0.0.1 "$port" ntopng "$2" 2 1000 "$seconds"
}

# sluice ACK
run_sluice() {
    port=$(free_port)
    start sluice --mysql-listen "127.0.0.1:$port" --mysql-insert-ack "$1"
    wait_until_it_answers
    measure "sluice, $1" flowsv4
    stop sluice
}

run_mariadb() {
    port=$(free_port)
    mariadb-install-db --no-defaults --datadir="$work/maria" --auth-root-authentication-method=normal \
        --skip-test-db --user="$(id -un)" >"$work/log" 2>&1
    mariadbd --no-defaults --datadir="$work/maria" --port="$port" --bind-address=127.0.0.1 \
        --socket="$work/maria.sock" --pid-file="$work/maria.pid" --user="$(id -un)" \
        --innodb-flush-log-at-trx-commit=1 --max-allowed-packet=64M 2>>"$work/log" &
    server=$!
    wait_until_it_answers
    my 'CREATE DATABASE ntopng'
    for engine in MyISAM InnoDB; do
        my "CREATE TABLE ntopng.flows_$engine (
            idx bigint NOT NULL AUTO_INCREMENT, VLAN_ID smallint(5) unsigned, L7_PROTO smallint(5) unsigned,
            IP_SRC_ADDR int(10) unsigned, L4_SRC_PORT smallint(5) unsigned, IP_DST_ADDR int(10) unsigned,
            L4_DST_PORT smallint(5) unsigned, PROTOCOL tinyint(3) unsigned, IN_BYTES bigint unsigned DEFAULT 0,
            OUT_BYTES bigint unsigned DEFAULT 0, PACKETS int unsigned DEFAULT 0, FIRST_SWITCHED int(10) unsigned,
            LAST_SWITCHED int(10) unsigned, INFO varchar(255), JSON blob, NTOPNG_INSTANCE_NAME varchar(256),
            INTERFACE_ID smallint(5),
            KEY idx (idx, IP_SRC_ADDR, IP_DST_ADDR, FIRST_SWITCHED, LAST_SWITCHED, INFO(200)),
            KEY ix_instance (NTOPNG_INSTANCE_NAME), KEY ix_first (FIRST_SWITCHED, IP_SRC_ADDR, IP_DST_ADDR))
            ENGINE=$engine DEFAULT CHARSET=utf8 PARTITION BY HASH (FIRST_SWITCHED) PARTITIONS 8"
        measure "MariaDB, $engine" "flows_$engine"
    done
    stop maria
}

echo "INSERT over MySQL's protocol, ntopng's table, $seconds s each, synthetic rows:"
run_sluice received
run_sluice durable
run_mariadb
