#!/bin/sh
# grafana_test.sh - packaging/grafana: its files read as Grafana reads them, and every statement of the dashboards, and those that Grafana sends by
# itself, expanded as Grafana does, over the driver that it uses.
. "$(dirname "$0")/lib.sh"
sources=/usr/share/gocode
command -v go >/dev/null && [ -d $sources/src/github.com/go-sql-driver/mysql ] ||
    skip "no Go with go-sql-driver here"
command -v mariadb >/dev/null || skip "no mariadb client here"
/usr/bin/python3 -c 'import yaml' 2>/dev/null || skip "no PyYAML here"
program="$(cd "$bin/.." && pwd)/grafana"
if [ -n "$(find "$root/tests/e2e/grafana" -name '*.go' -newer "$program" 2>/dev/null)" ] || [ ! -x "$program" ]; then
    GO111MODULE=off GOPATH=$sources GOCACHE="$(dirname "$program")/go-cache" GOFLAGS= \
        go build -o "$program" "$root"/tests/e2e/grafana/*.go || exit 1
fi

# Half an hour of flows; some say nothing of exporter and application.
start_mysql_server
"$bin/flowgen" --flows 20000 --seed 3 --rate 10 --until now --format csv >"$work/a.csv"
sluice import "$work/a.csv" --no-progress >/dev/null
head -500 "$work/a.csv" | cut -d , -f 1,2,4-19 >"$work/b.csv"
sluice import "$work/b.csv" --no-progress >/dev/null
sluice flush >/dev/null
now=$(date +%s)
"$program" "$mysql_port" "$root/packaging/grafana/dashboards" $((now - 3600)) "$now" "$work/sent.sql" >"$work/out" 2>&1
same "all statements" 0 $?
cat "$work/out"

# Drivers in Go cannot read a BIGINT UNSIGNED that may be NULL; text never looks like bytes.
mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u any --column-type-info --table --verbose flows \
    <"$work/sent.sql" >"$work/types" 2>&1
same "their types are told" 0 $?
same "no column is one that Grafana cannot read" "" "$(awk '/^Field /{name = $0} /^Type:/{type = $2} /^Collation:/{bytes = /\(63\)/}
    /^Flags:/ && ((type == "LONGLONG" && /UNSIGNED/ && !/NOT_NULL/) || (type ~ /STRING|BLOB/ && bytes)) {print name, type}' "$work/types")"

# The folder's parts fit each other; a file that does not is found.
parts() {
    /usr/bin/python3 "$root/tests/e2e/grafana/parts.py" "$1" 2>&1
}
same "provisioning and dashboards fit each other" "" "$(parts "$root/packaging/grafana")"
cp -r "$root/packaging/grafana" "$work/grafana"
sed -i '0,/"uid": "sluice"/s//"uid": "another"/' "$work/grafana/dashboards/hosts.json"
contains "a dashboard that uses another source is found" "hosts.json: .*another" "$(parts "$work/grafana")"
sed -i 's/^    type: mysql/   type: mysql/' "$work/grafana/provisioning/datasources/sluice.yaml"
contains "and YAML that is none" "sluice.yaml: " "$(parts "$work/grafana")"
stop_server
finish
