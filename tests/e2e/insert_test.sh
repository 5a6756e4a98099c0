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
contains "too few values are refused" "ERROR 1136 \(21S01\)" "$(my 'INSERT INTO flows (src_port, last_seen) VALUES (7, 1), (8)')"
contains "computed columns are refused" "ERROR 3105" "$(my 'INSERT INTO flows (bps, last_seen) VALUES (7, 1)')"
contains "an unknown table is refused" "ERROR 1146" "$(my 'INSERT INTO nowhere (a) VALUES (7)')"
contains "an unknown source too" "ERROR 1146" "$(my 'INSERT IGNORE INTO flows SELECT * FROM flowsv4_0')"
same "INSERT ... SELECT brings flows, also its own" "2 60004 insert:ntopng.flows
2 60005 insert:ntopng.flowsv4" "$(my "
INSERT INTO flows (src_port, last_seen, src_addr, in_bytes, info) VALUES (60004, 1795421730, '10.1.1.1', 7, 'a'), (60004, 1795421731, '10.1.1.2', 8, NULL);
INSERT INTO flowsv4 (L4_SRC_PORT, IP_SRC_ADDR, IN_BYTES, FIRST_SWITCHED) SELECT src_port + 1, INET_ATON(src_addr), in_bytes, UNIX_TIMESTAMP(last_seen) FROM flows WHERE src_port = 60004;
SELECT CONCAT_WS(' ', COUNT(*), src_port, origin) FROM flows WHERE src_port IN (60004, 60005) GROUP BY src_port, origin ORDER BY src_port")"
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
insert:ntopng.flows	11
insert:ntopng.flowsv4	2" "$(my 'SELECT origin, COUNT(*) FROM flows GROUP BY origin ORDER BY origin')"

# ntopng, as it starts and as it dumps.
my "INSERT INTO \`flowsv4\` (VLAN_ID,L7_PROTO,IP_SRC_ADDR,L4_SRC_PORT,IP_DST_ADDR,L4_DST_PORT,PROTOCOL,IN_BYTES,OUT_BYTES,PACKETS,FIRST_SWITCHED,LAST_SWITCHED,INFO,JSON,NTOPNG_INSTANCE_NAME,INTERFACE_ID) VALUES ('0','91','3232235786','40003','167772163','443','6','4509','27009','66','1795425177','1795425183','it''s.example3.com',COMPRESS('{ \"8\": \"192.168.1.10\" }'), 'vm', '0')"
my "INSERT INTO \`flowsv6\` (VLAN_ID,L7_PROTO,IP_SRC_ADDR,L4_SRC_PORT,IP_DST_ADDR,L4_DST_PORT,PROTOCOL,IN_BYTES,OUT_BYTES,PACKETS,FIRST_SWITCHED,LAST_SWITCHED,INFO,JSON,NTOPNG_INSTANCE_NAME,INTERFACE_ID,PROFILE) VALUES ('7','5','2001:db8::1','40004','2001:db8::2','53','17','100','200','2','1795425177','1795425183','',COMPRESS('{}'), 'vm', '0', 'p')"
same "ntopng's rows are flows" "192.168.1.10	10.0.0.3	40003	443	6	91	4509	27009	66	it's.example3.com	{ \"8\": \"192.168.1.10\" }	vm	0	NULL	insert:ntopng.flowsv4
2001:db8::1	2001:db8::2	40004	53	17	5	100	200	2	NULL	{}	vm	0	p	insert:ntopng.flowsv6" "$(my "
SELECT src_addr, dst_addr, src_port, dst_port, protocol, l7_proto, in_bytes, out_bytes, in_packets, l7_info,
    UNCOMPRESS(ntopng_json), ntopng_instance_name, ntopng_interface_id, ntopng_profile, origin FROM flows
    WHERE ntopng_instance_name = 'vm' AND last_seen = FROM_UNIXTIME(1795425183) ORDER BY src_port")"
same "its updates of old tables find nothing" "" \
    "$(my "UPDATE \`flowsv4\` SET INTERFACE_ID = 0 WHERE INTERFACE ='eth0'; UPDATE \`flowsv6\` SET INTERFACE = NULL WHERE INTERFACE ='eth0'")"
contains "any other is refused" "ERROR 1235" "$(my "UPDATE flowsv4 SET INTERFACE_ID = 0 WHERE L7_PROTO = 1")"

# nProbe, one row a statement.
my "INSERT DELAYED INTO \`nfflows\` (IN_BYTES, IN_PKTS, PROTOCOL, SRC_TOS, TCP_FLAGS, L4_SRC_PORT, IPV4_SRC_ADDR, INPUT_SNMP, L4_DST_PORT, IPV4_DST_ADDR, OUTPUT_SNMP, SRC_AS, DST_AS, LAST_SWITCHED, FIRST_SWITCHED, OUT_BYTES, OUT_PKTS, IPV6_SRC_ADDR, IPV6_DST_ADDR, SRC_VLAN, IP_PROTOCOL_VERSION, L7_PROTO) VALUES ('752', '5', '6', '0', '27', '50001', '3232236257', '1', '80', '167772161', '2', '65001', '65002', '1795425190', '1795425189', '99', '1', '::', '::', '3', '4', '5.91')"
my "INSERT DELAYED INTO nfflows (L4_SRC_PORT, IPV4_SRC_ADDR, IPV4_DST_ADDR, IPV6_SRC_ADDR, IPV6_DST_ADDR, LAST_SWITCHED, FIRST_SWITCHED, IP_PROTOCOL_VERSION) VALUES ('50002', '0', '0', '2001:db8::9', '2001:db8::a', '1795425190', '1795425189', '6')"
same "nProbe's rows are flows" "192.168.2.225	10.0.0.1	50001	80	6	27	752	5	99	1	1	2	65001	65002	3	91	2026-11-23 09:13:09.000000
2001:db8::9	2001:db8::a	50002	0	0	0	0	0	0	0	0	0	0	0	0	NULL	2026-11-23 09:13:09.000000" "$(my "
SELECT src_addr, dst_addr, src_port, dst_port, protocol, tcp_flags, in_bytes, in_packets, out_bytes, out_packets, input_if,
    output_if, src_as, dst_as, vlan, l7_proto, first_seen FROM flows WHERE last_seen = FROM_UNIXTIME(1795425190) ORDER BY src_port")"

# An 8-byte counter and a MAC: declared as texts, written in hexadecimal.
my "CREATE TABLE IF NOT EXISTS \`nhflows\` (\`idx\` int(11) NOT NULL auto_increment,UNIQUE KEY \`idx\` (\`idx\`)) ENGINE=MyISAM;
ALTER TABLE \`nhflows\` ADD \`IN_BYTES\` varchar(16) NOT NULL default '';
ALTER TABLE \`nhflows\` ADD \`IN_SRC_MAC\` varchar(12) NOT NULL default '';
ALTER TABLE \`nhflows\` ADD \`IN_PKTS\` int(20) unsigned NOT NULL default '0';
ALTER TABLE \`nhflows\` ADD \`LAST_SWITCHED\` int(20) unsigned NOT NULL default '0';
ALTER TABLE \`nhflows\` ADD INDEX (\`LAST_SWITCHED\`);
INSERT DELAYED INTO \`nhflows\` (IN_BYTES, IN_SRC_MAC, IN_PKTS, L4_SRC_PORT, LAST_SWITCHED) VALUES ('0000000000001F40', '002590D4CCF9', '1000', '50003', '1795425191')"
same "what nProbe declared as a text is hexadecimal" "8000	1000	00:25:90:d4:cc:f9" "$(my '
SELECT in_bytes, in_packets, source_mac_address FROM flows WHERE src_port = 50003 AND last_seen = FROM_UNIXTIME(1795425191)')"

same "what was imported and what was inserted stand in one table" "import
insert:ntopng.flows
insert:ntopng.flowsv4
insert:ntopng.flowsv6
insert:ntopng.nfflows
insert:ntopng.nhflows" "$(my 'SELECT origin FROM flows GROUP BY origin ORDER BY origin')"

# 20,000 rows in one statement.
{
    printf 'INSERT INTO flows (src_addr, dst_addr, src_port, last_seen) VALUES '
    seq 1 20000 | awk '{ printf "%s(%d, \x2710.9.9.9\x27, \x27%d\x27, %d)", (NR > 1 ? "," : ""), 167772160 + $1, 20000 + $1, 1795421730 }'
} >"$work/many.sql"
same "a long statement" "20000	40000" "$(my "SOURCE $work/many.sql
SELECT COUNT(*), MAX(src_port) FROM flows WHERE dst_addr = '10.9.9.9'")"

# Files of the client.
printf 'src_port,dst_port,note,last_seen\n7001,"443","a ""quoted"" one",1795421730\n7002,80,NULL,1795421730\r\n' | tr -d '\r' >"$work/load.csv"
printf '7003\t\\N\ttab\\tand\\nline\t1795421730\n7004\t5\n7005\t70000\tbad port\t1795421730\nx\t1\n' >"$work/load.tsv"
local_my() {
    mariadb --no-defaults --local-infile=1 -h 127.0.0.1 -P "$mysql_port" -u anyone --batch --skip-column-names ntopng -e "$1" 2>&1
}
local_my "LOAD DATA LOCAL INFILE '$work/load.csv' INTO TABLE flows FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES (src_port, dst_port, note, last_seen)"
local_my "LOAD DATA LOCAL INFILE '$work/load.tsv' INTO TABLE flows (src_port, dst_port, note, last_seen)"
same "LOAD DATA reads CSV and tabs" '7001	443	a "quoted" one
7002	80	NULL
7003	0	tab\tand\nline
7005	0	bad port' "$(my 'SELECT src_port, dst_port, note FROM flows WHERE src_port BETWEEN 7001 AND 7009 AND in_bytes = 0 ORDER BY src_port')"
seq 1 200000 | awk '{ printf "%d\t%d\t10.77.%d.%d\t%d\n", $1 % 60000, 443, $1 / 250 % 250, $1 % 250, 1795421730 }' >"$work/many.tsv"
same "a file of many batches" "200000	443" "$(local_my "LOAD DATA LOCAL INFILE '$work/many.tsv' INTO TABLE flows (src_port, dst_port, src_addr, last_seen);
SELECT COUNT(*), MAX(dst_port) FROM flows WHERE src_addr >= '10.77.0.0' AND src_addr <= '10.77.255.255'")"
contains "a file that is not there is an error" "no.such" "$(local_my "LOAD DATA LOCAL INFILE '$work/no.such' INTO TABLE flows (last_seen)")"
contains "a file of the server's is refused" "ERROR 1235" "$(local_my "LOAD DATA INFILE '$work/load.tsv' INTO TABLE flows (last_seen)")"
contains "what a line cannot be is refused before the file" "ERROR 1146" "$(local_my "LOAD DATA LOCAL INFILE '$work/many.tsv' INTO TABLE nowhere (last_seen)")"
same "the connection goes on" 4 "$(local_my "LOAD DATA LOCAL INFILE '$work/load.csv' INTO TABLE flows (src_port); SELECT 4")"

all=$(my 'SELECT COUNT(*), SUM(src_port), COUNT(my_own_note) FROM flows')
printf 'a;1;2026-11-23 08:15:30\nb;x2;\\N\nc;\\N;never\n' >"$work/own.csv"
same "LOAD DATA fills a table of one's own" "a	1	2026-11-23 08:15:30
b	0	NULL
c	NULL	NULL" "$(my "CREATE TABLE lines (s varchar(9), n int, t datetime);
LOAD DATA LOCAL INFILE '$work/own.csv' INTO TABLE lines FIELDS TERMINATED BY ';'; SELECT * FROM lines ORDER BY s")"
same "once more, with names" "c	3" "$(my "LOAD DATA LOCAL INFILE '$work/own.csv' INTO TABLE lines FIELDS TERMINATED BY ';' IGNORE 2 LINES (s, n, t);
SELECT s, COUNT(*) + 1 FROM lines WHERE s = 'c' GROUP BY s; DROP TABLE lines")"
# A table of one's own: it is there after a kill, and joins with flows.
my "CREATE TABLE sites (net varchar(45), site varchar(20)); INSERT INTO sites VALUES ('10.1.2.3', 'Ulm'), ('10.0.0.4', 'Bern');
DELETE FROM sites WHERE site = 'Bern'" >/dev/null
kill_server
start
same "a table of one's own is there after a kill" "Ulm	1	4096" "$(my "
SELECT s.site, COUNT(*), MAX(f.in_bytes) FROM flows f JOIN sites s ON f.src_addr = s.net GROUP BY s.site")"
same "and gone when it is dropped" "ERROR 1146" "$(my 'DROP TABLE sites; SELECT * FROM sites' | grep -o 'ERROR 1146')"
same "all of it is there after the server was killed" "$all" "$(my 'SELECT COUNT(*), SUM(src_port), COUNT(my_own_note) FROM flows')"

same "a view shows all of them" "$(my 'SELECT COUNT(*) FROM flows WHERE IS_IPV4(src_addr)')" "$(my 'SELECT COUNT(*) FROM flowsv4')"
same "ntopng reads what it wrote" "3232235786	443	66	it's.example3.com	{ \"8\": \"192.168.1.10\" }	0" "$(my "
SELECT IP_SRC_ADDR, L4_DST_PORT, PACKETS, INFO, UNCOMPRESS(JSON), INTERFACE_ID FROM flowsv4
    where FIRST_SWITCHED <= 1795425177 and FIRST_SWITCHED >= 1795425177 AND (NTOPNG_INSTANCE_NAME='vm'OR NTOPNG_INSTANCE_NAME IS NULL OR NTOPNG_INSTANCE_NAME='') AND (INTERFACE_ID='0') AND L4_SRC_PORT = 40003")"
same "its retention removes that and nothing else" "1	0	1" "$(my "
DELETE FROM flowsv4 where FIRST_SWITCHED < 1795430000 AND (INTERFACE_ID = 0) AND (NTOPNG_INSTANCE_NAME='vm' OR NTOPNG_INSTANCE_NAME IS NULL OR NTOPNG_INSTANCE_NAME='');
SELECT SUM(origin = 'insert:ntopng.nfflows' AND src_port = 50001), SUM(origin = 'insert:ntopng.flowsv4'), SUM(origin = 'insert:ntopng.flowsv6') FROM flows")"
same "and so does its page of a host" "0" "$(my "
DELETE FROM flowsv6 WHERE (IP_SRC_ADDR = '2001:db8::1' OR IP_DST_ADDR = '2001:db8::1') AND VLAN_ID = 7 and INTERFACE_ID = 0;
SELECT COUNT(*) FROM flows WHERE origin = 'insert:ntopng.flowsv6'")"

same "DELETE removes what INSERT brought" "503" "$(my 'DELETE FROM flows WHERE src_port >= 0; SELECT COUNT(*) FROM flows')"
my "INSERT INTO flows (src_port, last_seen) VALUES (5, 1795421730)" >/dev/null
same "through the same table of the same database" "504" \
    "$(my 'USE other; DELETE FROM flows; SELECT COUNT(*) FROM flows')"
same "the log says it once" 1 "$(grep -c 'a DELETE of a MySQL client' "$work/server.log")"
stop_server
start --mysql-delete off --mysql-insert-ack received
same "off: nothing" "504" "$(my 'DELETE FROM flows; SELECT COUNT(*) FROM flows')"
same "received: rows are seen by the next statement" "505" \
    "$(my 'INSERT INTO flows (src_port, last_seen) VALUES (6, 1795421730); SELECT COUNT(*) FROM flows')"
stop_server
start --mysql-delete all
same "and are there after a stop" "505" "$(my 'SELECT COUNT(*) FROM flows')"
same "all: everything" "0" "$(my 'DELETE FROM flows; SELECT COUNT(*) FROM flows')"
same "a table that only INSERTs have made is listed" "abcflows" "$(my "INSERT INTO abcflows (L4_SRC_PORT, LAST_SWITCHED) VALUES (31999, 1795421730);
SHOW TABLES LIKE 'abc%'")"
same "and can be created still, with its types" "4660" "$(my "CREATE TABLE IF NOT EXISTS abcflows (IN_BYTES varchar(16), LAST_SWITCHED int);
INSERT INTO abcflows (IN_BYTES, LAST_SWITCHED) VALUES ('1234', 1795421730); SELECT in_bytes FROM flows WHERE origin = 'insert:ntopng.abcflows' AND in_bytes > 0")"
stop_server
finish
