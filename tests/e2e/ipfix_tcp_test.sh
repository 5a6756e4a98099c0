#!/bin/sh
# ipfix_tcp_test.sh - IPFIX over TCP (RFC 7011, 10.4): the messages of an IPFIX file (RFC 5655), sent as a stream.
. "$(dirname "$0")/lib.sh"
file="$shared/data/vendor/ipfixcol2/example_flows.ipfix"
[ -e "$file" ] || skip "no capture at $file"
port=$(free_udp_port)
start_server --ipfix-listen "127.0.0.1:$port"
timeout 20 bash -c "cat '$file' >/dev/tcp/127.0.0.1/$port"
same "it is sent" 0 $?
tries=0
until [ "$(sql 'SELECT COUNT(*) FROM flows')" = 3979 ] || [ $tries -gt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
same "every record is a row" 3979 "$(sql 'SELECT COUNT(*) FROM flows')"
same "and says how it came" ipfix:tcp "$(sql 'SELECT DISTINCT origin FROM flows')"
same "nothing was malformed or lost" 0,0 "$(sql 'SELECT SUM(malformed), SUM(lost) FROM system.exporters')"
# A stream that is no IPFIX is closed, and the next one is served.
timeout 20 bash -c "head -c 100000 /dev/zero >/dev/tcp/127.0.0.1/$port" 2>/dev/null
same "the server lives" 3979 "$(sql 'SELECT COUNT(*) FROM flows')"

# Idle connections of one address lock no other out: one of theirs gives way; their own next one is refused.
cat >"$work/idle.py" <<'EOF'
import socket, sys
port, file = int(sys.argv[1]), sys.argv[2]
idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(64)]
refused = socket.create_connection(("127.0.0.1", port))
refused.settimeout(10)
print("refused" if refused.recv(1) == b"" else "served")
other = socket.socket()
other.bind(("127.0.0.2", 0))
other.connect(("127.0.0.1", port))
other.sendall(open(file, "rb").read())
other.shutdown(socket.SHUT_WR)
print("served" if other.recv(1) == b"" else "odd")
ended = 0
for s in idle:
    s.setblocking(False)
    try:
        ended += s.recv(1) == b""
    except BlockingIOError:
        pass
print(ended, "gave way")
EOF
idle=$(timeout 60 python3 "$work/idle.py" "$port" "$file" 2>&1 | tr '\n' ' ')
same "idle connections lock out only more of their own address" "refused served 1 gave way " "$idle"
wait_for "what the other address sent is there" 20 7958 'SELECT COUNT(*) FROM flows'
contains "the log says who gave way" 'connection of 127.0.0.1:[0-9]* ended: silent for [0-9]* s, it gives its place' \
    "$(cat "$work/server.log")"
same "and is not filled by those who come and go" 10 "$(grep -c 'exporter .* connected' "$work/server.log")"
finish
