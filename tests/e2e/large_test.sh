#!/bin/sh
# large_test.sh - statements of more than 16 MiB, which take several packets: stored whole, also compressed;
# beyond max_allowed_packet refused with MySQL's error, before memory is taken for them.
. "$(dirname "$0")/lib.sh"
command -v mariadb >/dev/null || skip "no mariadb client here"
start_mysql_server

# rows COUNT: an INSERT of so many rows of 105 bytes.
rows() {
    awk -v count="$1" 'BEGIN {
        printf "INSERT INTO flowsv4 (IP_SRC_ADDR, IP_DST_ADDR, L4_DST_PORT, PROTOCOL, LAST_SWITCHED, INFO) VALUES "
        for (i = 1; i <= count; i++)
            printf "%s(%d,167772161,443,6,1795421730,\x27%060d\x27)", (i > 1 ? "," : ""), 3232235776 + i % 60000, i
    }'
}
# my [OPTION...]: a statement from standard input.
my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u root --max-allowed-packet=256M --batch \
        --skip-column-names "$@" flows 2>&1
}
peak_kib() {
    sed -n 's/^VmHWM: *\([0-9]*\) kB/\1/p' "/proc/$server/status"
}

same "what is announced" 67108864 "$(echo 'SELECT @@max_allowed_packet' | my)"
rows 200000 >"$work/20.sql"
same "the statement is that long" yes "$([ "$(stat -c %s "$work/20.sql")" -gt 20000000 ] && echo yes)"
same "20 MiB of rows" "" "$(my <"$work/20.sql")"
same "all are there, once" "200000	200000" "$(echo 'SELECT COUNT(*), COUNT(DISTINCT INFO) FROM flowsv4' | my)"
same "compressed" "" "$(my --compress <"$work/20.sql")"
same "twice" 400000 "$(echo 'SELECT COUNT(*) FROM flowsv4' | my)"
# One packet of exactly 2^24 - 1 bytes has an empty one behind it.
for size in 16777214 16777215 16777216 33554430; do
    head=18 # SELECT LENGTH('x...x') and the command's byte
    { printf "SELECT LENGTH('"; head -c $((size - head)) /dev/zero | tr '\0' x; printf "')"; } >"$work/q.sql"
    same "a text of $size bytes" $((size - head)) "$(my <"$work/q.sql")"
done

before=$(peak_kib)
rows 700000 >"$work/70.sql"
contains "70 MiB are too many" "ERROR 1153 \(08S01\).*'max_allowed_packet'|ERROR 20(06|13)" "$(my <"$work/70.sql")"
same "and are not kept" yes "$([ $(($(peak_kib) - before)) -lt 200000 ] && echo yes)"
same "the others are served" 400000 "$(echo 'SELECT COUNT(*) FROM flowsv4' | my)"
finish
