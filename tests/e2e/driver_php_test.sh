#!/bin/sh
# driver_php_test.sh - PHP: mysqli and PDO.
. "$(dirname "$0")/drivers_lib.sh"
php -m 2>/dev/null | grep -q mysqli || skip "no PHP with mysqli here"
driver php php "$root/tests/e2e/drivers/php.php"
finish_drivers
