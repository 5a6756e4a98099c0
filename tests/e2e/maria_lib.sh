# maria_lib.sh - a MariaDB beside the server of a test, with a port, a socket and a directory of its own; and clients of
# both. Sourced, behind lib.sh.
python=/usr/bin/python3 # Debian's, which has Debian's modules
$python -c 'import pymysql' 2>/dev/null || skip "no PyMySQL"
for tool in mariadb mariadbd mariadb-install-db; do
    command -v $tool >/dev/null || skip "no $tool here"
done

maria_port=$(free_udp_port)
mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$work/maria" --skip-test-db \
    --auth-root-authentication-method=normal >/dev/null 2>&1
mariadbd --no-defaults --user="$(id -un)" --datadir="$work/maria" --socket="$work/maria.sock" \
    --port="$maria_port" --bind-address=127.0.0.1 --default-time-zone=+00:00 --local-infile=1 --max-allowed-packet=64M --sql-mode= \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_general_ci 2>"$work/maria.log" &
pids="$pids $!"
maria() {
    mariadb --no-defaults -u root -S "$work/maria.sock" --batch --skip-column-names "$@"
}
start_mysql_server
my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u root --batch --skip-column-names "$@"
}
tries=0
until maria -e 'SELECT 1' >/dev/null 2>&1 || [ $tries -gt 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
