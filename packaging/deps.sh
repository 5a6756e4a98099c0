#!/bin/sh
# deps.sh - install the Debian packages that building and testing sluice needs.
#
# Says which are missing; installs them when run as root, else stops with the command to run.
# `deps.sh build` asks only for what building needs, without an argument also for the tests'.
set -eu

build="gcc cmake ninja-build pkg-config libc6-dev liblmdb-dev libzstd-dev libxxhash-dev libuv1-dev
libroaring-dev libpcap-dev libinih-dev libjansson-dev libedit-dev libsmartcols-dev zlib1g-dev libpcre2-dev libssl-dev
libcmocka-dev libsqlite3-dev tzdata"
test="clang clang-format clang-tidy cppcheck libclang-rt-14-dev softflowd nfdump tshark zstd
mariadb-server mariadb-plugin-spider procps iproute2 tmux openssl php-cli php-mysql python3-pymysql
python3-mysqldb python3-sqlalchemy python3-yaml golang-go golang-github-go-sql-driver-mysql-dev openjdk-17-jdk-headless
libmariadb-java odbc-mariadb unixodbc-dev"
# COMMAND=PACKAGE: wanted where the command is not there yet, whoever packaged it.
test_commands="node=nodejs npm=npm"

wanted="$build"
[ "${1:-all}" = build ] || wanted="$build $test"

missing=""
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
if [ "${1:-all}" != build ]; then
    for pair in $test_commands; do
        command -v "${pair%=*}" >/dev/null || missing="$missing ${pair#*=}"
    done
fi
[ -n "$missing" ] || exit 0

echo "sluice needs these Debian packages:$missing"
if [ "$(id -u)" != 0 ]; then
    echo "install them first: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# A package's own service must not start on the machine of whoever builds.
apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends $missing >/dev/null
