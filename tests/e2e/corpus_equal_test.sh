#!/bin/sh
# corpus_equal_test.sh - the corpus of MySQL's clients, and statements of our own, to sluice and to a MariaDB
# that has the same rows, through one client: columns, types, order and values are equal, but for what
# corpus/exceptions.txt names with its reason.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/maria_lib.sh"
command -v mariadb-tzinfo-to-sql >/dev/null || skip "no mariadb-tzinfo-to-sql here"
corpus="$shared/reference/mysql-corpus.sql"
[ -r "$corpus" ] || skip "no corpus here"

mariadb-tzinfo-to-sql /usr/share/zoneinfo 2>/dev/null | maria mysql

# The rows: flows here, in their last file, so that no merge changes the order of those that are equal; there
# tables with the columns that these views have.
"$bin/flowgen" --flows 5000 --seed 3 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null
sluice flush --merge >/dev/null
my flows -e "CREATE VIEW raw AS SELECT CAST(last_seen AS DATETIME) AS ts, (UNIX_TIMESTAMP(last_seen) DIV 1 * 1) * 1000 AS ts_ms,
    INET_ATON(src_addr) AS src_ip, INET_ATON(dst_addr) AS dst_ip, INET6_ATON(src_addr) AS src6, src_port, dst_port, protocol AS proto,
    in_bytes AS bytes, in_packets AS packets, bps AS rate, SERVICE_NAME(dst_port) AS app, PROTOCOL_NAME(protocol) AS note FROM flows;
    CREATE VIEW v_top AS SELECT app, SUM(bytes) AS b FROM raw GROUP BY app"

# copy TABLE: its columns, without those that have no type there, and its rows.
copy() {
    columns="FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'flows' AND TABLE_NAME = '$1' ORDER BY ORDINAL_POSITION"
    my -e "SELECT CONCAT('\`', COLUMN_NAME, '\` ', COLUMN_TYPE, IF(IS_NULLABLE = 'NO', ' NOT NULL', ' NULL')) $columns" |
        paste -sd, | sed "s/^/CREATE TABLE \`$1\` (/; s/\$/)/" | maria flows
    my flows -e "SELECT $(my -e "SELECT IF(DATA_TYPE LIKE '%b%in%' AND DATA_TYPE <> 'bigint' OR DATA_TYPE LIKE '%blob', CONCAT('HEX(\`', COLUMN_NAME, '\`)'), CONCAT('\`', COLUMN_NAME, '\`')) $columns" | paste -sd,) FROM \`$1\`" |
        sed -e 's/\bNULL\b/\\N/g' >"$work/$1.rows"
    maria flows -e "LOAD DATA LOCAL INFILE '$work/$1.rows' INTO TABLE \`$1\` ($(my -e "SELECT IF(DATA_TYPE LIKE '%b%in%' AND DATA_TYPE <> 'bigint' OR DATA_TYPE LIKE '%blob', CONCAT('@\`', COLUMN_NAME, '\`'), CONCAT('\`', COLUMN_NAME, '\`')) $columns" | paste -sd,)) $(my -e "SELECT CONCAT('\`', COLUMN_NAME, '\` = UNHEX(@\`', COLUMN_NAME, '\`)') FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'flows' AND TABLE_NAME = '$1' AND (DATA_TYPE LIKE '%b%in%' AND DATA_TYPE <> 'bigint' OR DATA_TYPE LIKE '%blob')" | paste -sd, | sed 's/^\(.\)/SET \1/')"
    same "$1 has the same rows" "$(my flows -e "SELECT COUNT(*) FROM \`$1\`")" "$(maria flows -e "SELECT COUNT(*) FROM \`$1\`")"
}
maria -e 'CREATE DATABASE flows CHARACTER SET utf8mb4'
for table in raw flowsv4 flowsv6; do copy $table; done
maria flows -e 'CREATE VIEW v_top AS SELECT app, SUM(bytes) AS b FROM raw GROUP BY app'

# Parameters get values; a line stays a statement; the session that sends them is one.
cat "$root/tests/e2e/corpus/statements.sql" >"$work/statements"
sed -e 's/ts>?/ts>"2026-11-23 08:00:30"/g' -e 's/?/6/g' -e 's/; -- @.*//' "$corpus" | grep -v '^-- ' >>"$work/statements"
if $python "$root/tests/e2e/corpus/compare.py" "$mysql_port" "$maria_port" "$work/statements" \
    "$root/tests/e2e/corpus/exceptions.txt" >"$work/differences" 2>&1; then
    echo "ok: $(tail -1 "$work/differences")"
else
    echo "FAILED: the answers are equal"
    cat "$work/differences"
    failures=$((failures + 1))
fi
stop_server
finish
