#!/bin/sh
# softflowd_test.sh - the same export into nfcapd and into sluiced: equal flows, packets and
# bytes, in total, by protocol, and by the 20 largest sources and destinations.
. "$(dirname "$0")/lib.sh"
command -v softflowd >/dev/null && command -v nfcapd >/dev/null || skip "softflowd or nfdump is not installed"
captures="$root/tests/e2e/captures"
[ -d "$shared/data/ndpi-pcap" ] && captures="$shared/data/ndpi-pcap"
start_server

# compare WHAT 'nfdump statistics' 'STATEMENT'
totals() {
    nfdump -r "$1" -q -o 'fmt:%pr;%sa;%da;%sp;%dp;%pkt;%byt' 2>/dev/null | tr -d ' '
}

for version in 5 9 10; do
    rm -rf "$work/nf"
    mkdir "$work/nf"
    port=$(free_udp_port)
    nfcapd -b 127.0.0.1 -p "$port" -w "$work/nf" -t 3600 >"$work/nfcapd.log" 2>&1 &
    collector=$!
    pids="$pids $collector"
    sleep 0.5
    before=$(sql 'SELECT COUNT(*) FROM flows')
    for name in netflix teams iphone wechat; do
        file="$captures/$name.pcap"
        [ -f "$file" ] || continue
        # One export, twice: the same capture gives the same records to both collectors.
        for to in "$port" "$netflow_port"; do
            softflowd -d -a -r "$file" -n "127.0.0.1:$to" -v $version -p "$work/sf.pid" -c none \
                >>"$work/softflowd.log" 2>&1
        done
    done
    sleep 1
    kill "$collector"
    wait "$collector" 2>/dev/null
    cat "$work"/nf/nfcapd.* >/dev/null 2>&1
    nfdump -R "$work/nf" -q -6 -N -o 'fmt:%pr;%sa;%da;%pkt;%byt' 2>/dev/null | tr -d ' ' |
        grep ';' >"$work/nf.txt"
    expected=$(awk -F';' '{ n++; p += $4; b += $5 } END { printf "%d,%d,%d", n, p, b }' "$work/nf.txt")
    contains "nfcapd has flows of v$version" "^[1-9]" "$expected"
    where="origin IS NOT NULL"
    wait_for "v$version: flows, packets, bytes in total" 10 "$expected" \
        "SELECT COUNT(*), SUM(in_packets), SUM(in_bytes) FROM flows"
    expected=$(awk -F';' '{ p[$1] += $4; b[$1] += $5; n[$1]++ } END { for (k in n) print n[k] "," p[k] "," b[k] }' \
        "$work/nf.txt" | sort)
    same "v$version: by protocol" "$expected" \
        "$(sql "SELECT COUNT(*), SUM(in_packets), SUM(in_bytes) FROM flows GROUP BY protocol" | sort)"
    for side in 2:src_addr 3:dst_addr; do
        expected=$(awk -F';' -v c=${side%%:*} '{ b[$c] += $5; n[$c]++ } END { for (k in n) print b[k] "," n[k] "," k }' \
            "$work/nf.txt" | sort -t, -k1,1nr -k2,2nr -k3,3 | head -20)
        same "v$version: top 20 ${side##*:}" "$expected" \
            "$(sql "SELECT SUM(in_bytes), COUNT(*), ${side##*:} FROM flows GROUP BY ${side##*:}" |
                sort -t, -k1,1nr -k2,2nr -k3,3 | head -20)"
    done
    sql "DELETE FROM flows" >/dev/null
    same "v$version: deleted before the next" 0 "$(sql 'SELECT COUNT(*) FROM flows')"
done
finish
