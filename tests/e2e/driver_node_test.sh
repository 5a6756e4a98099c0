#!/bin/sh
# driver_node_test.sh - node: mysql2 and mysql of npm, in pinned versions. They are installed once
# into the build's folder.
. "$(dirname "$0")/drivers_lib.sh"
command -v npm >/dev/null || skip "no npm here"
modules="$bin/../node"
if [ ! -d "$modules/node_modules/mysql2" ] || [ ! -d "$modules/node_modules/mysql" ]; then
    mkdir -p "$modules"
    npm install --prefix "$modules" --no-save --no-audit --no-fund --ignore-scripts \
        mysql2@3.24.6 mysql@2.18.1 >"$work/npm.log" 2>&1 || skip "npm cannot install mysql2 and mysql"
fi
export NODE_PATH="$modules/node_modules"
driver mysql2 node "$root/tests/e2e/drivers/node.js" mysql2
driver mysql node "$root/tests/e2e/drivers/node.js" mysql
finish_drivers
