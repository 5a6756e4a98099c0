#!/bin/sh
# client_test.sh - the interactive mariadb client as hands use it: keys go into a terminal (tmux). It asks for
# all tables and columns at its start, completes names from them, and sends KILL QUERY at Ctrl-C.
. "$(dirname "$0")/lib.sh"
command -v mariadb >/dev/null || skip "no mariadb client here"
. "$(dirname "$0")/terminal_lib.sh"
start_mysql_server
"$bin/flowgen" --flows 60000 --seed 3 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null

shells=$((shells + 1))
tmux_ new-session -d -s shell -x 120 -y 50 \
    "env HOME=$work TERM=screen mariadb --no-defaults -h 127.0.0.1 -P $mysql_port -u root; echo ended with \$?; sleep 60"
shows "the greeting says who it is" "Server version: 8.0.36-sluice"
shows "the prompt without a database" "\[\(none\)\]>"
say "use flows"
shows "USE reads the names of tables and columns" "Database changed"
shows "the prompt with it" "\[flows\]>"
say "show tables;"
shows "a list in a frame" "^\| flowsv6 +\|"
say "select count(*) from flows;"
shows "an answer in a frame" "^\| +60000 \|"
shows "and how many rows" "1 row in set"
keys -l "select max(in_pac"
keys Tab
keys -l ") > 0 as x from flows"
keys -l '\G'
keys Enter
shows "Tab completes a column, \\G shows one a line" "^x: 1"
say "select nosuch from flows;"
shows "an error" "ERROR 1054 \(42S22\): unknown column"
say "select count(*)"
shows "a statement goes on in the next line" "^ +-> *$"
say "from flows where protocol = 6 and 1 = 0;"
shows "and is answered as one" "^\| +0 \|"
slow="select max(length(replace(lpad(src_addr, 500, 'ab'), 'a', 'bc'))) from flows"
for part in 1 2 3 4 5; do slow="$slow union all $slow"; done
say "$slow;"
sleep 0.5
keys C-c
shows "Ctrl-C ends it on the server" "ERROR 1317 \(70100\)"
say "status"
shows "status" "Connection id:"
shows "with the way" "127.0.0.1 via TCP/IP"
say "select 6 * 7;"
shows "the connection lives" "^\| +42 \|"
say "exit"
shows "exit leaves, status 0" "ended with 0"
tmux_ kill-server
stop_server
finish
