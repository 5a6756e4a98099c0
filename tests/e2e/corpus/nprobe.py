"""nprobe.py - what nProbe says with --mysql=host:db:prefix:user:pw, to sluice and to MariaDB: the same answers.

usage: nprobe.py PORT_SLUICE PORT_MARIADB

Its table, a column for each element of its templates with the type that the element's length gives, one INSERT a
flow; a second start, whose errors it ignores; what is read from that table; then ntopng's views of it
(-F "mysql-nprobe;host;db;prefix;user;pw") with the statements of ntopng.py. EXPLAIN must name what prunes.

Counters have four bytes, as nProbe's have without templates of 64 bits. A table of its own has those of eight: nProbe
writes them, and MACs, in hexadecimal, as a text; MariaDB keeps the text, and sluice the number, which must be the same.

Prints what differs; the exit code says whether anything does.
"""

import random
import sys

from compare import Server, difference
from ntopng import BEGIN, END, WHERE, Check, check_details, check_questions, without_idx

# Elements of the default template, then of @NTOPNG@: name, length, "" or "text".
ELEMENTS = [tuple(element.split(":")) for element in """
IN_BYTES:4: IN_PKTS:4: PROTOCOL:1: SRC_TOS:1: TCP_FLAGS:1: L4_SRC_PORT:2: IPV4_SRC_ADDR:4: INPUT_SNMP:4: L4_DST_PORT:2:
IPV4_DST_ADDR:4: OUTPUT_SNMP:4: SRC_AS:4: DST_AS:4: LAST_SWITCHED:4: FIRST_SWITCHED:4: IPV6_SRC_ADDR:16: IPV6_DST_ADDR:16:
OUT_BYTES:4: OUT_PKTS:4: SRC_VLAN:2: IP_PROTOCOL_VERSION:1: L7_PROTO:2: IN_SRC_MAC:6: OUT_DST_MAC:6: DST_TOS:1:
L7_CONFIDENCE:1: CLIENT_TCP_FLAGS:1: SERVER_TCP_FLAGS:1: L7_PROTO_RISK:8: L7_RISK_SCORE:2: EXPORTER_IPV4_ADDRESS:4:
EXPORTER_IPV6_ADDRESS:16: DIRECTION:1: SAMPLING_INTERVAL:4: TOTAL_FLOWS_EXP:4: NPROBE_IPV4_ADDRESS:4:
NPROBE_INSTANCE_NAME:32:text FLOW_SOURCE:1: JA4C_HASH:32:text UNIQUE_SOURCE_ID:4: CLIENT_NW_LATENCY_MS:4:
SERVER_NW_LATENCY_MS:4: APPL_LATENCY_MS:4: TCP_WIN_MAX_IN:2: TCP_WIN_MAX_OUT:2: OOORDER_IN_PKTS:4: OOORDER_OUT_PKTS:4:
RETRANSMITTED_IN_PKTS:4: RETRANSMITTED_OUT_PKTS:4: SRC_FRAGMENTS:2: DST_FRAGMENTS:2: L7_INFO:24:text DNS_QUERY:256:text
DNS_QUERY_TYPE:1: DNS_RET_CODE:1: HTTP_URL:128:text HTTP_SITE:64:text HTTP_METHOD:4:text HTTP_RET_CODE:2:
TLS_SERVER_NAME:48:text BITTORRENT_HASH:40:text HTTP_USER_AGENT:256:text L7_RISK_INFO:48:text POST_NAT_SRC_IPV4_ADDR:4:
POST_NAT_DST_IPV4_ADDR:4: POST_NAPT_SRC_TRANSPORT_PORT:2: POST_NAPT_DST_TRANSPORT_PORT:2:""".split()]
KEYS = {"FIRST_SWITCHED", "LAST_SWITCHED", "IPV4_SRC_ADDR", "IPV4_DST_ADDR", "L4_SRC_PORT", "L4_DST_PORT"}



def mac_of(text):
    return ":".join(text[i:i + 2] for i in range(0, 12, 2)).lower()


# Read in another form than they were written in: what sluice makes of the text that MariaDB has.
FORMED = {"IN_SRC_MAC": mac_of, "OUT_DST_MAC": mac_of, "L7_PROTO_RISK": lambda text: int(text, 16)}
LONG_COUNTERS = ("IN_BYTES", "IN_PKTS", "OUT_BYTES", "OUT_PKTS")


def type_of_element(length, kind):
    if kind == "text" or length > 4:
        return "varchar(%d) NOT NULL default ''" % (2 * length)
    return {1: "tinyint(4)", 2: "smallint(6)"}.get(length, "int(20)") + " unsigned NOT NULL default '0'"


