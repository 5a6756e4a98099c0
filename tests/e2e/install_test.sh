#!/bin/sh
# install_test.sh - what `cmake --install` puts into place, and whether systemd takes the unit.
. "$(dirname "$0")/lib.sh"
build=$(dirname "$bin")
unit="$work/usr/lib/systemd/system/sluice.service"

log=$(cmake --install "$build" --prefix "$work/usr" 2>&1)
same "it installs" 0 $?
for file in bin/sluiced bin/sluice bin/sluice-mysql share/man/man1/sluiced.1 share/man/man1/sluice.1 \
    share/man/man1/sluice-mysql.1; do
    same "$file is there" yes "$([ -s "$work/usr/$file" ] && echo yes || echo "no: $log")"
done
contains "the installed server runs" "^sluiced [0-9]" "$("$work/usr/bin/sluiced" --version)"
contains "the unit starts the program that the build installs" "^ExecStart=/.*/bin/sluiced --data %S/sluice" \
    "$(cat "$unit")"

command -v systemd-analyze >/dev/null || finish
# The unit names the prefix of the build, where nothing was installed.
sed -i "s|^ExecStart=[^ ]*|ExecStart=$work/usr/bin/sluiced|" "$unit"
mkdir -p "$work/runtime"
out=$(SYSTEMD_LOG_LEVEL=warning XDG_RUNTIME_DIR="$work/runtime" systemd-analyze verify --man=no "$unit" 2>&1)
same "systemd verifies it" 0 $?
same "without a warning about it" "" "$(printf '%s\n' "$out" | grep 'sluice\.service')"
out=$(systemd-analyze security --offline=yes --threshold=25 --no-pager "$unit" 2>&1)
same "little is left open" 0 $?
[ $failures = 0 ] || printf '%s\n' "$out"
finish
