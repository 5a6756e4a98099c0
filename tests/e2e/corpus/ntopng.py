"""ntopng.py - what ntopng says in a life, to sluice and to MariaDB: both must give the same answers.

usage: ntopng.py PORT_SLUICE PORT_MARIADB

Its start, its INSERTs, then the pages' statements (S1 to S9 of the reference) with every combination of their
parameters, its DELETEs. `idx` is a number of each server's own: it is left out where rows are compared, and used
to ask for "that row again". Limits cut among rows that are equal in what they are ordered by, so `idx`, or the
group, decides behind it. EXPLAIN of every SELECT must name what prunes: the time, and a host or port that is asked for.

Prints what differs; the exit code says whether anything does.
"""

import itertools
import random
import sys

from compare import Server, difference

BEGIN, END = 1795420000, 1795423600
WHERE = (" where FIRST_SWITCHED <= %d and FIRST_SWITCHED >= %d AND (NTOPNG_INSTANCE_NAME='vm'OR NTOPNG_INSTANCE_NAME IS NULL"
         " OR NTOPNG_INSTANCE_NAME='') AND (INTERFACE_ID='0')" % (END, BEGIN))
HOST4, PEER4, HOST6, PEER6 = "192.168.1.10", "10.0.0.3", "2001:db8::1", "2001:db8:1::2"

START = """CREATE DATABASE IF NOT EXISTS `flows`
CREATE TABLE IF NOT EXISTS `flowsv6` (`idx` int(11) NOT NULL auto_increment,`VLAN_ID` smallint(5) unsigned,`L7_PROTO` smallint(5) unsigned,`IP_SRC_ADDR` varchar(48),`L4_SRC_PORT` smallint(5) unsigned,`IP_DST_ADDR` varchar(48),`L4_DST_PORT` smallint(5) unsigned,`PROTOCOL` tinyint(3) unsigned,`IN_BYTES` bigint unsigned DEFAULT 0,`OUT_BYTES` bigint unsigned DEFAULT 0,`PACKETS` int unsigned DEFAULT 0,`FIRST_SWITCHED` int(10) unsigned,`LAST_SWITCHED` int(10) unsigned,`INFO` varchar(255),`JSON` blob,`NTOPNG_INSTANCE_NAME` varchar(256) DEFAULT NULL,INDEX `ix_flowsv6_ntopng_instance_name` (NTOPNG_INSTANCE_NAME(200)),KEY `idx` (`idx`,`IP_SRC_ADDR`,`IP_DST_ADDR`,`FIRST_SWITCHED`,`LAST_SWITCHED`,`INFO`(200))) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8/*!50100 PARTITION BY HASH (`FIRST_SWITCHED`)PARTITIONS 32 */
CREATE TABLE IF NOT EXISTS `flowsv4` (`idx` int(11) NOT NULL auto_increment,`VLAN_ID` smallint(5) unsigned,`L7_PROTO` smallint(5) unsigned,`IP_SRC_ADDR` int(10) unsigned,`L4_SRC_PORT` smallint(5) unsigned,`IP_DST_ADDR` int(10) unsigned,`L4_DST_PORT` smallint(5) unsigned,`PROTOCOL` tinyint(3) unsigned,`IN_BYTES` bigint unsigned DEFAULT 0,`OUT_BYTES` bigint unsigned DEFAULT 0,`PACKETS` int unsigned DEFAULT 0,`FIRST_SWITCHED` int(10) unsigned,`LAST_SWITCHED` int(10) unsigned,`INFO` varchar(255),`JSON` blob,`NTOPNG_INSTANCE_NAME` varchar(256) DEFAULT NULL,INDEX `ix_flowsv4_ntopng_instance_name` (NTOPNG_INSTANCE_NAME(200)),KEY `idx` (`idx`,`IP_SRC_ADDR`,`IP_DST_ADDR`,`FIRST_SWITCHED`,`LAST_SWITCHED`,`INFO`(200))) ENGINE=InnoDB AUTO_INCREMENT=520 DEFAULT CHARSET=utf8/*!50100 PARTITION BY HASH (`FIRST_SWITCHED`)PARTITIONS 32 */""".split("\n")

