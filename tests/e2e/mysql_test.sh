#!/bin/sh
# mysql_test.sh - the MySQL door of sluiced with MariaDB's own client: rows, sessions, errors.
. "$(dirname "$0")/lib.sh"
command -v mariadb >/dev/null || skip "no mariadb client here"
start_mysql_server
"$bin/flowgen" --flows 5000 --seed 3 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null

# my 'STATEMENTS': rows of the batch mode, tab-separated, without names.
my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --batch --skip-column-names flows -e "$1" 2>&1
}

top="SELECT src_addr, SUM(bytes) AS b FROM flows GROUP BY src_addr ORDER BY b DESC, src_addr LIMIT 20"
same "rows are those of the native protocol" "$(sql "$top" | tr ',' '\t')" "$(my "$top")"
same "a time is a DATETIME(6)" "$(sql 'SELECT MAX(last_seen) FROM flows' | cut -c1-10)" \
    "$(my 'SELECT MAX(last_seen) FROM flows' | cut -c1-10)"
same "all rows come" 5000 "$(my 'SELECT * FROM flows' | wc -l | tr -d ' ')"
same "user variables live in the session" 6 "$(my 'SET @a = 5; SELECT @a + 1')"
same "in one text too" "7" "$(my 'DELIMITER //
SET @a = 6; SELECT @a + 1 //')"
same "time zones too" "+02:00" "$(my "SET NAMES utf8mb4; SET time_zone = '+02:00'; SELECT @@time_zone")"
same "a time follows its zone" "1970-01-01 02:00:00" \
    "$(my "SET time_zone = '+02:00'; SELECT FROM_UNIXTIME(0)")"
same "summer too" "2026-05-17 08:40:00 2026-01-21 13:53:20" \
    "$(my "SET time_zone = 'Europe/Berlin'; SELECT FROM_UNIXTIME(1779000000), FROM_UNIXTIME(1769000000)" | tr '\t' ' ')"
same "what runs is a table" "Query SELECT 7, COMMAND, INFO FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()" \
    "$(my 'SELECT 7, COMMAND, INFO FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()' | cut -f2- | tr '\t' ' ')"
same "there are no users, so none are listed" 0 "$(my 'SELECT COUNT(*) FROM mysql.user')"
contains "a statement may have a limit of its own" "ERROR 3024|ERROR 1317|ERROR 1205" \
    "$(my 'SET STATEMENT max_execution_time=1 FOR SELECT COUNT(*), SUM(LENGTH(REPEAT(src_addr, 1500))) FROM flows')"
same "without a database there is none, and its tables are those of flows" "1 flows flowsv4 flowsv6 flows information_schema system" \
    "$(mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --batch --skip-column-names \
        -e 'SELECT DATABASE() IS NULL; SHOW TABLES; SHOW DATABASES' | paste -sd' ')"
same "USE changes the database" other "$(my 'USE other; SELECT DATABASE()')"
same "transactions begin and end nothing" 5000 "$(my 'BEGIN; SELECT COUNT(*) FROM flows; COMMIT')"
same "ROW_COUNT() is what a statement changed" "2 -1 0" "$(my "CREATE TABLE counted (n int); INSERT INTO counted VALUES (1), (2);
SELECT ROW_COUNT(); SELECT ROW_COUNT(); DELETE FROM counted WHERE n > 5; SELECT ROW_COUNT(); DROP TABLE counted" | paste -sd' ')"
same "what was doubtful is shown" "12 0 1 Warning 1292 Truncated incorrect DOUBLE value: '12abc' 1" \
    "$(my "SELECT '12abc' + 0, '' ; SHOW COUNT(*) ERRORS; SHOW COUNT(*) WARNINGS; SHOW WARNINGS; SELECT @@warning_count" | tr '\t' ' ' | paste -sd' ' | sed 's/  */ /g')"
same "until the next statement" "1" "$(my "SELECT '12abc' + 0 FROM flows LIMIT 0; SELECT 1; SHOW WARNINGS")"
contains "a failure is, too" "Error 1054 unknown column .nope." \
    "$(echo 'SELECT nope FROM flows; SHOW ERRORS;' | mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --batch --force --skip-column-names flows 2>/dev/null | tr '\t' ' ')"
