#!/bin/sh
# views_test.sh - ntopng's and nProbe's statements over the MySQL door: what they create at start, what they
# ask, a client's own view; all of it there again after a restart.
. "$(dirname "$0")/lib.sh"
command -v mariadb >/dev/null || skip "no mariadb client here"
mysql_port=$(free_udp_port)
start_server --mysql-listen "127.0.0.1:$mysql_port"
"$bin/flowgen" --flows 5000 --seed 3 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null

# my DATABASE 'STATEMENTS'
my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --batch --skip-column-names "$1" -e "$2" 2>&1
}

# ntopng, -F mysql: errors of the ALTERs are its own business, the CREATEs must succeed.
same "ntopng creates what it needs" "" "$(my ntopng 'CREATE DATABASE IF NOT EXISTS `ntopng`;
CREATE TABLE IF NOT EXISTS `flowsv6` (`idx` int(11) NOT NULL auto_increment,`IP_SRC_ADDR` varchar(48),INDEX `i` (`IP_SRC_ADDR`),KEY `idx` (`idx`)) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8/*!50100 PARTITION BY HASH (`FIRST_SWITCHED`)PARTITIONS 32 */;
CREATE TABLE IF NOT EXISTS `flowsv4` (`idx` int(11) NOT NULL auto_increment,`IP_SRC_ADDR` int(10) unsigned,INDEX `i` (`IP_SRC_ADDR`),KEY `idx` (`idx`)) ENGINE=InnoDB AUTO_INCREMENT=520 DEFAULT CHARSET=utf8/*!50100 PARTITION BY HASH (`FIRST_SWITCHED`)PARTITIONS 32 */;
DROP TABLE IF EXISTS  `flowsv4_0`;
ALTER TABLE `flowsv4` ADD INDEX `ix_flowsv4_ntopng_first_src_dst` (FIRST_SWITCHED, IP_SRC_ADDR, IP_DST_ADDR);
ALTER TABLE `flowsv4` ADD COLUMN INTERFACE_ID SMALLINT(5) DEFAULT NULL')"
contains "a table that was never made is missing" "ERROR 1146" \
    "$(my ntopng 'ALTER TABLE `flowsv4_0` ADD `INFO` varchar(255)')"
for probe in \
    "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='ntopng' AND TABLE_NAME='flowsv4' AND COLUMN_NAME='BYTES'" \
    "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA='ntopng' AND TABLE_NAME='flowsv4' AND ENGINE='InnoDB'" \
    "SELECT 1 FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA='ntopng' AND TABLE_NAME='flowsv4' GROUP BY TABLE_NAME HAVING COUNT(*) = 32" \
    "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA='ntopng' AND TABLE_NAME='flowsv4' AND COLUMN_NAME='PACKETS' AND lower(COLUMN_TYPE) NOT LIKE '%unsigned'"; do
    same "a probe of ntopng's wants nothing changed" "" "$(my ntopng "$probe")"
done

# Its filter: rows that it did not INSERT stay, whatever the interface.
where="FIRST_SWITCHED <= 4000000000 and FIRST_SWITCHED >= 0 AND (NTOPNG_INSTANCE_NAME='h'OR NTOPNG_INSTANCE_NAME IS NULL OR NTOPNG_INSTANCE_NAME='') AND (INTERFACE_ID='0')"
v4=$(sql "SELECT COUNT(*), SUM(bytes), SUM(packets) FROM flows WHERE src_addr <= 255.255.255.255" | tr ',' '\t')
same "totals of IPv4" "$v4" "$(my ntopng "select COUNT(*) AS TOT_FLOWS, SUM(IN_BYTES + OUT_BYTES) AS TOT_BYTES, SUM(PACKETS) AS TOT_PACKETS FROM flowsv4 where $where")"
v6=$(sql "SELECT COUNT(*), SUM(bytes), SUM(packets) FROM flows WHERE src_addr > 255.255.255.255" | tr ',' '\t')
same "totals of IPv6" "$v6" "$(my ntopng "select COUNT(*) AS TOT_FLOWS, SUM(IN_BYTES + OUT_BYTES) AS TOT_BYTES, SUM(PACKETS) AS TOT_PACKETS FROM flowsv6 where $where")"
same "applications" \
    "$(sql "SELECT IFNULL(l7_proto, 0) AS p, SUM(bytes) AS b, COUNT(*) FROM flows WHERE src_addr <= 255.255.255.255 GROUP BY p ORDER BY b DESC, 1 LIMIT 10" | tr ',' '\t')" \
    "$(my ntopng "SELECT L7_PROTO application, sum(IN_BYTES + OUT_BYTES) as tot_bytes, count(*) as tot_flows  FROM flowsv4 WHERE $where group by L7_PROTO  order by tot_bytes desc, application limit 0,10")"