# Errors of these are none of ntopng's business.
UPGRADE = [s % {"v": v} for v in (4, 6) for s in (
    "ALTER TABLE `flowsv%(v)d_0` ADD `INFO` varchar(255)",
    "INSERT IGNORE INTO `flowsv%(v)d` SELECT * FROM `flowsv%(v)d_0`",
    "DROP TABLE IF EXISTS  `flowsv%(v)d_0`",
    "ALTER TABLE `flowsv%(v)d` ADD INDEX `ix_flowsv%(v)d_ntopng_first_src_dst` (FIRST_SWITCHED, IP_SRC_ADDR, IP_DST_ADDR)",
    "ALTER TABLE `flowsv%(v)d` ADD COLUMN INTERFACE_ID SMALLINT(5) DEFAULT NULL",
    "UPDATE `flowsv%(v)d` SET INTERFACE_ID = 0 WHERE INTERFACE ='eth0'",
    "UPDATE `flowsv%(v)d` SET INTERFACE = NULL WHERE INTERFACE ='eth0'",
    "SELECT 1 FROM `flowsv%(v)d` WHERE INTERFACE IS NOT NULL LIMIT 1")]


def inserts():
    """One row a statement, as its queue has them."""
    rng = random.Random(4)
    names = ("VLAN_ID,L7_PROTO,IP_SRC_ADDR,L4_SRC_PORT,IP_DST_ADDR,L4_DST_PORT,PROTOCOL,IN_BYTES,OUT_BYTES,PACKETS,"
             "FIRST_SWITCHED,LAST_SWITCHED,INFO,JSON,NTOPNG_INSTANCE_NAME,INTERFACE_ID")
    for i in range(400):
        version = 6 if i % 4 == 3 else 4
        if version == 4:
            ends = [3232235776 + rng.randrange(8, 14), 167772160 + rng.randrange(6)]
        else:
            ends = ["2001:db8::%x" % rng.randrange(1, 5), "2001:db8:1::%x" % rng.randrange(1, 4)]
        if rng.random() < 0.3:
            ends.reverse()
        first = rng.randrange(BEGIN - 200, END + 200)
        info = rng.choice(["", "example.com", "www.example.org", "it''s.example3.com", "100%%_here"])
        yield ("INSERT INTO `flowsv%d` (%s) VALUES ('%d','%d','%s','%d','%s','%d','%d','%d','%d','%d','%d','%d','%s',"
               "COMPRESS('{ \"8\": \"%s\", \"n\": %d }'), '%s', '%d')" % (
                   version, names, rng.choice([0, 0, 10]), rng.choice([5, 7, 91]), ends[0], rng.randrange(1024, 65000),
                   ends[1], rng.choice([53, 80, 443]), rng.choice([6, 17]), rng.randrange(1 << 34), rng.randrange(1 << 20),
                   rng.randrange(1, 5000), first, first + rng.randrange(60), info.replace("%%", "%"), ends[0], i,
                   rng.choice(["vm", "vm", "other"]), rng.choice([0, 0, 0, 1])))


def choices(*lists):
    for chosen in itertools.product(*lists):
        yield "".join(text for text, _ in chosen), set().union(*(marks for _, marks in chosen))


NONE = ("", set())
PREDICATES = [
    [NONE, (" AND L7_PROTO=7", set())],
    [NONE, (" AND PROTOCOL=6", set())],
    [NONE, (" AND (L4_SRC_PORT=443 OR L4_DST_PORT=443)", {"port"})],
    [NONE, (" AND VLAN_ID=10", set())],
    [NONE, (" AND (INFO LIKE '%example%')", set())],
]


def host(version):
    if version == 6:
        return (" AND (IP_SRC_ADDR='%s' OR IP_DST_ADDR='%s')" % (HOST6, HOST6), {"host"})
    return (" AND (IP_SRC_ADDR=INET_ATON('%s') OR IP_DST_ADDR=INET_ATON('%s'))" % (HOST4, HOST4), {"host"})


def hosts(version):
    if version == 6:
        return [NONE, host(6)]
    return [NONE, host(4), (" AND (IP_SRC_ADDR='3232235786' OR IP_DST_ADDR='3232235786')", {"host"}),
            (" AND ((IP_SRC_ADDR>=3232235776 AND IP_SRC_ADDR <= 3232236031) OR   (IP_DST_ADDR>=3232235776 AND IP_DST_ADDR"
             " <= 3232236031))", {"host"})]


