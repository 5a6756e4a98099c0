#!/bin/sh
# corpus_test.sh - every statement of the corpus of MySQL's clients, in its order, in one session. What may
# fail stands below, with the error; anything else that fails, or does not, is named.
. "$(dirname "$0")/lib.sh"
command -v mariadb >/dev/null || skip "no mariadb client here"
corpus="$shared/reference/mysql-corpus.sql"
[ -r "$corpus" ] || skip "no corpus here"
mysql_port=$(free_udp_port)
start_server --mysql-listen "127.0.0.1:$mysql_port"
"$bin/flowgen" --flows 5000 --seed 3 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null
my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --batch --skip-column-names "$@"
}
# The table that the corpus was recorded with is a view here.
my flows -e "CREATE VIEW raw AS SELECT CAST(last_seen AS DATETIME) AS ts, (UNIX_TIMESTAMP(last_seen) DIV 1 * 1) * 1000 AS ts_ms,
    INET_ATON(src_addr) AS src_ip, INET_ATON(dst_addr) AS dst_ip, INET6_ATON(src_addr) AS src6, src_port, dst_port, protocol AS proto,
    in_bytes AS bytes, in_packets AS packets, bps AS rate, app, PROTOCOL_NAME(protocol) AS note FROM flows;
    CREATE VIEW v_top AS SELECT app, SUM(bytes) AS b FROM raw GROUP BY app"

# Parameters of prepared statements get values, and the file that is loaded is one of ours; a line stays a statement.
printf 'x,1\ny,2\n' >"$work/li.csv"
sed -e "s#/tmp/li.csv#$work/li.csv#" -e 's/ts>?/ts>"2026-11-23 08:00:30"/g' -e 's/?/6/g' "$corpus" >"$work/corpus.sql"
my --force flows <"$work/corpus.sql" >"$work/out" 2>"$work/err"

# "NUMBER TEXT": the error that a statement that begins so must give.
cat >"$work/allowed" <<'EOF'
1054 select nosuch
1109 SELECT 1 FROM INFORMATION_SCHEMA.COLUMN_STATISTICS
1241 SELECT `ts`, `dst_port`, `proto`, `bytes`, `app` FROM `flows`.`raw`  WHERE (`proto` = 6, `ts`
1094 KILL QUERY
EOF
grep -E '^ERROR [0-9]+ .* at line [0-9]+' "$work/err" |
    sed -E 's/^ERROR ([0-9]+) .* at line ([0-9]+): (.*)$/\1 \2 \3/' >"$work/failed"
unexpected=0
while read -r number line story; do
    text=$(sed -n "${line}p" "$work/corpus.sql")
    known=no
    while read -r allowed_number allowed; do
        case "$text" in
        "$allowed"*) [ "$number" = "$allowed_number" ] && known=yes ;;
        esac
    done <"$work/allowed"
    if [ $known = no ]; then
        echo "line $line: error $number, $story: $(echo "$text" | cut -c1-200)"
        unexpected=$((unexpected + 1))
    fi
done <"$work/failed"
same "statements that fail and must not" 0 $unexpected
same "no answer is broken" 0 "$(grep -c 'ERROR 1105\|ERROR 20' "$work/err")"
same "the server lives, and what ntopng inserted is in every view" 5001 "$(my flows -e 'SELECT COUNT(*) FROM raw')"
echo "$(wc -l <"$work/failed" | tr -d ' ') of $(grep -vc '^--' "$work/corpus.sql") statements fail as listed"
same "the table of the corpus has its rows" "x	1
x	1
y	2" "$(my flows -e 'SELECT a, b FROM li ORDER BY a, b')"
stop_server
finish
