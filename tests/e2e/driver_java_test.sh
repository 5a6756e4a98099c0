#!/bin/sh
# driver_java_test.sh - Java: MariaDB Connector/J.
. "$(dirname "$0")/drivers_lib.sh"
jar=/usr/share/java/mariadb-java-client.jar
command -v javac >/dev/null && [ -f $jar ] || skip "no JDK with MariaDB Connector/J here"
javac -d "$work" "$root/tests/e2e/drivers/Driver.java" || exit 1
driver Java java -cp "$work:$jar" Driver
finish_drivers
