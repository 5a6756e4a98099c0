#!/bin/sh
# mysql_tls_test.sh - TLS and compression of the MySQL door, and who may come in from elsewhere.
. "$(dirname "$0")/lib.sh"
command -v mariadb >/dev/null || skip "no mariadb client here"
command -v openssl >/dev/null || skip "no openssl here"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
outside=$(hostname -I 2>/dev/null | cut -d' ' -f1)
"$bin/flowgen" --flows 20000 --seed 3 --format nprobe >"$work/a.flows"

# my HOST OPTIONS STATEMENT
my() {
    mariadb --no-defaults -h "$1" -P "$mysql_port" -u ada -psecret $2 --batch \
        --skip-column-names flows -e "$3" 2>&1
}
count="SELECT COUNT(*) FROM flows"

start_mysql_server --tls-certificate "$work/cert.pem" \
    --tls-key "$work/key.pem"
sluice import "$work/a.flows" --no-progress >/dev/null
contains "--ssl is TLS" "SSL:.*Cipher in use is TLS_" "$(my 127.0.0.1 --ssl status)"
contains "--skip-ssl is not" "SSL:.*Not in use" "$(my 127.0.0.1 --skip-ssl status)"
contains "--compress compresses" "Protocol:.*Compressed" "$(my 127.0.0.1 --compress status)"
for options in "--ssl" "--skip-ssl" "--ssl --compress" "--skip-ssl --compress"; do
    same "a short answer, $options" 20000 "$(my 127.0.0.1 "$options" "$count")"
    same "a long one, $options" "$(my 127.0.0.1 --skip-ssl 'SELECT * FROM flows' | cksum)" \
        "$(my 127.0.0.1 "$options" 'SELECT * FROM flows' | cksum)"
    same "a long question, $options" 300000 \
        "$(my 127.0.0.1 "$options" "SELECT LENGTH('$(head -c 60000 /dev/zero | tr '\0' x)') * 5")"
    same "several statements, $options" "1
2" "$(my 127.0.0.1 "$options" 'DELIMITER //
SELECT 1; SELECT 2//')"
    contains "an error, $options" "ERROR 1054" "$(my 127.0.0.1 "$options" 'SELECT byts FROM flows')"
done
if openssl s_client -help 2>&1 | grep -q starttls; then
    contains "TLS 1.3 is spoken" "TLSv1.3" "$(openssl s_client -starttls mysql \
        -connect "127.0.0.1:$mysql_port" </dev/null 2>/dev/null)"
    contains "TLS 1.1 is not" "handshake failure|protocol version|no protocols|alert|NONE" \
        "$(openssl s_client -starttls mysql -tls1_1 -connect "127.0.0.1:$mysql_port" </dev/null 2>&1)"
fi
stop_server

timeout 60 "$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --netflow-listen off \
    --mysql-listen 0.0.0.0:0 --tls-certificate "$work/cert.pem" --tls-key "$work/key.pem" \
    2>"$work/err"
same "a door to everybody needs users" 1 $?
contains "and says so" "needs users" "$(cat "$work/err")"
timeout 60 "$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --netflow-listen off \
    --mysql-listen 127.0.0.1:0 --tls-certificate "$work/cert.pem" --tls-key "$work/cert.pem" \
    2>"$work/err"
same "a key that is none" 1 $?
contains "is named" "cert.pem" "$(cat "$work/err")"

start_server
printf 'secret\n' | sluice user add ada --role admin
stop_server
timeout 60 "$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --netflow-listen off \
    --mysql-listen 0.0.0.0:0 2>"$work/err"
same "users are not enough" 1 $?
if [ -n "$outside" ]; then
    mysql_host=0.0.0.0
    start_mysql_server --tls-certificate "$work/cert.pem" \
        --tls-key "$work/key.pem"
    same "with both it opens" 20000 "$(my "$outside" --ssl "$count")"
    contains "to those who keep the secret" "ERROR 3159.*insecure transport" \
        "$(my "$outside" --skip-ssl "$count")"
    contains "and know the password" "ERROR 1045" \
        "$(mariadb --no-defaults -h "$outside" -P "$mysql_port" -u ada -pwrong --ssl -e "$count" 2>&1)"
    SLUICE_USER=ada SLUICE_PASSWORD=secret sluice user remove ada
    contains "without users it closes again" "ERROR 1045.*no users" "$(my "$outside" --ssl "$count")"
    same "but for this machine" 20000 "$(my 127.0.0.1 --skip-ssl "$count")"
    stop_server
fi
finish