same "rows of INSERT IGNORE that are no flows are told" "Warning 1366 Warning 1364" \
    "$(my "INSERT IGNORE INTO flows (last_seen) VALUES ('never'); SHOW WARNINGS" | cut -f1,2 | tr '\t' ' ' | paste -sd' ')"
same "IF NOT EXISTS is a note" "Note 1050 Table 'twice' already exists" \
    "$(my 'CREATE TABLE twice (n int); CREATE TABLE IF NOT EXISTS twice (n int); SHOW WARNINGS; DROP TABLE twice' | tr '\t' ' ')"
# status NAME: its value in SHOW GLOBAL STATUS.
status() {
    my "SHOW GLOBAL STATUS LIKE '$1'" | cut -f2
}
selects=$(status Com_select) inserts=$(status Com_insert) questions=$(status Questions)
my "SELECT 1; SHOW TABLES; SELECT COUNT(*) FROM flows; SELECT nope; SELECT 3" >/dev/null
my "CREATE TABLE counted (n int); INSERT INTO counted VALUES (1); DROP TABLE counted" >/dev/null
same "SHOW GLOBAL STATUS counts statements, those that failed too, and answers" "2 1 10" \
    "$(($(status Com_select) - selects)) $(($(status Com_insert) - inserts)) $(($(status Questions) - questions))"
contains "SHOW STATUS says who is there" "^Threads_connected [1-9][0-9]* Threads_running [1-9][0-9]*$" \
    "$(my "SHOW STATUS LIKE 'Threads%'" | tr '\t' ' ' | paste -sd' ')"
same "FOUND_ROWS() is what it gave" "1 2 3 3" "$(my 'SELECT 1 UNION SELECT 2 UNION SELECT 3; SELECT FOUND_ROWS()' | paste -sd' ')"
same "in one text too" "1 1 -1" "$(my 'DELIMITER //
SELECT 1; SELECT FOUND_ROWS(); SELECT ROW_COUNT() //' | paste -sd' ')"
same "SQL_CALC_FOUND_ROWS counts beyond the LIMIT" "5000 1 2 3" "$(my 'SELECT SQL_CALC_FOUND_ROWS NULL FROM flows LIMIT 0; SELECT FOUND_ROWS();
SELECT SQL_CALC_FOUND_ROWS x FROM (SELECT 1 AS x UNION SELECT 2 UNION SELECT 2 UNION SELECT 3) t ORDER BY x LIMIT 2; SELECT FOUND_ROWS()' | paste -sd' ')"
same "an account and where it comes from" "anyone@127.0.0.1 anyone@% admin" \
    "$(my 'SELECT USER(), CURRENT_USER(), CURRENT_ROLE()' | tr '\t' ' ')"
contains "grants are those of the role" 'GRANT ALL PRIVILEGES ON \*\.\* TO .anyone.@.%. WITH GRANT OPTION' "$(my 'SHOW GRANTS')"
same "an error points" 'ERROR 1054 (42S22) at line 1: unknown column "byts" at 1:8, did you mean "bytes"?' \
    "$(my 'SELECT byts FROM flows' | tail -1)"
contains "what would be ignored is refused" "ERROR 1235" "$(my "SET sql_mode = 'ANSI_QUOTES'")"
contains "variables of the server cannot be set" "ERROR 1235" "$(my 'SET GLOBAL autocommit = 1')"
# SLEEP takes no worker: more sleep than there are, and others are answered.
sleepers=""
for i in $(seq 1 40); do
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone -e 'SELECT SLEEP(3000)' >"$work/slept.$i" 2>&1 &
    sleepers="$sleepers $!"