def peer(version):
    if version == 6:
        return (" AND (IP_SRC_ADDR='%s' OR IP_DST_ADDR='%s')" % (PEER6, PEER6), {"host"})
    return (" AND (IP_SRC_ADDR=INET_ATON('%s') OR IP_DST_ADDR=INET_ATON('%s'))" % (PEER4, PEER4), {"host"})


def networks(version):
    if version == 6:
        return [NONE, (" AND (1 = 1)", set()), (" AND 1 = 0 ", {"nothing"})]
    return [NONE, (" AND (1 = 1)", set()),
            (" AND ( ( (IP_SRC_ADDR >= 3232235776 AND IP_SRC_ADDR <= 3232236031)  OR (IP_SRC_ADDR >= 167772160 AND IP_SRC_ADDR"
             " <= 184549375) )  AND  ( (IP_DST_ADDR >= 167772160 AND IP_DST_ADDR <= 184549375) ) )", set())]


def flow_list(version, more=""):
    ends = ("INET_NTOA(IP_SRC_ADDR) AS IP_SRC_ADDR,INET_NTOA(IP_DST_ADDR) AS IP_DST_ADDR" if version == 4
            else "IP_SRC_ADDR, IP_DST_ADDR")
    return ("select %s ,L4_SRC_PORT,L4_DST_PORT,VLAN_ID,PROTOCOL,FIRST_SWITCHED,LAST_SWITCHED,PACKETS,IN_BYTES + OUT_BYTES"
            " as BYTES,IN_BYTES,OUT_BYTES,idx,L7_PROTO,INFO%s from flowsv%d" % (ends, more, version))


def arms(where, versions=(4, 6)):
    """The four arms of S4 and S6."""
    texts = []
    for version in versions:
        for end, sent, received in (("SRC", "IN_BYTES", "OUT_BYTES"), ("DST", "OUT_BYTES", "IN_BYTES")):
            addr = "IP_%s_ADDR addrv4, NULL addrv6" if version == 4 else "NULL addrv4, IP_%s_ADDR addrv6"
            texts.append(" SELECT %s, PACKETS as packets,  %s as bytes_sent, %s as bytes_rcvd, FIRST_SWITCHED, LAST_SWITCHED"
                         " FROM flowsv%d %s%s\n" % (addr % end, sent, received, version, where[version],
                                                   " AND IP_SRC_ADDR <> IP_DST_ADDR" if end == "DST" else ""))
    return " UNION ALL ".join(texts)


def talkers(where, order):
    return ("select CASE WHEN addrv4 IS NOT NULL THEN INET_NTOA(addrv4) ELSE addrv6 END addr, SUM(bytes_sent + bytes_rcvd)"
            " tot_bytes, SUM(packets) tot_packets, SUM(bytes_sent)             bytes_sent, SUM(bytes_rcvd)             bytes_rcvd,"
            " count(*) tot_flows  FROM (%s) talkers group by addr  order by %s" % (arms(where), order)).replace("\n", " ")


def peers(version, where, order):
    own = "IP_SRC_ADDR = INET_ATON('%s')" % HOST4 if version == 4 else "IP_SRC_ADDR = '%s'" % HOST6
    other = ("INET_NTOA(IP_DST_ADDR)", "INET_NTOA(IP_SRC_ADDR)") if version == 4 else ("IP_DST_ADDR", "IP_SRC_ADDR")
    return (" SELECT addr, sum(peer_bytes_sent + peer_bytes_rcvd) as tot_bytes, sum(peer_packets) as tot_packets,"
            " sum(peer_bytes_sent) as bytes_sent, sum(peer_bytes_rcvd) as bytes_rcvd, count(*) as flows FROM ( SELECT PACKETS"
            " as peer_packets,  CASE WHEN %(own)s THEN %(dst)s ELSE %(src)s END addr,  CASE WHEN %(own)s THEN OUT_BYTES ELSE"
            " IN_BYTES  END peer_bytes_sent,  CASE WHEN %(own)s THEN IN_BYTES  ELSE OUT_BYTES END peer_bytes_rcvd,"
            "  FIRST_SWITCHED, LAST_SWITCHED  FROM flowsv%(v)d %(where)s) peers group by addr  order by %(order)s" % {
                "own": own, "dst": other[0], "src": other[1], "v": version, "where": where, "order": order})


def orders(columns, tie, limits):
    return ["%s %s, %s limit %s" % (column, way, tie, limit)
            for column, way, limit in itertools.product(columns, ("asc", "desc"), limits)]


