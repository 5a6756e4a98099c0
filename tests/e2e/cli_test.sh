#!/bin/sh
# cli_test.sh - the command line as scripts and people use it: formats, errors, exit statuses.
. "$(dirname "$0")/lib.sh"
start_server
cat >"$work/rows.csv" <<'C'
first_seen,last_seen,src_addr,dst_addr,src_port,dst_port,protocol,in_bytes,in_packets,note
2026-11-23T08:15:30.250Z,2026-11-23T08:15:31Z,10.1.2.3,2001:db8::1,1234,443,tcp,1500,3,"a ""quoted"", note"
2026-11-23T08:15:30Z,2026-11-23T08:15:30Z,10.1.2.4,192.0.2.1,53,5353,17,80,1,
C
sluice import "$work/rows.csv" --no-progress >/dev/null

q="SELECT src_addr, dst_addr, first_seen, in_bytes, note FROM flows ORDER BY in_bytes DESC"
same "csv" 'src_addr,dst_addr,first_seen,in_bytes,note
10.1.2.3,2001:db8::1,2026-11-23T08:15:30.250Z,1500,"a ""quoted"", note"
10.1.2.4,192.0.2.1,2026-11-23T08:15:30Z,80,' "$(sluice query "$q" --format csv | tr -d '\r')"
same "tsv" "$(printf 'src_addr\tnote\n10.1.2.3\ta "quoted", note\n10.1.2.4\t\\N')" \
    "$(sluice query "SELECT src_addr, note FROM flows ORDER BY in_bytes DESC" --format tsv)"
same "json" '[{"src_addr":"10.1.2.3","in_bytes":1500,"note":"a \"quoted\", note"},
{"src_addr":"10.1.2.4","in_bytes":80,"note":null}]' \
    "$(sluice query "SELECT src_addr, in_bytes, note FROM flows ORDER BY in_bytes DESC" --format json)"
contains "vertical" "in_bytes: 1500" "$(sluice query "$q" --format vertical)"
contains "table" "SRC_ADDR|src_addr +dst_addr" "$(sluice query "$q" --format table)"
same "a table without rows has its head" "src_addr in_bytes" \
    "$(sluice query 'SELECT src_addr, in_bytes FROM flows WHERE FALSE' --format table)"
contains "explain" "flows" "$(sluice query "$q" --explain --format csv)"

err=$(sluice query 'SELECT byts FROM flows' 2>&1 >/dev/null)
same "an unknown column points at it" 'sluice: unknown column "byts" at 1:8, did you mean "bytes"?' "$err"
sluice query 'SELECT byts FROM flows' >/dev/null 2>&1
same "and exits with 1" 1 $?
sluice query 'SELECT 1 +' >/dev/null 2>"$work/err"
same "a syntax error exits with 1" 1 $?
same "in one line" 1 "$(wc -l <"$work/err" | tr -d ' ')"
sluice frobnicate >/dev/null 2>&1
same "an unknown command exits with 2" 2 $?
"$bin/sluice" --connect 127.0.0.1:1 query 'SELECT 1' >/dev/null 2>"$work/err"
same "no server exits with 1" 1 $?
contains "and says where it looked" "127.0.0.1:1" "$(cat "$work/err")"
"$bin/sluice" --connect="$address" query 'SELECT 1' >/dev/null 2>&1
same "an option may have its value behind =" 0 $?
err=$("$bin/sluice" --connect 2>&1)
contains "an option without its value is told" "no value behind --connect" "$err"
err=$(sluice query 'SELECT 1' --format 2>&1)
contains "also behind the command" "no value behind --format" "$err"
same "options stand behind the command as well" 2 \
    "$("$bin/sluice" query 'SELECT 1 + 1 AS n' --format=csv --connect="$address" | tail -1 | tr -d '\r')"
same "a statement may begin with a comment" 7 \
    "$(sluice query "$(printf -- '-- seven\nSELECT 7 AS n')" --format tsv | tail -1)"
