#!/bin/sh
# driver_odbc_test.sh - ODBC: MariaDB's driver.
. "$(dirname "$0")/drivers_lib.sh"
library=$(find /usr/lib -name libmaodbc.so 2>/dev/null | head -1)
[ -n "$library" ] && [ -f /usr/include/sql.h ] || skip "no unixODBC with MariaDB's driver here"
cc -o "$work/odbc" "$root/tests/e2e/drivers/odbc.c" -lodbc -lpthread || exit 1
driver ODBC "$work/odbc" "$library"
finish_drivers