def start():
    """(statement, whether nProbe stops at an error of it)"""
    yield "CREATE DATABASE IF NOT EXISTS nprobe", True
    yield "USE nprobe", True
    yield ("CREATE TABLE IF NOT EXISTS `nfflows` (`idx` int(11) NOT NULL auto_increment,UNIQUE KEY `idx` (`idx`)) ENGINE=MyISAM",
           True)
    for name, length, kind in ELEMENTS:
        yield "ALTER TABLE `nfflows` ADD `%s` %s" % (name, type_of_element(int(length), kind)), False
        if name in KEYS:
            yield "ALTER TABLE `nfflows` ADD INDEX (`%s`)" % name, False


def value_of(rng, name, length, kind, row):
    if name in row:
        return row[name]
    if name in ("IN_SRC_MAC", "OUT_DST_MAC"):
        return "%012X" % rng.randrange(1 << 48)
    if name.startswith("IPV6_") or name == "EXPORTER_IPV6_ADDRESS":
        return "::"
    if kind == "text":
        return rng.choice(["", "a", "www.example.com", "it\\'s", "100%", "x" * 40])[:2 * length]
    if length == 8:
        return "%016X" % rng.randrange(1 << 20)
    # Half of the elements of a flow are zero.
    return str(rng.choice([0, rng.randrange(1 << min(8 * length, 31))]))


def inserts():
    """One row a statement; no quotes around names of columns; version 4 and 6 through one table."""
    rng = random.Random(7)
    for i in range(400):
        version = 6 if i % 4 == 3 else 4
        first = rng.randrange(BEGIN - 200, END + 200)
        row = {"PROTOCOL": rng.choice([6, 17]), "L4_SRC_PORT": rng.randrange(1024, 65000), "L4_DST_PORT": rng.choice([53, 80, 443]),
               "FIRST_SWITCHED": first, "LAST_SWITCHED": first + rng.randrange(60), "IP_PROTOCOL_VERSION": version,
               "SRC_VLAN": rng.choice([0, 0, 10]), "L7_PROTO": rng.choice([5, 7, 91]), "IPV4_SRC_ADDR": 0, "IPV4_DST_ADDR": 0,
               "IN_BYTES": rng.randrange(1 << 31), "OUT_BYTES": rng.randrange(1 << 20), "IN_PKTS": rng.randrange(1, 5000),
               "OUT_PKTS": rng.randrange(5000), "SAMPLING_INTERVAL": 1}
        if version == 4:
            ends = [3232235776 + rng.randrange(8, 14), 167772160 + rng.randrange(1, 6)]
        else:
            ends = ["2001:db8::%x" % rng.randrange(1, 5), "2001:db8:1::%x" % rng.randrange(1, 4)]
        if rng.random() < 0.3:
            ends.reverse()
        row["IPV%d_SRC_ADDR" % version], row["IPV%d_DST_ADDR" % version] = ends
        values = ["'%s'" % value_of(rng, name, int(length), kind, row) for name, length, kind in ELEMENTS]
        yield "INSERT %sINTO `nfflows` (%s) VALUES (%s)" % (
            "DELAYED " if i % 2 else "", ", ".join(name for name, _, _ in ELEMENTS), ", ".join(values))


