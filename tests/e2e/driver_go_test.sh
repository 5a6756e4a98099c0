#!/bin/sh
# driver_go_test.sh - Go: the driver that Grafana uses, from Debian's sources.
. "$(dirname "$0")/drivers_lib.sh"
sources=/usr/share/gocode
command -v go >/dev/null && [ -d $sources/src/github.com/go-sql-driver/mysql ] ||
    skip "no Go with go-sql-driver here"
program="$(cd "$bin/.." && pwd)/driver_go"
if [ ! -x "$program" ] || [ "$root/tests/e2e/drivers/main.go" -nt "$program" ]; then
    GO111MODULE=off GOPATH=$sources GOCACHE="$(dirname "$program")/go-cache" GOFLAGS= \
        go build -o "$program" "$root/tests/e2e/drivers/main.go" || exit 1
fi
driver Go "$program"
finish_drivers
