#!/bin/sh
# tls_test.sh - TLS on the native protocol: who trusts whom, whole answers through it, and peers that break the
# handshake.
. "$(dirname "$0")/lib.sh"
command -v openssl >/dev/null || skip "no openssl here"
# make_certificate NAME SUBJECT-ALTERNATIVES
make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -addext "subjectAltName=$2" \
        -keyout "$work/$1.key" -out "$work/$1.pem" 2>/dev/null
}
outside=$(hostname -I 2>/dev/null | cut -d' ' -f1)
make_certificate here "DNS:localhost,IP:127.0.0.1${outside:+,IP:$outside}"
make_certificate elsewhere "DNS:elsewhere.example"
"$bin/flowgen" --flows 20000 --seed 3 --format nprobe >"$work/a.flows"
count="SELECT COUNT(*) FROM flows"

# secure [OPTION...]: sluice over TLS that trusts the server's certificate.
secure() {
    sluice --tls-ca "$work/here.pem" "$@"
}
# shake TEXT: these bytes (printf's escapes), and then silence: the server ends the handshake.
shake() {
    printf "$1" | timeout 30 bash -c "exec 3<>/dev/tcp/127.0.0.1/${address#*:}; cat >&3; cat <&3" >/dev/null 2>&1
}

start_server --tls-certificate "$work/here.pem" --tls-key "$work/here.key"
contains "the log says so" "listening on .*, with TLS" "$(cat "$work/server.log")"
same "an import over TLS" 0 "$(secure import "$work/a.flows" --no-progress >/dev/null 2>&1; echo $?)"
same "a question over TLS" 20000 "$(secure query "$count" --format tsv | tail -1)"
same "the environment can ask for it" 20000 \
    "$(SLUICE_TLS="$work/here.pem" sluice query "$count" --format tsv | tail -1)"
same "a name is as good as an address" 20000 "$("$bin/sluice" --connect "localhost:${address#*:}" \
    --tls-ca "$work/here.pem" query "$count" --format tsv | tail -1)"
same "a long answer is the same" "$(sluice query 'SELECT * FROM flows' --format csv | sort | cksum)" \
    "$(secure query 'SELECT * FROM flows' --format csv | sort | cksum)"
contains "an error comes through" "unknown column" "$(secure query 'SELECT byts FROM flows' 2>&1)"
contains "a certificate that nobody vouches for" "certificate is not trusted: self-signed" \
    "$(sluice --tls query "$count" 2>&1)"
contains "nor the one of another" "certificate is not trusted: self-signed" \
    "$(sluice --tls-ca "$work/elsewhere.pem" query "$count" 2>&1)"
contains "a file that is none" "no.such.file" \
    "$(sluice --tls-ca "$work/no.such.file" query "$count" 2>&1)"
contains "TLS 1.3 is spoken" "TLSv1.3" \
    "$(openssl s_client -connect "$address" </dev/null 2>/dev/null)"
contains "TLS 1.1 is not" "handshake failure|protocol version|no protocols|alert|NONE" \
    "$(openssl s_client -tls1_1 -connect "$address" </dev/null 2>&1)"
same "plain clients of this machine are served too" 20000 \
    "$(sluice query "$count" --format tsv | tail -1)"

# Handshakes that are cut, that lie about their length, that are followed by noise.
for words in '\026' '\026\003' '\026\003\001' '\026\003\001\377\377' \
    '\026\003\001\000\004\001\000\000\000' '\026\003\003\000\377garbage' '\026\003\001\000\000\000\000' \
    '\026\003\005\000\001x' 'GET / HTTP/1.0\r\n\r\n'; do
    shake "$words" &
    pids="$pids $!"
    same "served beside $words" 20000 "$(secure query "$count" --format tsv | tail -1)"
done
# Peers that begin a handshake and stay.
held=""
for i in $(seq 1 50); do
    bash -c "exec 3<>/dev/tcp/127.0.0.1/${address#*:}; printf '\\026\\003\\001\\002' >&3; exec sleep 60" &
    held="$held $!"
done
pids="$pids $held"
same "fifty that wait hold up nobody" 20000 "$(secure query "$count" --format tsv | tail -1)"
kill $held 2>/dev/null
wait $held 2>/dev/null
stop_server

start_server
contains "a server without a certificate" "is it the native port|TLS" \
    "$(secure query "$count" 2>&1)"
printf 'secret\n' | sluice user add ada --role admin
stop_server
start_server --tls-certificate "$work/elsewhere.pem" --tls-key "$work/elsewhere.key"
contains "the certificate of another host" "certificate is not trusted: .*mismatch" \
    "$(sluice --tls-ca "$work/elsewhere.pem" query "$count" 2>&1)"
stop_server

timeout 60 "$bin/sluiced" --data "$work/data" --listen 0.0.0.0:0 --netflow-listen off 2>"$work/err"
same "a door to everybody needs TLS" 1 $?
contains "and says so" "needs users .*tls-certificate" "$(cat "$work/err")"
timeout 60 "$bin/sluiced" --data "$work/new" --listen 0.0.0.0:0 --netflow-listen off \
    --tls-certificate "$work/here.pem" --tls-key "$work/here.key" 2>"$work/err"
same "and users" 1 $?
contains "with the same words" "needs users" "$(cat "$work/err")"
timeout 60 "$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --netflow-listen off \
    --tls-certificate "$work/here.pem" 2>"$work/err"
same "a certificate without its key" 1 $?
contains "is told" "need each other" "$(cat "$work/err")"
if [ -n "$outside" ]; then
    start_server --listen 0.0.0.0:0 --tls-certificate "$work/here.pem" --tls-key "$work/here.key"
    # as ADDRESS [OPTION...]
    as() {
        SLUICE_USER=ada SLUICE_PASSWORD=secret "$bin/sluice" --connect "$1:${address#*:}" "$2" "$3" \
            query "$count" --format tsv 2>&1 | tail -1
    }
    same "with both it opens" 20000 "$(as "$outside" --tls-ca "$work/here.pem")"
    contains "to those who speak TLS" "clients of other machines speak TLS" \
        "$(as "$outside" --user ada)"
    same "but for this machine" 20000 "$(as 127.0.0.1 --user ada)"
    stop_server
fi
finish