done
wait_for "many sleep" 30 40 "SELECT COUNT(*) FROM system.queries WHERE statement = 'SELECT SLEEP(3000)'"
same "and others are answered" "5000" "$(my 'SELECT COUNT(*) FROM flows')"
my "$(sql "SELECT GROUP_CONCAT(CONCAT('KILL QUERY ', connection_id) SEPARATOR ';') FROM system.queries WHERE statement = 'SELECT SLEEP(3000)'" | tr -d '\"')"
wait $sleepers
same "until KILL wakes them" 40 "$(cat "$work"/slept.* | grep -c 'ERROR 1317 (70100)')"
before=$(date +%s%N)
same "SLEEP is 0" "0 7" "$(my 'SELECT SLEEP(0.3), 7' | tr '\t' ' ')"
same "and takes its time" yes "$([ $(($(date +%s%N) - before)) -ge 300000000 ] && echo yes)"
contains "but no more than a statement may" "ERROR 3024" "$(my 'SET STATEMENT max_execution_time=1 FOR SELECT SLEEP(3000)')"
mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone -e 'SELECT SLEEP(3001)' >/dev/null 2>&1 &
gone=$!
wait_for "a client sleeps" 10 1 "SELECT COUNT(*) FROM system.queries WHERE statement = 'SELECT SLEEP(3001)'"
kill -9 $gone
wait_for "and its statement ends when it is gone" 10 0 "SELECT COUNT(*) FROM system.queries WHERE statement = 'SELECT SLEEP(3001)'"
# A result that nobody reads stays open; another connection ends it.
"$bin/flowgen" --flows 60000 --seed 4 --format nprobe >"$work/b.flows"
sluice import "$work/b.flows" --no-progress >/dev/null
mkfifo "$work/unread"
mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --quick flows \
    -e "SELECT *, LPAD(in_bytes, 2000, 'x') FROM flows" >"$work/unread" 2>"$work/killed" &
victim=$!
exec 3<"$work/unread"
wait_for "a long query is seen" 10 1 \
    "SELECT COUNT(*) FROM system.queries WHERE statement LIKE 'SELECT *, LPAD%'"
id=$(sql "SELECT connection_id FROM system.queries WHERE statement LIKE 'SELECT *, LPAD%'")
same "KILL QUERY is obeyed" "" "$(my "KILL QUERY $id")"
cat <&3 >/dev/null
wait $victim
exec 3<&-
contains "the victim is told" "ERROR 1317 \(70100\)" "$(cat "$work/killed")"
contains "KILL of nobody" "ERROR 1094 \(HY000\).*Unknown thread id: 999999" "$(my 'KILL 999999')"
same "the server lives" 65000 "$(my 'SELECT COUNT(*) FROM flows')"
slow="select max(length(replace(lpad(src_addr, 500, 'ab'), 'a', 'bc'))) from flows"
for part in 1 2 3 4 5 6; do slow="$slow union all $slow"; done
# A client that disappears takes its statement with it.
mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u root flows -e "$slow" >/dev/null 2>&1 &
gone=$!
running="SELECT COUNT(*) FROM system.queries WHERE statement LIKE 'select max(length(%'"
wait_for "a client asks for much" 10 1 "$running"
kill -9 $gone
wait_for "and its statement ends when it is gone" 10 0 "$running"
# A stop in the middle of statements: all are told, and nothing holds the server up.
asking=""
for i in 1 2 3; do
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u root flows -e "$slow" >"$work/slow.$i" 2>&1 &
    asking="$asking $!"
done
mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u root --local-infile flows \
    -e "LOAD DATA LOCAL INFILE '/dev/zero' INTO TABLE flows (last_seen)" >"$work/slow.4" 2>&1 &
asking="$asking $!"
sleep 1
before=$(date +%s)
stop_server
same "a stop takes a moment" yes "$([ $(($(date +%s) - before)) -lt 30 ] && echo yes)"
wait $asking
same "everybody is told" 4 "$(cat "$work"/slow.* | grep -c "ERROR")"
contains "and it was in order" "stopped" "$(tail -1 "$work/server.log")"

timeout 60 "$bin/sluiced" --data "$work/x" --mysql-listen 0.0.0.0:0 --listen 127.0.0.1:0 --netflow-listen off \
    >/dev/null 2>"$work/err"
same "a door to everybody is refused" 1 $?
contains "with the reason" "not a loopback address" "$(cat "$work/err")"
finish
