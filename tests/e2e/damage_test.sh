#!/bin/sh
# damage_test.sh - a damaged byte in a segment: the query that needs it fails and names file and
# offset, the server lives, everything else still answers, and check finds it.
. "$(dirname "$0")/lib.sh"
"$bin/flowgen" --flows 100000 --rate 5000 --format nprobe >"$work/a.flows"
"$bin/flowgen" --flows 1000 --seed 3 --rate 1000 --format csv | sed 's/2026-11-23T08/2026-11-22T05/g' >"$work/b.csv"
start_server
sluice import "$work/a.flows" "$work/b.csv" --no-progress >/dev/null
sluice flush
stop_server
largest=$(ls -S "$work"/data/segments/*.segment | head -1)
size=$(wc -c <"$largest")
out=$("$bin/sluice" check "$work/data" 2>&1)
same "whole before" 0 $?

flip() { # FILE OFFSET
    byte=$(od -An -tu1 -j "$2" -N1 "$1" | tr -d ' ')
    printf "$(printf '\\%03o' $((byte ^ 255)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
for part in 3 2; do
    offset=$((size / part))
    flip "$largest" $offset
    out=$("$bin/sluice" check "$work/data" 2>&1)
    same "check fails" 1 $?
    contains "and names the file" "$(basename "$largest").*offset" "$out"
    start_server
    err=$(sluice query 'SELECT * FROM flows' --format csv 2>&1 >/dev/null)
    contains "a query that needs the byte names the file" "$(basename "$largest")" "$err"
    contains "and the offset" "offset [0-9]+" "$err"
    same "other rows still answer" 1000 \
        "$(sql "SELECT COUNT(*) FROM (SELECT * FROM flows WHERE last_seen < '2026-11-23') t")"
    same "the server lives" 42 "$(sql 'SELECT 41 + 1')"
    stop_server
    flip "$largest" $offset
done
out=$("$bin/sluice" check "$work/data" 2>&1)
same "whole again" 0 $?

# Wherever the damage is, check names the file below the directory, once, the offset, and what to do.
name=segments/$(basename "$largest")
for offset in 0 9 40 $((size - 200)) $((size - 20)) $((size - 3)); do
    flip "$largest" $offset
    out=$("$bin/sluice" check "$work/data" 2>&1)
    contains "check names the place of damage at $offset" "^sluice: $name: offset [0-9]+: [a-z]" "$out"
    same "once" 1 "$(printf '%s\n' "$out" | grep -o "$(basename "$largest")" | wc -l | tr -d ' ')"
    contains "and says what to do" "^sluice: put a damaged segment back from a backup" "$out"
    flip "$largest" $offset
done
flip "$largest" 0
# What the advice says: without the catalog sluiced takes the segments that are whole.
cp -a "$work/data" "$work/copy"
mv "$work/data/catalog" "$work/catalog"
start_server
same "it goes on without that segment" 1000 "$(sql "SELECT COUNT(*) FROM flows WHERE last_seen < '2026-11-23'")"
same "which is put aside" 1 "$(ls "$work/data/segments" | grep -c "$(basename "$largest").")"
stop_server
rm -rf "$work/data"
mv "$work/copy" "$work/data"
flip "$largest" 0
flip "$work/data/catalog/data.mdb" 2
out=$("$bin/sluice" check "$work/data" 2>&1)
contains "of the catalog too" "^sluice: catalog/data.mdb: .*page 0.*offset" "$out"
contains "with what to do" "^sluice: start sluiced: it puts a damaged catalog aside" "$out"
flip "$work/data/catalog/data.mdb" 2
for journal in "$work"/data/journal/*.journal; do
    flip "$journal" 3
    out=$("$bin/sluice" check "$work/data" 2>&1)
    contains "and of the journal" "^sluice: journal/$(basename "$journal"): offset 0: " "$out"
    contains "with what to do there" "^sluice: start sluiced: it takes what is whole of the journal" "$out"
    flip "$journal" 3
done
"$bin/sluice" check "$work/data" >/dev/null 2>&1
same "whole at the end" 0 $?
finish
