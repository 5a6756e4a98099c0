# drivers_lib.sh - what the tests of drivers share: a server with flows and a user, and what every
# driver has to find out there.
#
# A driver's program gets port, user and password as arguments. It connects, lists, queries,
# prepares and cancels, and prints the lines of $expected.
. "$(dirname "$0")/lib.sh"

start_mysql_server
"$bin/flowgen" --flows 60000 --seed 3 --format nprobe >"$work/a.flows"
sluice import "$work/a.flows" --no-progress >/dev/null
printf 'open sesame\n' | sluice user add ada --role admin
export SLUICE_USER=ada SLUICE_PASSWORD='open sesame'

# list: a column of flows is found; query: rows as the native protocol gives them; prepare: with a
# number, a text, NULL and a time; insert: three rows by a prepared INSERT, deleted again; cancel: a long statement ends early, the next one is answered.
first=$(sql "SELECT src_addr FROM flows ORDER BY src_addr LIMIT 1")
expected="connected
list src_addr
query 60000 $first
prepare 42 a'b null 1795000000
insert 3 6000
cancel
again 1"

# driver NAME COMMAND...: run it and compare.
driver() {
    name=$1
    shift
    same "$name" "$expected" "$("$@" "$mysql_port" ada 'open sesame' 2>"$work/driver.log")"
    [ $failures = 0 ] || cat "$work/driver.log"
}

# End: nothing that a driver cancelled still runs.
finish_drivers() {
    wait_for "nothing runs any more" 10 1 \
        "SELECT COUNT(*) FROM system.queries WHERE statement <> ''"
    stop_server
    finish
}