def reads():
    """(statement, what EXPLAIN must name): what people ask of nProbe's table."""
    when = " FROM nfflows WHERE FIRST_SWITCHED >= %d AND LAST_SWITCHED <= %d" % (BEGIN + 600, BEGIN + 1800)
    rows = " ORDER BY FIRST_SWITCHED, L4_SRC_PORT, IN_BYTES"
    for name, _, _ in ELEMENTS:
        if name not in FORMED:
            yield "SELECT %s%s ORDER BY FIRST_SWITCHED, L4_SRC_PORT, IN_BYTES" % (name, when), ("first_seen", "last_seen")
    yield "SELECT COUNT(*), SUM(IN_BYTES), SUM(IN_BYTES + OUT_BYTES), SUM(IN_PKTS), MAX(OUT_BYTES), MIN(FIRST_SWITCHED) FROM nfflows", ()
    yield "SELECT L4_DST_PORT, COUNT(*) AS n, SUM(IN_BYTES) AS b" + when + " GROUP BY L4_DST_PORT ORDER BY b DESC", ("first_seen",)
    yield "SELECT INET_NTOA(IPV4_SRC_ADDR) AS a, SUM(IN_BYTES) AS b" + when + " GROUP BY IPV4_SRC_ADDR ORDER BY b DESC", ("first_seen",)
    yield ("SELECT FROM_UNIXTIME(FIRST_SWITCHED - FIRST_SWITCHED % 300) AS t, SUM(IN_BYTES) * 8 / 300 AS bps" + when
           + " GROUP BY t ORDER BY t", ("first_seen",))
    yield ("SELECT FROM_UNIXTIME(FIRST_SWITCHED), INET_NTOA(IPV4_DST_ADDR), L4_DST_PORT, PROTOCOL" + when
           + " AND IPV4_SRC_ADDR = INET_ATON('192.168.1.10')" + rows, ("first_seen", "src_addr"))
    yield "SELECT IN_BYTES" + when + " AND IPV4_DST_ADDR = '167772163'" + rows, ("first_seen", "dst_addr")
    yield "SELECT IN_BYTES" + when + " AND IPV4_DST_ADDR BETWEEN 167772160 AND 167772162" + rows, ("first_seen", "dst_addr")
    yield "SELECT IN_BYTES" + when + " AND IPV6_SRC_ADDR = '2001:db8::1'" + rows, ("first_seen", "src_addr")
    yield "SELECT IN_BYTES" + when + " AND (IPV6_SRC_ADDR = '2001:db8::1' OR IPV6_DST_ADDR = '2001:db8::1')" + rows, (
        "first_seen", "src_addr|dst_addr")
    yield "SELECT IN_BYTES" + when + " AND L4_DST_PORT = 443" + rows, ("first_seen", "dst_port")
    yield "SELECT IN_BYTES" + when + " AND (L4_SRC_PORT = '443' OR L4_DST_PORT = '443')" + rows, ("first_seen", "src_port|dst_port")
    yield "SELECT COUNT(*)" + when + " AND IP_PROTOCOL_VERSION = 6 AND IPV4_SRC_ADDR = 0", ("first_seen",)
    yield "SELECT COUNT(*)" + when + " AND IP_PROTOCOL_VERSION = '4' AND IPV6_SRC_ADDR = '::'", ("first_seen",)
    yield "SELECT TLS_SERVER_NAME, COUNT(*)" + when + " AND TLS_SERVER_NAME LIKE '%example%' GROUP BY TLS_SERVER_NAME", ("first_seen",)


def check_formed(check, servers):
    """Texts of MariaDB's, numbers and MACs of sluice's: row by row the same."""
    where = " FROM nfflows ORDER BY FIRST_SWITCHED, L4_SRC_PORT, IN_BYTES"
    for name, form in FORMED.items():
        ours, theirs = (server.ask("SELECT %s%s" % (name, where))[0][2] for server in servers)
        check.that(name, [pair for pair in zip(ours, theirs) if pair[0][0] != form(pair[1][0])][:3])
        check.that(name + ": rows", None if len(ours) == len(theirs) > 100 else (len(ours), len(theirs)))


def long_inserts():
    """A flow a statement, its counters as 16 digits."""
    rng = random.Random(9)
    for i in range(200):
        row = ["%016X" % rng.randrange(1 << rng.choice([4, 32, 44])) for _ in LONG_COUNTERS]
        yield "INSERT DELAYED INTO `nhflows` (%s, L4_SRC_PORT, FIRST_SWITCHED, LAST_SWITCHED, SAMPLING_INTERVAL) VALUES (%s)" % (
            ", ".join(LONG_COUNTERS), ", ".join("'%s'" % value for value in row + [1024 + i, BEGIN + i, BEGIN + i + 5, 1]))


