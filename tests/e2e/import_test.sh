#!/bin/sh
# import_test.sh - files into a server: every format, every compression, each content once, bad
# lines, and imports that are cut off by a crash of either side.
. "$(dirname "$0")/lib.sh"

"$bin/flowgen" --flows 200000 --rate 2000 --format nprobe >"$work/a.flows"
"$bin/flowgen" --flows 20000 --seed 2 --format csv >"$work/b.csv"
start_server

out=$(sluice import "$work/a.flows" --no-progress)
contains "the summary counts rows" "^200000 rows read, 200000 stored, 0 rejected" "$out"
expected=$(tail -n +2 "$work/a.flows" | awk -F'|' '{ p += $6; b += $7 } END { printf "%d,%d,%d", NR, p, b }')
same "all rows, packets and bytes of the file" "$expected" \
    "$(sql 'SELECT COUNT(*), SUM(in_packets), SUM(in_bytes) FROM flows')"

out=$(sluice import "$work/a.flows" --no-progress)
contains "a second import is recognised" "imported before" "$out"
same "and stores nothing" 200000 "$(sql 'SELECT COUNT(*) FROM flows')"

gzip -k "$work/a.flows"
out=$(sluice import "$work/a.flows.gz" --no-progress)
contains "the same content compressed is recognised" "imported before" "$out"

"$bin/flowgen" --flows 210000 --rate 2000 --format nprobe >"$work/a.flows"
out=$(sluice import "$work/a.flows" --no-progress)
contains "a file that grew is continued" "^10000 rows read, 10000 stored" "$out"
same "with the new rows only" 210000 "$(sql 'SELECT COUNT(*) FROM flows')"

zstd -q "$work/b.csv"
out=$(sluice import "$work/b.csv.zst" --no-progress)
contains "CSV in zstd" "^20000 rows read, 20000 stored" "$out"
out=$(sluice import "$work/b.csv" --again --no-progress)
contains "--again imports once more" "^20000 rows read, 20000 stored" "$out"
same "and stores again" 250000 "$(sql 'SELECT COUNT(*) FROM flows')"

