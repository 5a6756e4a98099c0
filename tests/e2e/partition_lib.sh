# partition_lib.sh - what the recipes of docs/DISTRIBUTION.md share: the same flows once in a server
# alone ($whole_port), and parted by exporter over two: 192.0.2.1 to .4 in the north ($north_port),
# the others in the south ($south_port). Ports are of the MySQL door; $password is that of the user
# "reader" there.
. "$(dirname "$0")/lib.sh"
password='half and half'

# part NAME 'CONDITION of awk over columns': a server with these flows; sets ${NAME}_port, ${NAME}_address.
part() {
    awk -F, "NR == 1 || ($2)" "$work/all.csv" >"$work/$1.csv"
    start_mysql_server --data "$work/data-$1"
    sluice import "$work/$1.csv" --no-progress >/dev/null
    printf '%s\n' "$password" | sluice user add root --role admin
    printf '%s\n' "$password" | sluice user add reader --role reader
    eval "$1_port=$mysql_port $1_address=$address"
}

export SLUICE_USER=root SLUICE_PASSWORD="$password"
"$bin/flowgen" --flows 20000 --seed 3 --format csv >"$work/all.csv"
part north '$3 ~ /^192[.]0[.]2[.][1-4]$/'
part south '$3 !~ /^192[.]0[.]2[.][1-4]$/'
part whole 1

# alone 'STATEMENT': rows of the server that has everything, tab-separated, without names.
alone() {
    mariadb --no-defaults -h 127.0.0.1 -P "$whole_port" -u reader "-p$password" -N -B flows -e "$1" 2>&1
}
