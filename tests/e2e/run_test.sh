#!/bin/sh
# run_test.sh - what `make run` does after building: a server with sample flows and a first query.
. "$(dirname "$0")/lib.sh"
[ "$bin" = "$root/build/release/bin" ] || skip "make run uses the release preset"
port=$(free_udp_port)
out=$(cd "$root" && SLUICE_DATA="$work/run" SLUICE_LISTEN=127.0.0.1:0 SLUICE_MYSQL_LISTEN=127.0.0.1:0 SLUICE_RUN_ONCE=1 SLUICE_SAMPLE_FLOWS=20000 \
    SLUICE_NETFLOW_LISTEN="127.0.0.1:$port" sh packaging/run.sh 2>&1)
same "it ends well" 0 $?
contains "sample flows are loaded" "20000 rows read, 20000 stored" "$out"
contains "a first query answers" "src_addr +bytes +flows|src_addr.*bytes.*flows" "$out"
contains "the address is shown" "native protocol +127.0.0.1:[1-9]" "$out"
finish