def questions():
    """(what, statement, marks): marks say what EXPLAIN must name besides the time."""
    sums = ("tot_bytes", "tot_packets", "bytes_sent", "bytes_rcvd")
    flow_columns = ("BYTES", "FIRST_SWITCHED", "LAST_SWITCHED", "PACKETS", "L4_DST_PORT", "L7_PROTO", "VLAN_ID")
    for version in (4, 6):
        totals = ("select COUNT(*) AS TOT_FLOWS, SUM(IN_BYTES + OUT_BYTES) AS TOT_BYTES, SUM(PACKETS) AS TOT_PACKETS FROM"
                  " flowsv%d" % version)
        for rest, marks in choices(*PREDICATES, hosts(version), networks(version)):
            yield "S1", totals + WHERE + rest, marks
        for rest, marks in choices(*PREDICATES, hosts(version), [NONE, peer(version)], networks(version)):
            yield "S2", flow_list(version) + WHERE + rest + " order by BYTES desc, idx limit 1000 OFFSET 0", marks
        # Addresses of version 6 have the order of addresses with sluice, that of texts with MariaDB.
        columns = flow_columns + (("IP_SRC_ADDR", "IP_DST_ADDR") if version == 4 else ())
        for column, way, page in itertools.product(columns, ("asc", "desc"), (0, 1)):
            # A whole page of the order, the rest of what decides spelled out: idx is another one there.
            yield ("S2", flow_list(version) + WHERE + " order by %s %s, BYTES, FIRST_SWITCHED, PACKETS limit 10 OFFSET %d"
                   % (column, way, page * 10), set())
        for rest, marks in choices(*PREDICATES, networks(version)):
            where = WHERE + host(version)[0] + rest
            yield "S5", peers(version, where, "tot_bytes desc, addr limit 0,100"), marks | {"host"}
        for order in orders(sums + ("flows",), "addr", ("0,100", "2,3")):
            yield "S5", peers(version, WHERE + host(version)[0], order), {"host"}
        apps = (" SELECT L7_PROTO application, sum(IN_BYTES + OUT_BYTES) as tot_bytes, sum(PACKETS) as tot_packets, count(*) as"
                " tot_flows  FROM flowsv%d" % version)
        for rest, marks in choices(*PREDICATES[1:], [NONE, host(version)], [NONE, peer(version)]):
            yield "S7", apps + WHERE + rest + " group by L7_PROTO  order by tot_bytes desc, application limit 0,100", marks
        for order in orders(("tot_bytes", "tot_packets", "tot_flows"), "application", ("0,100", "1,1")):
            yield "S7", apps + WHERE + " group by L7_PROTO  order by " + order, set()
    for rest, marks in choices(*PREDICATES[1:], [NONE, (" AND (1 = 1)", set())]):
        where = {4: WHERE + rest, 6: WHERE + rest}
        yield "S4", talkers(where, "tot_bytes desc, addr limit 0,100"), marks
        where = {4: WHERE + rest + " AND L7_PROTO = 7", 6: WHERE + rest + " AND L7_PROTO = 7"}
        yield "S6", talkers(where, "tot_bytes desc, addr limit 0,100"), marks
    for order in orders(sums + ("tot_flows",), "addr", ("0,100", "2,3")):
        yield "S4", talkers({4: WHERE + " AND (1 = 1)", 6: WHERE + " AND 1 = 0 "}, order), set()


def without_idx(answer):
    """Rows without each server's own number of them, in an order that does not know it."""
    if isinstance(answer, int):
        return answer
    results = []
    for names, types, rows in answer:
        kept = [i for i, name in enumerate(names) if name != "idx"]
        rows = tuple(tuple(row[i] for i in kept) for row in rows)
        if len(kept) != len(names):
            types, names = (), tuple(names[i] for i in kept)
        results.append((names, types, rows))
    return results


class Check:
    def __init__(self):
        self.asked = self.failed = 0

    def that(self, what, found):
        self.asked += 1
        if found:
            self.failed += 1
            print("differs: %s\n  %s" % (what[:300], str(found)[:400]))

    def finish(self, counts):
        print("%s: %d comparisons, %d failed" % (
            ", ".join("%s %d times" % item for item in sorted(counts.items())), self.asked, self.failed))
        return 1 if self.failed else 0


