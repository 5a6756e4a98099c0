#!/bin/sh
# driver_python_test.sh - Python: PyMySQL, MySQLdb, and SQLAlchemy on both.
. "$(dirname "$0")/drivers_lib.sh"
python=/usr/bin/python3 # Debian's, which has Debian's modules
$python -c 'import pymysql, MySQLdb, sqlalchemy' 2>/dev/null || skip "no PyMySQL, MySQLdb, SQLAlchemy"
driver PyMySQL $python "$root/tests/e2e/drivers/python.py" pymysql
driver MySQLdb $python "$root/tests/e2e/drivers/python.py" MySQLdb
finish_drivers
