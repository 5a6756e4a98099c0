#!/bin/sh
# insert_test.sh - rows that INSERT brings: values of every form, errors, restarts, what DELETE removes.
. "$(dirname "$0")/lib.sh"
command -v mariadb >/dev/null || skip "no mariadb client here"
mysql_port=$(free_udp_port)

# my 'STATEMENTS': rows of the batch mode, tab-separated, without names.
my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --batch --skip-column-names ntopng -e "$1" 2>&1
}

start() {
    start_server --mysql-listen "127.0.0.1:$mysql_port" "$@"
}

start
"$bin/flowgen" --flows 500 --seed 3 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null

same "a row goes in and is there at once" "10.1.2.3	192.168.1.10	443	4096	2026-11-23 08:15:31.000000" "$(my "
INSERT INTO flows (IPV4_SRC_ADDR, dst_addr, L4_DST_PORT, IN_BYTES, FIRST_SWITCHED, LAST_SWITCHED)
    VALUES ('10.1.2.3', '3232235786', '443', 4000 + 96, '1795421730', 1795421731);
SELECT src_addr, dst_addr, dst_port, in_bytes, last_seen FROM flows WHERE dst_port = 443 AND in_bytes = 4096")"
same "many rows, of every form" "1	10.0.0.1	6
2	10.0.0.2	17
3	2001:db8::1	1
4	10.0.0.4	0" "$(my "
INSERT IGNORE INTO flows (src_port, src_addr, protocol, last_seen) VALUES
    (1, '10.0.0.1', 'tcp', 1795421730), ('2', 167772162, 0x11, '1795421730.25'),
    (3, '2001:db8::1', IF(1, 1, 0), '2026-11-23 08:15:30'), (1 + 3, '10.0.0.4', NULL, FROM_UNIXTIME(1795421730));
SELECT src_port, src_addr, protocol FROM flows WHERE src_port BETWEEN 1 AND 4 AND in_bytes = 0 ORDER BY src_port")"
same "a bad value is refused with its row" \
    'ERROR 1366 (HY000) at line 1: row 2: "70000" is no uint16 for src_port' \
    "$(my "INSERT INTO flows (src_port, last_seen) VALUES (60001, 1795421730), (70000, 1795421730)" | tail -1)"
same "and the statement leaves nothing" 0 "$(my 'SELECT COUNT(*) FROM flows WHERE src_port = 60001')"
contains "a flow without a time is none" "ERROR 1364" "$(my 'INSERT INTO flows (src_port) VALUES (7)')"
contains "too few values are refused" "ERROR 1136" "$(my 'INSERT INTO flows (src_port, last_seen) VALUES (7, 1), (8)')"
contains "computed columns are refused" "ERROR 3105" "$(my 'INSERT INTO flows (bps, last_seen) VALUES (7, 1)')"
contains "an unknown table is refused" "ERROR 1146" "$(my 'INSERT INTO nowhere (a) VALUES (7)')"
contains "an unknown source too" "ERROR 1146" "$(my 'INSERT IGNORE INTO flows SELECT * FROM flowsv4_0')"
contains "INSERT ... SELECT is refused" "ERROR 1235" "$(my 'INSERT INTO flows SELECT * FROM flows')"
same "names that nobody knows are columns" "hello" "$(my "
REPLACE INTO flows (last_seen, my_own_note) VALUES (1795421730, 'hello'), (1795421730, NULL);
SELECT my_own_note FROM flows WHERE my_own_note IS NOT NULL")"
same "a time is the session's" "2026-11-23 06:15:30.000000" "$(my "SET time_zone = '+02:00';
INSERT INTO flows (src_port, first_seen) VALUES (9, '2026-11-23 08:15:30');
SET time_zone = 'UTC'; SELECT last_seen FROM flows WHERE src_port = 9 AND in_bytes = 0")"
same "INSERT DELAYED is seen by the next statement" 1 "$(my "
INSERT DELAYED INTO flows (src_port, last_seen) VALUES (5, 1795421730);
SELECT COUNT(*) FROM flows WHERE src_port = 5 AND in_bytes = 0")"
same "origins tell who brought a flow" "import	500
insert:ntopng.flows	9" "$(my 'SELECT origin, COUNT(*) FROM flows GROUP BY origin ORDER BY origin')"

# 20,000 rows in one statement.
{
    printf 'INSERT INTO flows (src_addr, dst_addr, src_port, last_seen) VALUES '
    seq 1 20000 | awk '{ printf "%s(%d, \x2710.9.9.9\x27, \x27%d\x27, %d)", (NR > 1 ? "," : ""), 167772160 + $1, 20000 + $1, 1795421730 }'
} >"$work/many.sql"
same "a long statement" "20000	40000" "$(my "SOURCE $work/many.sql
SELECT COUNT(*), MAX(src_port) FROM flows WHERE dst_addr = '10.9.9.9'")"

all=$(my 'SELECT COUNT(*), SUM(src_port), COUNT(my_own_note) FROM flows')
kill_server
start
same "all of it is there after the server was killed" "$all" "$(my 'SELECT COUNT(*), SUM(src_port), COUNT(my_own_note) FROM flows')"

same "DELETE removes what INSERT brought" "500" "$(my 'DELETE FROM flows WHERE src_port >= 0; SELECT COUNT(*) FROM flows')"
my "INSERT INTO flows (src_port, last_seen) VALUES (5, 1795421730)" >/dev/null
same "through the same table of the same database" "501" \
    "$(my 'USE other; DELETE FROM flows; SELECT COUNT(*) FROM flows')"
same "the log says it once" 1 "$(grep -c 'a DELETE of a MySQL client' "$work/server.log")"
stop_server
start --mysql-delete off --mysql-insert-ack received
same "off: nothing" "501" "$(my 'DELETE FROM flows; SELECT COUNT(*) FROM flows')"
same "received: rows are seen by the next statement" "502" \
    "$(my 'INSERT INTO flows (src_port, last_seen) VALUES (6, 1795421730); SELECT COUNT(*) FROM flows')"
stop_server
start --mysql-delete all
same "and are there after a stop" "502" "$(my 'SELECT COUNT(*) FROM flows')"
same "all: everything" "0" "$(my 'DELETE FROM flows; SELECT COUNT(*) FROM flows')"
stop_server
finish
