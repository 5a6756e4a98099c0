#!/bin/sh
# bench.sh - sluice alone, in minutes: what the engine, the text import and the server's memory cost.
#
#   SLUICE_BENCH_FLOWS    flows of the engine's runs (default 10000000)
#   SLUICE_BENCH_SECONDS  of the sustained runs (default 60)
#   SLUICE_BENCH_PACE     flows a second over loopback UDP (default 1000000)
#   SLUICE_BENCH_LATE     flows a second with late rows, one run for each (default "1000 100000")
#   SLUICE_BENCH_LOAD     rows that are loaded into a server to watch its memory (default 50000000)
#   SLUICE_BENCH_RESULTS  where the report goes (default bench/RESULTS.md)
#
# Needs the release preset (make build). Uses a directory of its own below TMPDIR, removed at the end.
set -eu
cd "$(dirname "$0")/.."
. bench/lib.sh
flows="${SLUICE_BENCH_FLOWS:-10000000}"
load="${SLUICE_BENCH_LOAD:-50000000}"
seconds="${SLUICE_BENCH_SECONDS:-60}"
pace="${SLUICE_BENCH_PACE:-1000000}"
late="${SLUICE_BENCH_LATE:-1000 100000}"
clients=8
results="${SLUICE_BENCH_RESULTS:-bench/RESULTS.md}"
shared="${SLUICE_SHARED:-../shared}"

sluice() {
    "$bin/sluice" --connect "$address" "$@"
}

sql() {
    sluice query "$1" --format csv | tr -d '\r' | tail -n +2
}

# settle NAME: wait until nothing in the directory has changed for three seconds (merges).
settle() {
    sluice flush >/dev/null
    size=""
    same=0
    while [ $same -lt 3 ]; do
        sleep 1
        now=$(du -s -B1 "$work/$1" | cut -f1)
        if [ "$now" = "$size" ]; then same=$((same + 1)); else same=0; fi
        size=$now
    done
}

per_flow() {
    awk -v bytes="$1" -v flows="$2" 'BEGIN { printf "%.2f", bytes / flows }'
}

engine() {
    echo "## Engine: $flows synthetic flows, NetFlow v$1, 8 exporters, datagrams in memory"
    echo
    echo '```'
    "$bin/bench_engine" --dir "$work/engine" --flows "$flows" --version "$1"
    echo '```'
    echo
    rm -rf "$work/engine"
}

# One thread decodes as fast as the store takes it; the same with clients that ask without pause.
sustained() {
    echo "## Sustained: synthetic NetFlow v9 datagrams in memory, $seconds s"
    echo
    echo '```'
    "$bin/bench_sustain" --dir "$work/sustained" --seconds "$seconds" | tee "$work/alone"
    echo '```'
    rm -rf "$work/sustained"
    echo
    echo "## Sustained, while $clients clients ask without pause"
    echo
    echo '```'
    "$bin/bench_sustain" --dir "$work/sustained" --seconds "$seconds" --clients $clients |
        tee "$work/asked"
    awk '/received/ { rate[++n] = $3 }
        END { printf "%.0f %% of the undisturbed rate\n", 100 * rate[2] / rate[1] }' \
        "$work/alone" "$work/asked"
    echo '```'
    echo
    rm -rf "$work/sustained"
}

# The questions of a dashboard, more than can be answered in a run.
questions() {
    awk 'BEGIN {
        for (i = 0; i < 200000; i++) {
            print "time SELECT time_bucket(last_seen, 10) AS t, SUM(bytes) FROM flows LAST 1m GROUP BY t"
            print "time SELECT src_addr, SUM(bytes) AS b FROM flows LAST 1m GROUP BY src_addr ORDER BY b DESC LIMIT 10"
            print "time SELECT * FROM flows ORDER BY last_seen DESC LIMIT 100"
        }
    }'
}

