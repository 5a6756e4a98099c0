#!/bin/sh
# users_test.sh - users, roles and passwords, over the native protocol and MySQL's.
. "$(dirname "$0")/lib.sh"
start_mysql_server
contains "a server without users says so" "there are no users" "$(cat "$work/server.log")"
"$bin/flowgen" --flows 1000 --seed 3 --format nprobe >"$work/a.flows"

# as USER PASSWORD COMMAND...
as() {
    who=$1 password=$2
    shift 2
    SLUICE_USER=$who SLUICE_PASSWORD=$password "$bin/sluice" --connect "$address" "$@" \
        2>&1 </dev/null
}
# user USER PASSWORD NEW-PASSWORD ARGUMENT...: sluice user as somebody.
user() {
    who=$1 password=$2 new=$3
    shift 3
    printf '%s\n' "$new" | SLUICE_USER=$who SLUICE_PASSWORD=$password \
        "$bin/sluice" --connect "$address" user "$@" 2>&1
}
count="SELECT COUNT(*) FROM flows"

sluice import "$work/a.flows" --no-progress >/dev/null
contains "the first user is an admin" "first user must be an admin" \
    "$(user x '' pw add rita --role reader)"
contains "a role has a name" "no such role|a role is reader, writer or admin" "$(user x '' pw add rita --role king)"
same "the first user" "" "$(user x '' 'open sesame' add ada --role admin)"
contains "nobody gets in without a password" "asks for the password" "$(as ada '' query "$count")"
contains "nor with a wrong one" "Access denied for user 'ada'" "$(as ada wrong query "$count")"
# Eight wrong passwords at once wait longer and longer; a right one does not wait behind them.
started=$(date +%s%N)
guessers=""
for i in 1 2 3 4 5 6 7 8; do
    as ada "wrong $i" query "$count" >>"$work/guesses" 2>&1 &
    guessers="$guessers $!"
done
sleep 0.3
before=$(date +%s%N)
contains "the right password is not slowed" "^[0-9]+$" "$(as ada 'open sesame' query "$count" | tail -1 | tr -d '\r')"
same "while others guess" yes "$([ $((($(date +%s%N) - before) / 1000000)) -lt 1900 ] && echo yes)"
wait $guessers
same "wrong ones are answered late" yes "$([ $((($(date +%s%N) - started) / 1000000)) -gt 3000 ] && echo yes)"
same "and all are" 8 "$(grep -c "Access denied" "$work/guesses")"
contains "nor as somebody else" "Access denied for user 'eve'" \
    "$(as eve 'open sesame' query "$count")"
same "the right one is enough" "1000" "$(as ada 'open sesame' query "$count" | tail -1)"
printf 'open sesame\n' >"$work/password"
same "from a file too" 1000 \
    "$("$bin/sluice" --connect "$address" --user ada --password-file "$work/password" \
        query "$count" --format tsv | tail -1)"

same "a reader" "" "$(user ada 'open sesame' r add rita --role reader)"
same "a writer" "" "$(user ada 'open sesame' w add will --role writer)"
contains "twice is refused" "already" "$(user ada 'open sesame' r add rita --role reader)"
contains "a name that drives a terminal is none" "control characters" \
    "$(user ada 'open sesame' x add "$(printf 'a\033[31mb')" --role reader)"
same "the list" "ada	admin
rita	reader
will	writer" "$(user ada 'open sesame' '' list)"
contains "a reader lists nobody" "are an admin's" "$(user rita r '' list)"
same "system.users is the list" "ada	admin
rita	reader
will	writer" "$(as ada 'open sesame' query 'SELECT name, role FROM system.users ORDER BY name' --format tsv | tail -3)"
same "but for an admin one sees oneself" "name	role
rita	reader" "$(as rita r query 'SELECT * FROM system.users' --format tsv)"
same "in MySQL's table too" "will	Y	N" \
    "$(as will w query 'SELECT User, Insert_priv, Super_priv FROM mysql.user' --format tsv | tail -n +2)"
contains "a writer adds nobody" "are an admin's" "$(user will w x add eve --role reader)"
same "a reader reads" 1000 "$(as rita r query "$count" | tail -1)"
contains "a reader inserts nothing" "reader" "$(as rita r query 'INSERT INTO flows (last_seen, no_such) VALUES (1, 2)')"
contains "and adds no column" "unknown column" "$(as ada 'open sesame' query 'SELECT no_such FROM flows')"
contains "a reader deletes nothing" "reader" "$(as rita r query 'DELETE FROM flows')"
"$bin/flowgen" --flows 500 --seed 4 --format nprobe >"$work/b.flows"
contains "a reader imports nothing" "IMPORT: the role of user \"rita\" is reader|INSERT_OPEN: " \
    "$(as rita r import "$work/b.flows")"
