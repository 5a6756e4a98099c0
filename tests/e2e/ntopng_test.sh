#!/bin/sh
# ntopng_test.sh - ntopng's statements with every combination of their parameters, to sluice and to a MariaDB that has
# taken the same INSERTs: the same answers, and EXPLAIN names what prunes them (corpus/ntopng.py).
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/maria_lib.sh"
maria -e 'CREATE DATABASE flows'
if $python "$root/tests/e2e/corpus/ntopng.py" "$mysql_port" "$maria_port" >"$work/differences" 2>&1; then
    echo "ok: $(tail -1 "$work/differences")"
else
    echo "FAILED: the answers are equal"
    tail -40 "$work/differences"
    failures=$((failures + 1))
fi
stop_server
finish
