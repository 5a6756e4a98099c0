#!/bin/sh
# nprobe_test.sh - nProbe's statements, and ntopng's over nProbe's table (-F mysql-nprobe), to sluice and to a MariaDB:
# the same answers, and EXPLAIN names what prunes them (corpus/nprobe.py).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/maria_lib.sh"
maria -e 'CREATE DATABASE flows'
if $python "$root/tests/e2e/corpus/nprobe.py" "$mysql_port" "$maria_port" >"$work/differences" 2>&1; then
    echo "ok: $(tail -1 "$work/differences")"
else
    echo "FAILED: the answers are equal"
    tail -40 "$work/differences"
    failures=$((failures + 1))
fi

# What the view's DELETE may remove is what nProbe brought, not what exporters send.
"$bin/flowgen" --flows 500 --seed 3 --format csv >"$work/a.csv"
sluice import "$work/a.csv" --no-progress >/dev/null
same "a DELETE from ntopng's view of nProbe's table leaves other flows" "import	500" \
    "$(my nprobe -e 'DELETE FROM flowsv4; DELETE FROM flowsv6; SELECT origin, COUNT(*) FROM flows.flows GROUP BY origin')"
stop_server
finish