same "all is there" 1000 "$(as rita r query "$count" | tail -1)"
same "a writer imports" 0 "$(as will w import "$work/b.flows" >/dev/null; echo $?)"
same "a password is one's own to change" "" "$(user rita r 'r 2' password rita)"
contains "not another's" "are an admin's" "$(user rita 'r 2' x password ada)"
contains "the old one is none" "Access denied" "$(as rita r query "$count")"
same "the new one is" 1500 "$(as rita 'r 2' query "$count" | tail -1)"

# my USER PASSWORD SCHEME STATEMENT
my() {
    mariadb --no-defaults -h 127.0.0.1 -P "$mysql_port" -u "$1" "-p$2" --default-auth="$3" \
        --batch --skip-column-names flows -e "$4" 2>&1
}
if command -v mariadb >/dev/null; then
    for scheme in mysql_native_password caching_sha2_password; do
        same "$scheme" 1500 "$(my rita 'r 2' $scheme "$count")"
        contains "$scheme, wrong" "ERROR 1045 \(28000\): Access denied for user 'rita'@'127.0.0.1'" \
            "$(my rita r $scheme "$count")"
        contains "$scheme, nobody" "ERROR 1045" "$(my eve r $scheme "$count")"
    done
    contains "a reader over MySQL" "ERROR 1142 \(42000\)" \
        "$(my rita 'r 2' mysql_native_password 'DELETE FROM flows')"
    same "USER() is who came in" "rita" \
        "$(my rita 'r 2' mysql_native_password 'SELECT SUBSTRING_INDEX(USER(), "@", 1)')"
fi

# Raw packets: a login under a scheme that the server does not know is asked for another response.
# switch NUMBER BYTES: the error that a response under this number gets.
switch() {
    /usr/bin/python3 - "$mysql_port" "$1" "$2" <<'EOF'
import socket, struct, sys
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
stream = peer.makefile("rb")
def packet():
    header = stream.read(4)
    return header[3], stream.read(int.from_bytes(header[:3], "little"))
def send(number, payload):
    peer.sendall(struct.pack("<I", len(payload) | number << 24) + payload)
packet()
send(1, struct.pack("<IIB23x", 0x00088200, 1 << 24, 45) + b"rita\0\0no_such_scheme\0")
number, asked = packet()
assert asked[0] == 0xfe and number == 2, asked
send(int(sys.argv[2]), b"x" * int(sys.argv[3]))
print(struct.unpack("<H", packet()[1][1:3])[0])
EOF
}
if [ -x /usr/bin/python3 ]; then
    same "a wrong response after a switch" 1045 "$(switch 3 20)"
    for number in 0 1 2 4 255; do
        same "a response numbered $number" 1156 "$(switch $number 20)"
    done
    for size in 0 1 19 21 1000 60000; do
        contains "a response of $size bytes" "^(1045|1043|1835)$" "$(switch 3 $size)"
    done
fi

same "the file is its owner's" 600 "$(stat -c %a "$work/data/users")"
stop_server
start_server
same "users are there after a restart" 1500 "$(as will w query "$count" | tail -1)"
contains "the last admin stays" "last admin" "$(user ada 'open sesame' '' remove ada)"
same "others go" "" "$(user ada 'open sesame' '' remove rita)"
contains "and are gone" "Access denied" "$(as rita 'r 2' query "$count")"
stop_server

contains "sluice check proves the file of users too" "every byte is as it was written" "$("$bin/sluice" check "$work/data" 2>&1)"
mv "$work/data/users" "$work/users"
timeout 60 "$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --netflow-listen off 2>"$work/err"
same "a lost file does not open the doors" 1 $?
contains "with the reason" "the file \"users\" of the data directory is gone" "$(cat "$work/err")"
printf x >>"$work/users"
cp "$work/users" "$work/data/users"
contains "sluice check names a damaged one" "users: (offset 0: )?the file of users is damaged" \
    "$("$bin/sluice" check "$work/data" 2>&1)"
timeout 60 "$bin/sluiced" --data "$work/data" --listen 127.0.0.1:0 --netflow-listen off 2>"$work/err"
same "a damaged one neither" 1 $?
contains "with its reason" "file of users is damaged" "$(cat "$work/err")"
: >"$work/data/users"
start_server
same "an empty one begins anew" 1500 "$(sql "$count")"
stop_server
finish