cat >"$work/c.json" <<'J'
{"IPV4_SRC_ADDR":"203.0.113.5","IPV4_DST_ADDR":"198.51.100.7","L4_SRC_PORT":57016,"L4_DST_PORT":443,"PROTOCOL":6,"IN_BYTES":129,"IN_PKTS":2,"OUT_BYTES":1459,"OUT_PKTS":1,"FIRST_SWITCHED":1560962598,"LAST_SWITCHED":1560962598,"L7_PROTO":"0","EXPORTER_IPV4_ADDRESS":"127.0.0.1","42":9}
[{"8":"203.0.113.6","12":"198.51.100.7","7":1,"11":2,"4":17,"1":100,"2":1,"22":1560962598,"21":1560962599},{"8":"203.0.113.7","12":"198.51.100.7","4":"udp","22":1560962598.25}]
{"broken
{"IN_BYTES":"many","FIRST_SWITCHED":1}
J
out=$(sluice import "$work/c.json" --no-progress 2>"$work/err")
same "bad lines do not stop an import" 0 $?
contains "and are counted" "^5 rows read, 3 stored, 2 rejected" "$out"
contains "the first are shown with line and reason" "c.json:3: " "$(cat "$work/err")"
contains "each of them" "c.json:4: .*in_bytes" "$(cat "$work/err")"
same "JSON fields reach their columns" "203.0.113.5,443,129,1459,2019-06-19T16:43:18Z" \
    "$(sql "SELECT src_addr, dst_port, in_bytes, out_bytes, last_seen FROM flows WHERE src_addr = 203.0.113.5")"
sluice import "$work/c.json" --again --strict --no-progress >/dev/null 2>"$work/err"
same "--strict stops at the first bad line" 1 $?
contains "and says which" "c.json:3" "$(cat "$work/err")"
printf 'IN_BYTES|LAST_SWITCHED\nx|y\n' >"$work/bad.flows"
sluice import "$work/bad.flows" --no-progress >/dev/null 2>&1
same "a file of only bad lines fails" 1 $?

mkdir -p "$work/dump/2026/11"
head -101 "$work/a.flows" | sed 's/|6|/|7|/' >"$work/dump/2026/11/00.flows"
head -51 "$work/a.flows" | sed 's/|6|/|8|/' >"$work/dump/2026/11/01.flows"
cp "$work/a.flows" "$work/dump/2026/11/02.flows.temp"
out=$(sluice import "$work/dump" --no-progress)
contains "a directory is walked, .temp files are skipped" "^150 rows read" "$out"
mkdir -p "$work/mixed"
printf 'aggregate: src_host\n! a configuration\n' >"$work/mixed/a.conf"
head -31 "$work/a.flows" | sed 's/|6|/|9|/' >"$work/mixed/b.flows"
err=$(sluice import "$work/mixed" --no-progress 2>&1 >"$work/out")
same "a file without flows fails the walk" 1 $?
contains "but does not end it" "^30 rows read, 30 stored" "$(cat "$work/out")"
contains "and is named" "mixed/a.conf: " "$err"
contains "and counted" "1 of 2 files could not be imported" "$err"
mkdir -p "$work/closed/deep"
head -31 "$work/a.flows" | sed 's/|6|/|11|/' >"$work/closed/c.flows"
ln -s nowhere "$work/closed/a.flows" # what is no file is passed over
if [ "$(id -u)" = 0 ]; then
    unreadable=/proc/self/mem # root reads every file, but not this one
else
    unreadable="$work/closed/b.flows"
    : >"$unreadable"
    chmod 0 "$unreadable"
fi
err=$(sluice import "$unreadable" "$work/gone.flows" "$work/closed" --no-progress 2>&1 >"$work/out")
same "a file that cannot be read fails the import" 1 $?
contains "but does not end it" "^30 rows read, 30 stored" "$(cat "$work/out")"
contains "each is named" "$unreadable" "$err"
contains "with its reason" "gone.flows: No such file" "$err"
contains "and counted" "2 of 3 files could not be imported" "$err"

sluice import /nowhere --no-progress >/dev/null 2>"$work/err"
same "a missing file fails" 1 $?
same "in one line" 1 "$(wc -l <"$work/err" | tr -d ' ')"

# What people try: foreign names, no header, binary files, lines without an end, standard input.
printf 'ts,src_ip\n1560962598,10.0.0.1\n' >"$work/foreign.csv"
err=$(sluice import "$work/foreign.csv" --no-progress 2>&1)
same "a file without a time column fails" 1 $?
contains "and says how to name one, once" "^sluice: .*foreign.csv: .*first_seen or last_seen" "$err"
same "in one line" 1 "$(printf '%s\n' "$err" | wc -l | tr -d ' ')"
sluice import "$work/foreign.csv" --no-progress >/dev/null 2>&1
same "and fails again" 1 $?
printf 'last_seen,src_ip\n1560962598,10.0.0.1\n' >"$work/named.csv"
err=$(sluice import "$work/named.csv" --no-progress 2>&1 >/dev/null)
contains "names that nobody knows are told" "text columns: src_ip" "$err"
head -c 5000 /dev/zero >"$work/zero"
err=$(sluice import "$work/zero" --no-progress 2>&1)
contains "a binary file is refused" "neither text nor a capture" "$err"
{ printf 'IN_BYTES|LAST_SWITCHED\n'; head -c 3000000 /dev/zero | tr '\0' 7; printf '\n5|1560962598\n'; } >"$work/long.flows"
out=$(sluice import "$work/long.flows" --no-progress 2>/dev/null)
contains "a line of megabytes is a bad line, no more" "^2 rows read, 1 stored, 1 rejected" "$out"
out=$(echo '{"IN_BYTES":5,"LAST_SWITCHED":1560962598}' | sluice import - --no-progress)
contains "the type of standard input is told by its first bytes" "^1 rows read, 1 stored" "$out"
printf 'last_seen,src_addr,bytes\n1560962598,10.0.0.1,5\n' >"$work/derived.csv"
err=$(sluice import "$work/derived.csv" --no-progress 2>&1)
same "a field with the name of a computed column is refused" 1 $?
contains "with what it is computed from" 'derived.csv:1: "bytes" is computed from in_bytes and out_bytes' "$err"
printf 'last_seen,src_addr,L4_SRC_PORT,note,src_port\n1560962598,10.0.0.1,5,x,6\n' >"$work/twice.csv"
err=$(sluice import "$work/twice.csv" --no-progress 2>&1)
same "two fields for one column are refused" 1 $?
contains "with both of their names" \
    'twice.csv:1: fields 3 "L4_SRC_PORT" and 5 "src_port" are both src_port; rename or remove one' "$err"
printf 'last_seen,a b,a.b\n1560962598,1,2\n' >"$work/twice.csv"
contains "also names that nobody knows" 'fields 2 "a b" and 3 "a.b" are both a_b' \
    "$(sluice import "$work/twice.csv" --no-progress 2>&1)"
printf 'IPV4_SRC_ADDR|IPV6_SRC_ADDR|LAST_SWITCHED|FLOW_END_MILLISECONDS\n0.0.0.0|2001:db8::77|1560962598|1560962598250\n' \
    >"$work/families.flows"
contains "but not one address of each family, nor two clocks" "^1 rows read, 1 stored" \
    "$(sluice import "$work/families.flows" --no-progress)"
mkfifo "$work/pipe"
printf 'last_seen,src_addr\n1560962598,203.0.113.9\n' >"$work/pipe" &
out=$(sluice import "$work/pipe" --no-progress)
contains "a pipe is read once, and whole" "^1 rows read, 1 stored" "$out"
err=$(sluice import "$work/a.flows" --type pcap 2>&1)
contains "what is not built is refused" "this build" "$err"

# Rows older than the retention.
stop_server
start_server --retention 36500d
printf 'last_seen,src_addr,in_bytes\n1900-01-01T00:00:00Z,10.0.0.1,5\n2026-11-23T08:15:30Z,10.0.0.2,6\n' >"$work/old.csv"
err=$(sluice import "$work/old.csv" --no-progress 2>&1 >"$work/out")
contains "rows older than the retention are rejected" "^2 rows read, 1 stored, 1 rejected" "$(cat "$work/out")"
contains "with that reason and the line" "old.csv:2: the row is older than the retention" "$err"

# A crash of the server in the middle; then of the client. The middle begins when rows have come.
# The client is started without the function, whose process id would be that of a shell.
wait_for_rows() {
    while kill -0 "$client" 2>/dev/null && [ "$(sql 'SELECT COUNT(*) FROM flows')" -le "$1" ]; do
        sleep 0.02
    done
}
"$bin/flowgen" --flows 3000000 --seed 7 --format nprobe >"$work/big.flows"
before=$(sql 'SELECT COUNT(*) FROM flows')
"$bin/sluice" --connect "$address" import "$work/big.flows" --no-progress >"$work/out" 2>&1 &
client=$!
wait_for_rows "$before"
kill_server
wait $client
same "an import fails when the server dies" 1 $?
start_server
stored=$(sed -n 's/.* rows read, \([0-9]*\) stored.*/\1/p' "$work/out")
has=$(sql 'SELECT COUNT(*) FROM flows')
same "and says of no row that it is stored when it is not" yes \
    "$([ "$((before + ${stored:-0}))" -le "$has" ] && echo yes || echo "$stored of $((has - before))")"
"$bin/sluice" --connect "$address" import "$work/big.flows" --no-progress >"$work/out" 2>&1 &
client=$!
wait_for_rows "$has"
kill -INT $client
wait $client
same "Ctrl-C ends an import" 1 $?
contains "which says how to go on" "the import was stopped; import the file again" "$(cat "$work/out")"
stored=$(sed -n 's/.* rows read, \([0-9]*\) stored.*/\1/p' "$work/out")
same "and how much is stored" "$((has + stored))" "$(sql 'SELECT COUNT(*) FROM flows')"
"$bin/sluice" --connect "$address" import "$work/big.flows" --no-progress >"$work/out" 2>&1 &
client=$!
wait_for_rows "$(sql 'SELECT COUNT(*) FROM flows')"
kill -9 $client 2>/dev/null
wait $client 2>/dev/null
out=$(sluice import "$work/big.flows" --no-progress)
same "and goes on without a row lost or doubled" $((before + 3000000)) \
    "$(sql 'SELECT COUNT(*) FROM flows')"
sluice flush
same "flush succeeds" 0 $?
"$bin/sluice" --connect "$address" query 'SELECT * FROM flows' --format json \
    >"$work/rows" 2>"$work/err" &
client=$!
until [ -s "$work/rows" ]; do sleep 0.01; done
kill -INT $client
wait $client
same "Ctrl-C ends a query whose rows come without a pause" 1 $?
contains "which says so" "cancelled" "$(cat "$work/err")"
same "what is cut off is no JSON" "" "$(tail -c 2 "$work/rows" | grep ']')"
stop_server
out=$("$bin/sluice" check "$work/data" 2>&1)
same "the directory is whole" 0 $?
finish