err=$(sluice query 'SELECT 1' --merge 2>&1)
same "an option of another command is refused" "2 sluice: query does not know --merge; see sluice --help" "$? $err"
for command in query import flush status user check; do
    contains "$command --help is the help" "import FILE" "$("$bin/sluice" $command --help)"
done
err=$(sluice status 2>&1 >/dev/full)
contains "a full disk is told" "output cannot be written" "$err"
"$bin/sluice" --help >/dev/full 2>&1
same "and is a failure, of --help too" 1 $?
mkdir "$work/empty"
err=$("$bin/sluice" check "$work/empty" 2>&1)
same "a directory of something else is not one of sluice" 1 $?
contains "which is said" "$work/empty is no data directory of sluiced" "$err"
same "a statement without rows prints nothing, in every format" "0 0 0 0" \
    "$(for f in csv tsv json table; do
        sluice query "DELETE FROM flows WHERE src_port = 9" --format $f >"$work/nothing" 2>&1
        printf '%s ' $?
    done | sed 's/ $//')"
err=$(sluice query ' ; ' 2>&1)
same "an empty statement is a misuse" 2 $?
err=$(sluice user add bob --role king 2>&1 </dev/null)
same "an unknown role is one, before a password is asked for" "2 sluice: a role is reader, writer or admin, not king; see sluice --help" "$? $err"
for door in 127.0.0.1:99999 127.0.0.1:-1 127.0.0.1:x 127.0.0.1:; do
    err=$(timeout 10 "$bin/sluiced" --data "$work/x" --listen 127.0.0.1:0 --netflow-listen "$door" 2>&1)
    contains "$door has no port" "sluiced: netflow-listen: \"$door\": a port is a number from 0 to 65535" "$err"
done
err=$(timeout 10 "$bin/sluiced" --data "$work/x" --listen off --netflow-listen off 2>&1)
contains "a server without a door is refused" "sluiced: every door is off" "$err"
same "and stays as it is" "" "$(ls "$work/empty")"
timeout 10 "$bin/sluiced" --config "$work" --data "$work/x" --listen 127.0.0.1:0 --netflow-listen off \
    >/dev/null 2>"$work/err"
same "a directory is no file of options" 1 $?
contains "which is said" "cannot read $work" "$(cat "$work/err")"
contains "letters of the locale are shown as they are" "é" \
    "$(LC_ALL=C.UTF-8 sluice query "SELECT 'é' AS e" --format table)"
same "the manual has every option of sluiced" "" "$("$bin/sluiced" --help | sed -n 's/^  --\([a-z-]*\).*/\1/p' |
    grep -v -e help -e http-listen -e sflow-listen -e zmq -e capture |
    while read -r option; do
        tr -d '\\' <"$root/packaging/sluiced.1" | grep -q -- "--$option" || echo "$option"
    done)"
contains "--help is there" "import FILE" "$("$bin/sluice" --help)"
same "the manual has every option of sluice and of sluice-mysql" "" "$(for program in sluice sluice-mysql; do
    "$bin/$program" --help | grep -o -e '--[a-z][a-z-]*' | sort -u | grep -v -e --help -e --version |
        while read -r option; do
            tr -d '\\' <"$root/packaging/$program.1" | grep -q -e "$option" || echo "$program $option"
        done
done)"
err=$("$bin/sluice-mysql" --listen=127.0.0.1:0 now 2>&1)
same "what sluice-mysql does not understand is refused" \
    "2 sluice-mysql: unexpected argument now; see sluice-mysql --help" "$? $err"
