"""hostile.py - what no driver sends, to the MySQL door inside sluiced, with TLS, compression and patience.

usage: hostile.py PORT PID

Malformed packets of a plain connection are tests/unit/client/mysql_hostile_test.c's. Here: who says nothing, or one byte
at a time; TLS that is none; frames of compression that lie, or swell; statements and their data without end; hundreds
who ask and do not read. Others are served meanwhile, and afterwards the server has no more memory than before.

Prints a line for each; the exit code says whether all are as they should be.
"""

import os
import socket
import ssl
import struct
import sys
import time
import zlib

PORT, PID = int(sys.argv[1]), int(sys.argv[2])
PATIENCE_S = 120  # of a machine that does much else
LOGIN_S = 10  # the door's
COMPRESS, TLS = 0x20, 0x800
CAPABILITIES = 0x200 | 0x8000 | 0x80000 | 8  # PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, CONNECT_WITH_DB
ERROR_TIMEOUT, ERROR_MEMORY, ERROR_ORDER, ERROR_UNCOMPRESS = 1159, 1041, 1156, 1157
failures = 0


def check(what, is_right, found=""):
    global failures
    print("%s: %s%s" % ("ok" if is_right else "FAILED", what, "" if is_right else ", %s" % (found,)), flush=True)
    failures += not is_right


def packet(number, payload):
    return struct.pack("<I", len(payload) | number << 24) + payload


def login(capabilities=0):
    return (struct.pack("<IIB23x", CAPABILITIES | capabilities, 1 << 24, 45) + b"root\0\0flows\0mysql_native_password\0")


class Peer:
    def __init__(self):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", PORT))
        self.packet()

    def bytes(self, count):
        have = b""
        while len(have) < count:
            more = self.socket.recv(count - len(have))
            if not more:
                raise EOFError
            have += more
        return have

    def packet(self):
        return self.bytes(int.from_bytes(self.bytes(4)[:3], "little"))

    def log_in(self, capabilities=0):
        self.send(1, login(capabilities))
        assert self.packet()[0] == 0
        return self

    def send(self, number, payload):
        self.socket.sendall(packet(number, payload))

    def frame(self, number, payload, told_bytes):
        self.socket.sendall(struct.pack("<I", len(payload) | number << 24) + struct.pack("<I", told_bytes)[:3] + payload)

    def ask(self, text):
        """The number of the error, 0: none; what follows stays unread."""
        self.send(0, text)
        return error_of(self.packet())

    def close(self):
        self.socket.close()


def error_of(payload):
    return int.from_bytes(payload[1:3], "little") if payload[0] == 0xff else 0


def end_of(peer):
    """What the door says last: bytes, which may be none."""
    said = b""
    try:
        while True:
            more = peer.socket.recv(65536)
            if not more:
                return said
            said += more
    except ConnectionResetError:
        return said


def refusal():
    """The number of the error that another client gets; 0: it is served."""
    peer = Peer().log_in()
    number = peer.ask(b"\x03SELECT 1")
    peer.close()
    return number


def check_served(what):
    number = refusal()
    check(what, number == 0, number)


