#!/bin/sh
# ask_test.sh - ask (bench/ask.c): answers and times over one connection; the names that flowgen gives applications.
. "$(dirname "$0")/lib.sh"

start_server
"$bin/flowgen" --flows 20000 --seed 3 --rate 2000 --format csv >"$work/flows.csv"
sluice import "$work/flows.csv" --no-progress >/dev/null
tab=$(printf '\t')

answer=$(printf '%s\n' "answer SELECT COUNT(*), NULL FROM flows" \
    "answer SELECT 'a\\tb\\\\c' FROM flows LIMIT 1" "answer SELECT nothing FROM flows" "time SELECT src_addr FROM flows" \
    "what" | "$bin/ask" "$address" | sed 's/^ok [0-9]* /ok N /; s/ at [0-9:]*.*//')
same "rows, NULL, escapes, errors and times come one after another" "row${tab}20000${tab}\\N
ok N 1
row${tab}a\\tb\\\\c
ok N 1
error unknown column \"nothing\"
ok N 20000
error neither time nor answer" "$answer"

same "ask asks the same server as the command line" "$(sql 'SELECT SUM(bytes) FROM flows WHERE dst_port = 443')" \
    "$(echo 'answer SELECT SUM(bytes) FROM flows WHERE dst_port = 443' | "$bin/ask" "$address" | sed -n "s/^row$tab//p")"

same "an application is a function of service and outside network" "DNS" \
    "$(sql 'SELECT app FROM flows WHERE port = 53 AND protocol = 17 GROUP BY app')"
same "some traffic of port 443 has a name and some has none" "1" \
    "$(sql "SELECT COUNT(DISTINCT app) > 3 FROM flows WHERE dst_port = 443 AND protocol = 6 AND app LIKE 'TLS%'")"

"$bin/ask" 127.0.0.1:1 </dev/null 2>"$work/refused"
same "a server that is not there ends it with status 1" "1" "$?"
finish