contains "sluiced --help is there" "netflow-listen" "$("$bin/sluiced" --help)"
"$bin/sluiced" --data "$work/x" --http-listen 127.0.0.1:7080 >/dev/null 2>"$work/err"
same "an option whose part is not built is refused" 1 "$([ $? != 0 ] && echo 1)"
"$bin/sluiced" --data "$work/x" --memory-limit 1GiB >/dev/null 2>"$work/err"
same "a memory-limit that leaves nothing for queries is refused" 1 $?
contains "with the sum" "leaves less than 64 MiB for queries, after ingest-memory 512MiB and 2 times" "$(cat "$work/err")"
"$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --netflow-listen off >/dev/null 2>"$work/err"
same "a directory that is in use is refused" 1 "$([ $? != 0 ] && echo 1)"
contains "with a reason" "data" "$(cat "$work/err")"

contains "status is one screen" "segments" "$(sluice status)"
out=$(printf 'SELECT COUNT(*) AS n\nFROM flows;\n\\q\n' | HOME="$work" sluice 2>&1)
contains "the shell runs statements over several lines" "^ *2" "$out"
out=$(printf 'SELECT nothing_here FROM flows;\nSELECT 41 + 1;\n' | HOME="$work" sluice 2>&1)
contains "the shell goes on after an error" "42" "$out"
# libedit keeps a few bytes at its end: no leaks are looked for where the status counts.
printf 'SELECT 1;\nSELECT nothing_here;\nSELECT 3;\n' |
    HOME="$work" ASAN_OPTIONS=detect_leaks=0 sluice >/dev/null 2>&1
same "and says in the end that a statement of a script failed" 1 $?
# Each line of the script is a statement or two whose answer is its number.
out=$(HOME="$work" ASAN_OPTIONS=detect_leaks=0 sluice 2>&1 <<'S'
SELECT 100--1 AS n; -- two minus signs are no comment; it's one with a blank
SELECT /* it's; */ 102 AS n; # it's; another
SELECT 103 AS n; SELECT 104 AS n;
/* it's
; over two lines */ SELECT 105 AS "n\";
SELECT 106 AS n
S
)
same "the shell reads statements as the server does, the last one without an end too" "0 101 102 103 104 105 106" \
    "$? $(echo "$out" | grep -E '^ *[0-9]+$' | tr -d ' ' | tr '\n' ' ' | sed 's/ $//')"
sluice query "$(printf 'SELECT SLEEP(30),\n1 AS "\033[31mred"')" >/dev/null 2>&1 &
sleeper=$!
pids="$pids $sleeper"
until sluice status | grep -q SLEEP; do sleep 0.05; done
screen=$(sluice status)
kill "$sleeper"
contains "a statement that runs is one line of it" 'SELECT SLEEP\(30\), 1 AS " \[31mred"' "$screen"
same "a statement that runs cannot drive the terminal of who looks" 0 "$(printf %s "$screen" | tr -d '\n' | tr -cd '[:cntrl:]' | wc -c)"

# More columns than a text of them has room for.
awk 'BEGIN { h = "last_seen"; r = "1700000000"
    for (i = 0; i < 1000; i++) { h = h sprintf(",column_with_a_name_that_is_as_long_as_it_may_be_%08d", i); r = r ",1" }
    print h; print r }' >"$work/wide.csv"
sluice import "$work/wide.csv" --no-progress >/dev/null 2>&1
err=$(sluice query 'SHOW CREATE TABLE flows' 2>&1)
same "a definition that is too long is told" 'sluice: a definition is too long' "$err"

# Standard descriptors that are closed: no socket or file may get their number and be printed into.
(sluice query 'SELECT 1' --format csv >&-) 2>"$work/err"
same "output that is closed is an error" 1 $?
contains "that says so" "output cannot be written" "$(cat "$work/err")"
"$bin/sluiced" --data "$work/closed" --listen 127.0.0.1:0 --netflow-listen off \
    --port-file "$work/closed.port" <&- >&- 2>&- &
closed=$!
pids="$pids $closed"
tries=0
until [ -s "$work/closed.port" ] || [ $tries -gt 600 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
kill "$closed"
wait "$closed"
same "a server without standard descriptors stops in order" 0 $?

contains "system tables answer" "^[0-9]" "$(sql 'SELECT COUNT(*) FROM system.segments')"
finish