def memory_mib():
    with open("/proc/%d/statm" % PID, encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") >> 20


def memory_returns(before_mib):
    """Sanitizers keep what was freed, so the bound is a generous one; what a flood takes is far beyond it."""
    until = time.time() + PATIENCE_S
    while memory_mib() > before_mib + 96 and time.time() < until:
        time.sleep(0.2)
    return memory_mib() <= before_mib + 96


def patience():
    silent, slow = Peer(), Peer()
    tls = Peer()
    tls.send(1, login(TLS)[:32])
    started = time.time()
    text = packet(1, login())[:-1]
    slow.socket.settimeout(0.4)
    said = b""
    while not said and time.time() - started < PATIENCE_S:
        slow.socket.sendall(text[:1])
        text = text[1:]
        try:
            said = slow.socket.recv(1000)
        except socket.timeout:
            pass
    check("who says one byte at a time is not waited for", error_of(said[4:]) == ERROR_TIMEOUT, said)
    check("nor who says nothing", error_of(end_of(silent)[4:]) == ERROR_TIMEOUT)
    check("nor who asks for TLS and says nothing", end_of(tls) == b"")
    check("but for a while", LOGIN_S - 1 < time.time() - started, time.time() - started)
    check_served("others are served")


def tls():
    request = packet(1, login(TLS)[:32])
    peer = Peer()
    peer.socket.sendall(request + packet(2, login(TLS)))
    said = end_of(peer)
    check("a login in the open behind a request for TLS is none", not said or said[0] == 0x15, said)
    peer = Peer()
    peer.socket.sendall(request + b"\x16\x03\x01\xff\xff" + os.urandom(500))
    said = end_of(peer)
    check("noise is no TLS", not said or said[0] == 0x15, said)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    peer = Peer()
    peer.socket.sendall(request + packet(0, b"\x0e"))
    try:
        context.wrap_socket(peer.socket)
        check("what came in the open before TLS ends the connection", False)
    except (ssl.SSLError, OSError):
        check("what came in the open before TLS ends the connection", True)
    check_served("others are served")


def compression():
    good = packet(0, b"\x03SELECT 40 + 2")
    deflated = zlib.compress(good)
    for what, number, payload, told, error in (
            ("a frame of another number", 5, deflated, len(good), ERROR_ORDER),
            ("less than it is told", 0, deflated, len(good) + 1000, ERROR_UNCOMPRESS),
            ("more than it is told", 0, deflated, 3, ERROR_UNCOMPRESS),
            ("noise", 0, os.urandom(60), 100, ERROR_UNCOMPRESS),
            ("half of it", 0, deflated[:-3], len(good), ERROR_UNCOMPRESS),
            ("nothing", 0, b"", 100, ERROR_UNCOMPRESS)):
        peer = Peer().log_in(COMPRESS)
        peer.frame(number, payload, told)
        said = end_of(peer)
        check("compressed: " + what, error_of(said[11:]) == error, said)
    # Sixteen kilobytes each that become half a statement of sixteen megabytes.
    swelling = zlib.compress(struct.pack("<I", 0xffffff) + b"\x03" + b" " * 0xffffe0)
    before_mib, peers = memory_mib(), []
    for _ in range(60):
        peers.append(Peer().log_in(COMPRESS))
        peers[-1].frame(0, swelling, 0xffffe5)
    check_served("others are served while frames swell")
    check("within the memory of connections", memory_mib() < before_mib + 600, memory_mib())
    refused = 0
    for peer in peers:
        peer.socket.settimeout(0.05)
        try:
            refused += error_of(peer.socket.recv(1000)[11:]) == ERROR_MEMORY
        except socket.timeout:
            pass
    check("which most do not get", 20 < refused < 60, refused)
    for peer in peers:
        peer.close()
    check("and which comes back", memory_returns(before_mib), memory_mib())


def statements():
    before_mib = memory_mib()
    peer = Peer().log_in()
    count = 0
    while count < 5000 and peer.ask(b"\x16SET @a = 1") == 0:
        count += 1
    check("prepared statements have a limit", 100 < count < 5000, count)
    check("which does not end the connection", peer.ask(b"\x0e") == 0)
    peer.close()
    peer = Peer().log_in()
    peer.ask(b"\x16SELECT LENGTH(?)")
    for _ in range(4):  # the parameter, the column, their ends
        peer.packet()
    for _ in range(300):
        peer.send(0, b"\x18\x01\0\0\0\0\0" + b"x" * 1000000)
    check("so have their data", peer.ask(b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\xfd\0") != 0)
    check("which takes no memory beyond", memory_mib() < before_mib + 200, memory_mib())
    peer.close()
    check("and gives it back", memory_returns(before_mib), memory_mib())


def slow_readers():
    before_mib, peers = memory_mib(), []
    for _ in range(100):
        peers.append(Peer().log_in())
        peers[-1].send(0, b"\x03SELECT LPAD(a.name, 60000, 'x'), LPAD(a.name, 60000, 'y'), LPAD(a.name, 60000, 'z'), "
                          b"LPAD(a.name, 60000, 'w') FROM system.columns AS a")
    check_served("others are served while a hundred do not read")
    check("within the memory of the server", memory_mib() < 2300, memory_mib())
    for peer in peers:
        peer.close()
    check("which comes back when they go", memory_returns(before_mib), memory_mib())
    check_served("and others are served")


for part in (patience, tls, compression, statements, slow_readers):
    part()
sys.exit(failures != 0)
