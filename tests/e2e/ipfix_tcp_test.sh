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
finish