def check_explained(check, sluice, statement, marks):
    answer = sluice.ask("EXPLAIN " + statement)
    plan = str(answer) if isinstance(answer, int) else "\n".join(row[0] for row in answer[0][2])
    for scan in (line for line in plan.split("\n") if "scan flows" in line) if "nothing" not in marks else ():
        pruned = scan.partition("pruned by")[2]
        wanted = ["first_seen"] + (["src_addr|dst_addr"] if "host" in marks else []) + (
            ["src_port|dst_port"] if "port" in marks else [])
        check.that("EXPLAIN " + statement, [w for w in wanted if w not in pruned] and plan)
    check.that("EXPLAIN " + statement, None if "scan flows" in plan or "nothing" in marks else plan)


def check_questions(check, servers):
    """The pages' statements to both, and their plans; how many of each there were."""
    counts = {}
    for what, statement, marks in questions():
        counts[what] = counts.get(what, 0) + 1
        may = {"order"} if "limit 1000 OFFSET 0" in statement else set()
        a, b = (without_idx(server.ask(statement)) for server in servers)
        check.that(statement, difference(a, b, may))
        check_explained(check, servers[0], statement, marks)
    return counts


def check_details(check, servers):
    """S3: the page of one flow, for every row of a list."""
    for version in (4, 6):
        details = []
        for server in servers:
            rows = server.ask(flow_list(version) + WHERE + " order by BYTES desc, FIRST_SWITCHED limit 100 OFFSET 0")[0][2]
            more = ",CONVERT(UNCOMPRESS(JSON) USING 'utf8') AS JSON"
            details.append([without_idx(server.ask(flow_list(version, more) + " where idx=%d" % row[12])) for row in rows])
        check.that("S3: rows", None if len(details[0]) == len(details[1]) > 40 else [len(d) for d in details])
        for a, b in zip(*details):
            check.that("S3", difference(a, b, {"types"}))


def main():
    servers = sluice, maria = Server(int(sys.argv[1])), Server(int(sys.argv[2]))
    check = Check()
    for statement in START:
        for server in servers:
            check.that(statement, server.ask(statement) if isinstance(server.ask(statement), int) else None)
    for statement in UPGRADE:
        for server in servers:
            server.ask(statement)
    for statement in inserts():
        check.that(statement, difference(sluice.ask(statement), maria.ask(statement), set()))
    counts = check_questions(check, servers)
    check_details(check, servers)
    for server in servers:
        tables = [row[0] for row in server.ask("show tables")[0][2]]
        check.that("S8", None if {"flowsv4", "flowsv6"} <= set(tables) else tables)
        running = [row[7] for row in server.ask("show full processlist")[0][2]]
        check.that("S9", None if "show full processlist" in running else running)
    for statement in (
            "DELETE FROM flowsv4 where FIRST_SWITCHED < %d AND (INTERFACE_ID = 0) AND (NTOPNG_INSTANCE_NAME='vm' OR"
            " NTOPNG_INSTANCE_NAME IS NULL OR NTOPNG_INSTANCE_NAME='')" % (BEGIN + 600),
            "DELETE FROM flowsv6 where FIRST_SWITCHED < %d AND (INTERFACE_ID = 0) AND (NTOPNG_INSTANCE_NAME='vm' OR"
            " NTOPNG_INSTANCE_NAME IS NULL OR NTOPNG_INSTANCE_NAME='')" % (BEGIN + 600),
            "DELETE FROM flowsv4 WHERE (IP_SRC_ADDR = INET_ATON('%s') OR IP_DST_ADDR = INET_ATON('%s')) AND VLAN_ID = 10 and"
            " INTERFACE_ID = 0" % (HOST4, HOST4),
            "DELETE FROM flowsv6 WHERE (IP_SRC_ADDR = '%s' OR IP_DST_ADDR = '%s') AND VLAN_ID = 10 and INTERFACE_ID = 0"
            % (HOST6, HOST6)):
        for server in servers:
            check.that(statement, server.ask(statement) if isinstance(server.ask(statement), int) else None)
        left = "SELECT COUNT(*), SUM(PACKETS), SUM(IN_BYTES) FROM flowsv%d"
        for version in (4, 6):
            check.that(statement, difference(sluice.ask(left % version), maria.ask(left % version), {"types"}))
    return check.finish(counts)


if __name__ == "__main__":
    sys.exit(main())