def check_long_counters(check, servers):
    """Counters of eight bytes: their sums are numbers in sluice, in MariaDB they are read with CONV."""
    start_of_table = ["CREATE TABLE IF NOT EXISTS `nhflows` (`idx` int(11) NOT NULL auto_increment,UNIQUE KEY `idx` (`idx`)) ENGINE=MyISAM"]
    start_of_table += ["ALTER TABLE `nhflows` ADD `%s` %s" % (name, type_of_element(8, "")) for name in LONG_COUNTERS]
    start_of_table += ["ALTER TABLE `nhflows` ADD `%s` %s" % (name, type_of_element(length, "")) for name, length in (
        ("L4_SRC_PORT", 2), ("FIRST_SWITCHED", 4), ("LAST_SWITCHED", 4), ("SAMPLING_INTERVAL", 4))]
    for statement in start_of_table + list(long_inserts()):
        check.that(statement, difference(servers[0].ask(statement), servers[1].ask(statement), set()))
    for name in LONG_COUNTERS:
        rows = "SELECT L4_SRC_PORT, %s FROM nhflows WHERE L4_SRC_PORT >= 1024 AND FIRST_SWITCHED < %d ORDER BY L4_SRC_PORT" % (
            name, BEGIN + 200)
        ours, theirs = (server.ask(rows)[0][2] for server in servers)
        check.that(rows, None if len(ours) == 200 and ours == tuple((port, int(text, 16)) for port, text in theirs) else (
            ours[:3], theirs[:3]))
        sums = "SELECT SUM(%s), MAX(%s) FROM nhflows WHERE FIRST_SWITCHED < %d"
        number = "CAST(CONV(%s, 16, 10) AS UNSIGNED)" % name
        ours, theirs = (server.ask(sums % (value, value, BEGIN + 200))[0][2] for server, value in zip(servers, (name, number)))
        check.that(sums % (name, name, 0), None if ours == theirs else (ours, theirs))
    for statement in ("DELETE FROM nhflows WHERE FIRST_SWITCHED < %d" % (BEGIN + 200),
                      "SELECT COUNT(*) FROM nhflows WHERE FIRST_SWITCHED < %d" % (BEGIN + 200)):
        check.that(statement, difference(servers[0].ask(statement), servers[1].ask(statement), {"types"}))


VIEW = ("CREATE VIEW `flowsv%(v)d` AS SELECT idx, SRC_VLAN AS VLAN_ID, L7_PROTO, IPV%(v)d_SRC_ADDR AS IP_SRC_ADDR, L4_SRC_PORT,"
        " IPV%(v)d_DST_ADDR AS IP_DST_ADDR, L4_DST_PORT, PROTOCOL, IN_BYTES, OUT_BYTES, (IN_PKTS+OUT_PKTS) AS PACKETS,"
        " FIRST_SWITCHED, LAST_SWITCHED, '' AS INFO, '' AS `JSON`, '' AS `PROFILE`, NULL AS NTOPNG_INSTANCE_NAME, 0 AS"
        " INTERFACE_ID FROM `nfflows` WHERE IP_PROTOCOL_VERSION=%(v)d ")


def check_table(check, servers):
    for statement, marks in reads():
        a, b = (without_idx(server.ask(statement)) for server in servers)
        # Numbers that MariaDB declares with four bytes have eight in sluice; both are unsigned or neither is.
        check.that(statement, difference(a, b, {"types"}))
        plan = servers[0].ask("EXPLAIN " + statement)
        pruned = str(plan).partition("pruned by")[2]
        check.that("EXPLAIN " + statement, [mark for mark in marks if mark not in pruned] and plan)


def main():
    servers = sluice, maria = Server(int(sys.argv[1])), Server(int(sys.argv[2]))
    check = Check()
    for _ in range(2):
        for statement, must in start():
            for server in servers:
                answer = server.ask(statement)
                check.that(statement, answer if isinstance(answer, int) and (must or answer not in (1060, 1061)) else None)
    for statement in inserts():
        check.that(statement, difference(sluice.ask(statement), maria.ask(statement), set()))
    check_table(check, servers)
    check_formed(check, servers)
    for version in (4, 6):
        for statement in ("DROP VIEW IF EXISTS `flowsv%d`" % version, VIEW % {"v": version}):
            for server in servers:
                answer = server.ask(statement)
                check.that(statement, answer if isinstance(answer, int) else None)
    counts = check_questions(check, servers)
    check_details(check, servers)
    # Its retention, every night, and its page of a host.
    for statement in ["DELETE FROM flowsv%d where FIRST_SWITCHED < %d AND (INTERFACE_ID = 0) AND (NTOPNG_INSTANCE_NAME='vm' OR"
                      " NTOPNG_INSTANCE_NAME IS NULL OR NTOPNG_INSTANCE_NAME='')" % (v, BEGIN + 600) for v in (4, 6)] + [
            "DELETE FROM flowsv4 WHERE (IP_SRC_ADDR = INET_ATON('192.168.1.10') OR IP_DST_ADDR = INET_ATON('192.168.1.10')) AND"
            " VLAN_ID = 10 and INTERFACE_ID = 0"]:
        for server in servers:
            answer = server.ask(statement)
            check.that(statement, answer if isinstance(answer, int) else None)
        left = "SELECT COUNT(*), SUM(IN_PKTS), SUM(IN_BYTES) FROM nfflows"
        check.that(statement, difference(sluice.ask(left), maria.ask(left), {"types"}))
    check_long_counters(check, servers)
    return check.finish(counts)


sys.exit(main())
