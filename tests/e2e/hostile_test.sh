#!/bin/sh
# hostile_test.sh - clients that mean harm, at the MySQL door inside sluiced: TLS, compression, patience, memory
# (drivers/hostile.py).
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null || skip "no openssl here"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -subj /CN=localhost -days 2 2>/dev/null
# What a sanitizer keeps of freed memory is not the server's.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=16"
start_mysql_server --memory-limit 2GiB --tls-certificate "$work/cert.pem" --tls-key "$work/key.pem"
/usr/bin/python3 "$root/tests/e2e/drivers/hostile.py" "$mysql_port" "$server" >"$work/out" 2>&1
same "every attack is answered" 0 $?
cat "$work/out"
kill "$server"
wait "$server"
same "the server stops in order" 0 $?
finish
