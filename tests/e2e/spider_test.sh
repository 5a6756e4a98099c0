#!/bin/sh
# spider_test.sh - the first recipe of docs/DISTRIBUTION.md: a private MariaDB with Spider over two
# servers; its answers are those of one server with all rows, and the work is done where the rows are.
command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null ||
    { echo "skipped: no mariadb-server here"; exit 77; }
ls /usr/lib/mysql/plugin/ha_spider.so >/dev/null 2>&1 ||
    { echo "skipped: no mariadb-plugin-spider here"; exit 77; }
. "$(dirname "$0")/partition_lib.sh"

# both 'STATEMENT': rows of MariaDB's table over both servers.
both() {
    mariadb --no-defaults -S "$work/maria.sock" -u root -N -B net -e "$1" 2>&1
}

start_mariadb() {
    mariadb-install-db --no-defaults --datadir="$work/maria" --auth-root-authentication-method=normal \
        --skip-test-db --user="$(id -un)" >"$work/maria.log" 2>&1
    mariadbd --no-defaults --datadir="$work/maria" --skip-networking --socket="$work/maria.sock" \
        --pid-file="$work/maria.pid" --user="$(id -un)" --default-time-zone=+00:00 \
        --innodb-buffer-pool-size=16M 2>>"$work/maria.log" &
    pids="$pids $!"
    tries=0
    until mariadb --no-defaults -S "$work/maria.sock" -u root \
        -e "INSTALL SONAME 'ha_spider'; CREATE DATABASE net" >/dev/null 2>&1; do
        [ $tries -lt 100 ] || { cat "$work/maria.log"; exit 1; }
        sleep 0.1
        tries=$((tries + 1))
    done
}

# The statements of the recipe, with the ports and the password of this test.
recipe() {
    sed -n '/^```sql spider/,/^```$/p' "$root/docs/DISTRIBUTION.md" | grep -v '^```' |
        sed -e "s/'north.example', PORT 3306/'127.0.0.1', PORT $north_port/" \
            -e "s/'south.example', PORT 3306/'127.0.0.1', PORT $south_port/" -e "s/PASSWORD 'secret'/PASSWORD '$password'/"
}

# sent PATTERN: how many statements with it MariaDB has sent to the servers since the last call.
sent() {
    tail -n "+$((seen + 1))" "$work/general" | grep 'mysql 127.0.0.1' | grep -cE -- "$1"
    seen=$(wc -l <"$work/general")
}

start_mariadb
same "the recipe is taken" "" "$(recipe | mariadb --no-defaults -S "$work/maria.sock" -u root net 2>&1)"
both "SET GLOBAL spider_general_log = 1; SET GLOBAL general_log_file = '$work/general'; SET GLOBAL general_log = 1"
seen=0

# compare WHAT 'STATEMENT' STATEMENTS 'PATTERN': equal to one server's answer; so many statements with the
# pattern were sent.
compare() {
    same "$1" "$(alone "$2")" "$(both "$2")"
    same "$1: sent" "$3" "$(sent "$4")"
}
compare "all rows are counted" "SELECT COUNT(*), SUM(bytes), MIN(last_seen), MAX(bytes) FROM flows" \
    2 'select count\(0\),sum\(`bytes`\).* from `flows`.`flows`$'
compare "GROUP BY over both is the union" \
    "SELECT app, COUNT(*), SUM(bytes), SUM(packets) FROM flows GROUP BY app ORDER BY app" \
    2 'select .*sum\(`bytes`\).* group by `app`'
window="last_seen BETWEEN '2026-11-23 08:00:00.2' AND '2026-11-23 08:00:00.8'"
compare "a condition is sent along" \
    "SELECT src_addr, SUM(bytes) AS b FROM flows WHERE $window AND protocol = 6 GROUP BY src_addr ORDER BY b DESC, src_addr LIMIT 20" \
    2 'where .*`protocol` = 6.*`last_seen` between .* group by `src_addr`'
compare "buckets of time" \
    "SELECT UNIX_TIMESTAMP(last_seen) DIV 60 * 60 AS t, SUM(bytes), COUNT(*) FROM flows WHERE $window GROUP BY t ORDER BY t" \
    2 'group by \(\(\(unix_timestamp\(`last_seen`\)\) DIV 60\) \* 60\)'
compare "averages are of all rows" "SELECT SUM(packets) / COUNT(*), SUM(bytes) / COUNT(*) FROM flows WHERE protocol = 17" \
    2 'select .*count\(0\).*sum\(`bytes`\).* where \(`protocol` = 17\)'
compare "the largest rows, and no more" \
    "SELECT last_seen, src_addr, dst_addr, bytes FROM flows WHERE dst_port IN (53, 443) ORDER BY bytes DESC, src_addr, last_seen LIMIT 7" \
    2 'order by `bytes` desc,`src_addr`,`last_seen` limit 7'
compare "distinct values" "SELECT COUNT(DISTINCT app) FROM flows WHERE dst_port < 1024" 2 'where \(`dst_port` < 1024\)'
compare "an exporter's flows are asked where they are, the whole statement" \
    "SELECT app, SUM(bytes), COUNT(DISTINCT src_addr) FROM flows WHERE exporter_addr = '192.0.2.6' GROUP BY app ORDER BY app" \
    1 'select .*count\(distinct t0.`src_addr`\).* group by t0.`app` order by'
contains "a reader's writing is refused" "ERROR" "$(both "DELETE FROM flows WHERE protocol = 6")"
stop_server
finish