# loopback CLIENTS: flows over UDP, and how many of them are stored. A port that is free now.
loopback() {
    echo "## Loopback UDP: $pace synthetic NetFlow v9 flows/s for $seconds s, $1 clients ask without pause"
    echo
    port=$(python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    start udp --netflow-listen "127.0.0.1:$port"
    asking=""
    questions >"$work/questions"
    for client in $(seq "$1"); do
        "$bin/ask" "$address" <"$work/questions" >"$work/answers.$client" &
        asking="$asking $!"
    done
    laps=$((pace * seconds / 3000000 + 1))
    "$bin/flowgen_send" --to "127.0.0.1:$port" --flows 3000000 --laps $laps --pace "$pace" \
        --rate "$pace" --until now >"$work/sent"
    sleep 2
    for client in $asking; do
        kill "$client"
        wait "$client" 2>/dev/null || true
    done
    asking=""
    sluice flush >/dev/null
    echo '```'
    cat "$work/sent"
    stored=$(sql 'SELECT COUNT(*) FROM flows')
    awk -v stored="$stored" '{ printf "stored %d, lost %d (%.3f %%)\n", stored, $2 - stored, 100 * ($2 - stored) / $2 }' \
        "$work/sent"
    awk -v flows="$stored" -v hz="$(getconf CLK_TCK)" \
        '{ printf "%.3f us of the server'"'"'s CPU a flow, queries included\n", ($14 + $15) / hz * 1e6 / flows }' \
        "/proc/$server/stat"
    sluice query 'SELECT origin, datagrams, kernel_drops, ring_waits FROM system.sources' --format csv | tr -d '\r'
    echo '```'
    echo
    stop udp
}

# Simulated time: see bench_late.c.
late_rows() {
    for rate in $late; do
        echo "## Late rows: $rate synthetic flows/s, 90 minutes of them, none and 1 % up to an hour late"
        echo
        echo '```'
        for percent in 0 1; do
            "$bin/bench_late" --dir "$work/late" --rate "$rate" --late $percent
            rm -rf "$work/late"
        done
        echo '```'
        echo
    done
}

import_text() {
    echo "## nProbe text import: 3000000 synthetic rows, file to durable rows in a running server"
    echo
    "$bin/flowgen" --flows 3000000 --seed 1 --format nprobe >"$work/rows.flows"
    echo '```'
    for round in 1 2 3; do
        start text
        sluice import "$work/rows.flows" --no-progress
        [ "$(sql 'SELECT COUNT(*) FROM flows')" = 3000000 ]
        stop text
    done
    echo '```'
    echo
    rm -f "$work/rows.flows"
}

memory() {
    echo "## Memory: $load synthetic rows loaded through one import, merges on"
    echo
    start load
    echo '```'
    "$bin/flowgen" --flows "$load" --seed 2 --format nprobe |
        sluice import - --type nprobe --no-progress
    settle load
    [ "$(sql 'SELECT COUNT(*) FROM flows')" = "$load" ]
    awk '/^VmHWM/ { printf "peak resident memory of sluiced: %.0f MiB\n", $2 / 1024 }' \
        "/proc/$server/status"
    echo "data directory: $(per_flow "$size" "$load") bytes a flow"
    echo '```'
    echo
    stop load
}

# Connections of an Internet-facing host over 72 hours, seen by Zeek: both directions in one row.
real_rows() {
    file="$shared/data/flows/rita-cloudhost-zeek-conn-2024-04-19_20.csv.zst"
    echo "## Real rows: rita-cloudhost-zeek-conn-2024-04-19_20"
    echo
    if [ ! -e "$file" ]; then
        echo "skipped: the file is not here"
        return
    fi
    zstd -dcq "$file" | awk -F, '
        NR == 1 { print "first_seen,last_seen,src_addr,src_port,dst_addr,dst_port,protocol,in_bytes,in_packets,out_bytes,out_packets"; next }
        { p = $6 == "tcp" ? 6 : $6 == "udp" ? 17 : 1
          printf "%s,%.6f,%s,%s,%s,%s,%d,%d,%d,%d,%d\n", $1, $1 + $8, $2, $3, $4, $5, p, $14, $13, $16, $15 }' \
        >"$work/real.csv"
    start real
    echo '```'
    sluice import "$work/real.csv" --no-progress
    settle real
    count=$(sql 'SELECT COUNT(*) FROM flows')
    echo "data directory: $(per_flow "$size" "$count") bytes a row"
    echo '```'
    stop real
}

mysql_door() {
    echo
    echo "## MySQL's protocol over the native one"
    echo
    echo '```'
    sh bench/bench_mysql.sh
    echo '```'
}

insert_sql() {
    command -v mariadbd >/dev/null || return 0
    echo
    echo "## INSERT statements over MySQL's protocol, beside MariaDB"
    echo
    echo '```'
    sh bench/bench_insert.sh
    echo '```'
}

report() {
    echo "# Results"
    echo
    echo "What \`make bench\` printed. All flows are synthetic (README.md of this folder) unless a heading says otherwise."
    echo
    echo "| | |"
    echo "|---|---|"
    echo "| date | $(date -u +%Y-%m-%d) |"
    echo "| commit | $(git rev-parse --short HEAD)$([ -z "$(git status --porcelain -uno)" ] || echo ' with changes') |"
    echo "| processor | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores |"
    echo "| memory | $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) |"
    echo "| kernel | $(uname -sr) |"
    echo "| compiler | $(cc --version | head -1) |"
    echo
    engine 9
    engine 5
    sustained
    loopback 0
    loopback $clients
    late_rows
    import_text
    memory
    real_rows
    mysql_door
    insert_sql
}

# A pipe would hide a failure in the middle of the report.
report >"$work/report.md"
cp "$work/report.md" "$results"
cat "$results"