host=$(sql "SELECT src_addr FROM flows WHERE src_addr <= 255.255.255.255 GROUP BY src_addr ORDER BY SUM(bytes) DESC LIMIT 1")
same "flows of a host" "$(sql "SELECT COUNT(*) FROM flows WHERE host = '$host'")" \
    "$(my ntopng "select COUNT(*) FROM flowsv4 where $where AND (IP_SRC_ADDR=INET_ATON('$host') OR IP_DST_ADDR=INET_ATON('$host'))")"
contains "and the indexes of flows serve them" "pruned by src_addr and first_seen and src_addr|dst_addr" \
    "$(my ntopng "EXPLAIN select COUNT(*) FROM flowsv4 where FIRST_SWITCHED >= 1 AND (IP_SRC_ADDR=INET_ATON('$host') OR IP_DST_ADDR=INET_ATON('$host'))")"

# ntopng, -F mysql-nprobe, over nProbe's table.
same "nProbe creates its table" "" "$(my nprobe 'CREATE TABLE IF NOT EXISTS `nfflows` (`idx` int(11) NOT NULL auto_increment,UNIQUE KEY `idx` (`idx`)) ENGINE=MyISAM;
ALTER TABLE `nfflows` ADD `IN_BYTES` int(20) unsigned NOT NULL default 0; ALTER TABLE `nfflows` ADD INDEX (`L4_SRC_PORT`);
ALTER TABLE `nfflows` ADD `IN_BYTES` int(20) unsigned NOT NULL default 0')"
view="CREATE VIEW \`flowsv4\` AS SELECT idx, SRC_VLAN AS VLAN_ID, L7_PROTO, IPV4_SRC_ADDR AS IP_SRC_ADDR, L4_SRC_PORT, IPV4_DST_ADDR AS IP_DST_ADDR, L4_DST_PORT, PROTOCOL, IN_BYTES, OUT_BYTES, (IN_PKTS+OUT_PKTS) AS PACKETS, FIRST_SWITCHED, LAST_SWITCHED, '' AS INFO, '' AS \`JSON\`, '' AS \`PROFILE\`, NULL AS NTOPNG_INSTANCE_NAME, 0 AS INTERFACE_ID FROM \`nfflows\` WHERE IP_PROTOCOL_VERSION=4"
same "ntopng makes its view of it" "" "$(my nprobe "DROP VIEW IF EXISTS \`flowsv4\`; $view")"
same "and finds the same" "$v4" "$(my nprobe "select COUNT(*), SUM(IN_BYTES + OUT_BYTES), SUM(PACKETS) FROM flowsv4 where $where")"
contains "with the same indexes" "pruned by src_addr" \
    "$(my nprobe "EXPLAIN select COUNT(*) FROM flowsv4 where IP_SRC_ADDR=INET_ATON('$host')")"

# A client's own view, and a restart.
my flows 'CREATE VIEW talkers AS SELECT src_addr AS a, SUM(bytes) AS b FROM flows GROUP BY src_addr' >/dev/null
talkers=$(my flows 'SELECT * FROM talkers ORDER BY b DESC, a LIMIT 5')
same "a view of groups" "$(sql 'SELECT src_addr, SUM(bytes) AS b FROM flows GROUP BY src_addr ORDER BY b DESC, src_addr LIMIT 5' | tr ',' '\t')" "$talkers"
stop_server
start_server --mysql-listen "127.0.0.1:$mysql_port"
same "the view is there after a restart" "$talkers" "$(my flows 'SELECT * FROM talkers ORDER BY b DESC, a LIMIT 5')"
same "so is nProbe's table" "flows flowsv4 flowsv6 nfflows" "$(my nprobe 'SHOW TABLES' | tr '\n' ' ' | sed 's/ $//')"
same "each database has its own" "flows flowsv4 flowsv6" "$(my other 'SHOW TABLES' | tr '\n' ' ' | sed 's/ $//')"
same "a view goes" "" "$(my flows 'DROP VIEW talkers')"
contains "and is gone" "ERROR 1146" "$(my flows 'SELECT * FROM talkers')"
contains "flows stay" "ERROR 1142" "$(my flows 'DROP TABLE flows')"

if command -v mariadb-dump >/dev/null; then
    dump=$(mariadb-dump --no-defaults -h 127.0.0.1 -P "$mysql_port" -u anyone --no-data --no-tablespaces flows flows 2>&1)
    contains "mariadb-dump reads the shape of flows" 'CREATE TABLE `flows`' "$dump"
fi
stop_server
finish
