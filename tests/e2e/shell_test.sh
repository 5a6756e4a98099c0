#!/bin/sh
# shell_test.sh - the interactive shell as hands use it: keys go into a terminal (tmux), and what its
# screen shows is compared. Completion, history over two runs, statements over several lines, the
# pager, Ctrl-C on a line and on a running query.
. "$(dirname "$0")/lib.sh"
start_server
{
    echo "first_seen,last_seen,src_addr,dst_addr,in_bytes"
    awk 'BEGIN { for (i = 1; i <= 3000; i++) printf "2026-11-23T08:15:30Z,2026-11-23T08:15:31Z,10.1.%d.%d,192.0.2.1,%d\n", i / 250, i % 250, i }'
} >"$work/rows.csv"
sluice import "$work/rows.csv" --no-progress >/dev/null

. "$(dirname "$0")/terminal_lib.sh"

# open_shell [VARIABLE=VALUE...]  (libedit keeps a few bytes at its end: no leaks are looked for in the shell)
open_shell() {
    shells=$((shells + 1))
    tmux_ new-session -d -s shell -x 120 -y 40 \
        "env -u PAGER ASAN_OPTIONS=detect_leaks=0 HOME=$work TERM=screen $* $bin/sluice --connect $address; echo ended with \$?; sleep 60"
    shows "the prompt" "^sluice>"
}

close_shell() {
    keys C-d
    shows "Ctrl-D leaves, status 0" "ended with 0"
    tmux_ kill-server
}

open_shell
shows "the greeting says how a statement ends" "end with ;"
keys -l 'SELECT COUNT(*), MAX(in_by'
keys Tab
shows "Tab completes a column" "MAX\(in_bytes$"
say ') AS most'
shows "the statement goes on" "^ +->"
keys -l 'FROM flows WHERE src_a'
keys Tab
shows "with several choices Tab lists them" "^src_addr +src_as"
keys -l 'd'
keys Tab
shows "and goes on when one is left" "WHERE src_addr$"
say ' IN 10.1.0.0/16;'
shows "the answer is a table" "^ *3000 +3000"
shows "with a summary" "1 row"
keys Up
shows "Up brings the whole statement back" "sluice> SELECT COUNT"
keys C-c
shows "Ctrl-C drops a line" "^sluice>$"
say 'SELECT nothing_here;'
shows "an error, and the next prompt" "unknown column .nothing_here. at 1:8"
say '\x'
shows "one value a line" "one value a line: on"
close_shell

open_shell "PAGER='head -5'"
keys Up
keys Up
shows "history is kept" "sluice> SELECT COUNT"
keys C-c
shows "Ctrl-C drops a statement" "^sluice>$"
say 'SELECT src_addr FROM flows ORDER BY src_addr;'
shows "a long result goes through the pager" "^10.1.0.4"
same "which shows five lines" 4 "$(screen | grep -cE '^10\.1\.')"
say 'SELECT COUNT(*) AS after FROM flows;'
shows "who leaves the pager goes on" "^ *3000"
same "without an error" 0 "$(screen | grep -c 'cannot')"
say 'SELECT SLEEP(60);'
until sluice status | grep -q SLEEP; do sleep 0.05; done
keys C-c
while sluice status | grep -q SLEEP; do sleep 0.05; done
shows "Ctrl-C ends a statement" "^sluice>$"
keys C-c
say 'SELECT 40 + 2 AS still; SELECT 40 + 3 AS there;'
shows "and again, before anything is written, nothing" "^ *42"
shows "two statements on a line both run" "^ *43"
close_shell

open_shell "PAGER="
say 'SELECT 50 + 1 AS plain;'
shows "an empty pager is none" "^ *51"
close_shell
finish
