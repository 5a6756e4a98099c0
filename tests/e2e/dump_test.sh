#!/bin/sh
# dump_test.sh - mariadb-dump, mysqlshow and mysqladmin against sluice; what was dumped goes into another
# sluice and into a MariaDB, and is the same there.
. "$(dirname "$0")/lib.sh"
for tool in mariadb mariadb-dump mysqlshow mysqladmin; do
    command -v $tool >/dev/null || skip "no $tool here"
done
start_mysql_server
"$bin/flowgen" --flows 3000 --seed 5 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null
to() {
    printf '%s\n' --no-defaults -h 127.0.0.1 -P "$1" -u root
}
my() {
    mariadb $(to "$mysql_port") --batch --skip-column-names "$@"
}
my flows -e "CREATE VIEW top AS SELECT dst_port, SUM(in_bytes) AS b FROM flows GROUP BY dst_port"
my flows -e "CREATE TABLE sites (net varchar(45), site varchar(20)); INSERT INTO sites VALUES ('10.1.2.3', 'Ulm'), ('10.0.0.4', NULL)"
columns="first_seen, last_seen, src_addr, dst_addr, src_port, dst_port, protocol, tcp_flags, in_bytes, in_packets, src_as, app, sampling_rate"
rows="SELECT $columns FROM flows"

mariadb-dump $(to "$mysql_port") flows >"$work/all.sql" 2>"$work/err"
same "a database is dumped" "0 " "$? $(cat "$work/err")"
contains "its own views too" "VIEW .top. AS SELECT dst_port" "$(grep top "$work/all.sql")"
mariadb-dump $(to "$mysql_port") --all-databases >"$work/everything.sql" 2>"$work/err"
same "all databases are" "0 " "$? $(cat "$work/err")"
mariadb-dump $(to "$mysql_port") flows top sites >"$work/own.sql"
same "what is a client's own goes into another database, over it once more, and over itself" "" \
    "$(for database in copies copies flows; do my $database <"$work/own.sql" 2>&1; done)"
views() {
    mariadb-dump $(to "$mysql_port") --skip-comments --ignore-table="$1.flows" "$1"
}
views flows >"$work/views.sql"
same "so do views that are built in, which stay so" "" "$(for database in copies flows; do my $database <"$work/views.sql" 2>&1; done)"
same "and what was dumped is dumped again" "" "$(for database in copies flows; do views $database | diff - "$work/views.sql"; done)"
same "SHOW CREATE TABLE of a view says that it is one" "View top character_set_client utf8mb4 collation_connection utf8mb4_general_ci" \
    "$(mariadb $(to "$mysql_port") flows --vertical -e 'SHOW CREATE TABLE top' | grep -v 'Create View\|row' | tr -d ':' | paste -sd' ' | tr -s ' ' | sed 's/^ //')"
contains "SHOW CREATE VIEW of a table is refused" "ERROR 1347.*is not a view" "$(my flows -e 'SHOW CREATE VIEW sites' 2>&1)"
same "with its rows" "10.0.0.4 NULL 10.1.2.3 Ulm" \
    "$(my copies -e 'SELECT * FROM sites ORDER BY net' | tr '\t\n' '  ' | sed 's/ $//')"
same "and its view" "$(my flows -e 'SELECT SUM(in_bytes) FROM flows')" "$(my copies -e 'SELECT SUM(b) FROM top')"
contains "the whole time" "Dump completed" "$(tail -1 "$work/everything.sql")"
mariadb-dump $(to "$mysql_port") --no-create-info --complete-insert flows flows >"$work/rows.sql"
mariadb-dump $(to "$mysql_port") --skip-extended-insert --where 'dst_port = 443' flows flows >"$work/some.sql"
same "--where chooses rows" "$(my -e 'SELECT COUNT(*) FROM flows.flows WHERE dst_port = 443')" \
    "$(grep -c '^INSERT INTO' "$work/some.sql")"
sorted() {
    LC_ALL=C sort | cksum
}
my flows -e "$rows" >"$work/rows"

contains "mysqlshow lists tables" "flowsv4" "$(mysqlshow $(to "$mysql_port") flows)"
contains "and columns" "in_bytes.*bigint unsigned" "$(mysqlshow $(to "$mysql_port") flows flows)"
contains "mysqladmin finds it alive" "alive" "$(mysqladmin $(to "$mysql_port") ping)"
contains "with its status" "Uptime: [0-9]+ +Threads: 1" "$(mysqladmin $(to "$mysql_port") status)"
contains "and what runs" "show processlist" "$(mysqladmin $(to "$mysql_port") processlist)"

# Into a MariaDB of its own.
if command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null; then
    mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$work/maria" --skip-test-db \
        --auth-root-authentication-method=normal >"$work/install.log" 2>&1 ||
        { cat "$work/install.log"; exit 1; }
    mariadbd --no-defaults --user="$(id -un)" --datadir="$work/maria" --socket="$work/maria.sock" \
        --skip-networking 2>"$work/maria.log" &
    pids="$pids $!"
    maria() {
        mariadb --no-defaults -u root -S "$work/maria.sock" --batch --skip-column-names "$@"
    }
    tries=0
    until maria -e 'CREATE DATABASE flows' >/dev/null 2>&1 || [ $tries -gt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    mariadb-dump $(to "$mysql_port") flows flows | maria flows
    same "MariaDB takes the dump of flows, and has the same rows" "$(sorted <"$work/rows")" \
        "$(maria flows -e "$rows" | sorted)"
    # And back: a dump of MariaDB's table into an empty sluice.
    mariadb-dump --no-defaults -u root -S "$work/maria.sock" --no-create-info --complete-insert flows flows >"$work/back.sql"
fi
stop_server

for dump in rows back; do
    [ -s "$work/$dump.sql" ] || continue
    mv "$work/data" "$work/data.$dump"
    start_mysql_server
    my flows <"$work/$dump.sql"
    same "an empty sluice takes the dump ($dump), and has the same rows" "$(sorted <"$work/rows")" \
        "$(my flows -e "$rows" | sorted)"
    stop_server
done
finish
