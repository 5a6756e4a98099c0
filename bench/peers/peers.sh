#!/bin/sh
# peers.sh - sluice beside ClickHouse, DuckDB and nfdump on the same flows (make bench-peers); see README.md here.
#
#   SLUICE_PEERS_FLOWS    flows that are generated (default 10000000)
#   SLUICE_PEERS_SEED     seed of the generator (default 1)
#   SLUICE_PEERS_RATE     flows a second of their clock (default 2000: 10 M span 80 minutes)
#   SLUICE_PEERS_ROUNDS   runs of each question (default 5)
#   SLUICE_PEERS_SECONDS  how long a million flows a second are offered over UDP (default 20)
#   SLUICE_PEERS_RESULTS  where the report goes (default bench/PEERS.md)
#   SLUICE_PEERS_WITHOUT  what is left out, of "nfdump forms real collectors" (default nothing); forms are those DuckDB files
#                         that only show their sizes
#   SLUICE_PEERS_SERVER   options of sluiced, such as "--memory-limit 12GiB" (default none)
#   SLUICE_PEERS_QUESTIONS  only questions whose name matches this regular expression (default all)
#   SLUICE_PEERS_WORK     a directory that stays: a later run asks what is loaded there (default one that goes at the end)
#   SLUICE_PEERS_MODULES  where the npm packages are installed (default build/peers)
#
# Needs node (20 or newer), npm and nfdump; about 500 bytes a flow below TMPDIR.
set -eu
cd "$(dirname "$0")/../.."
for command in node npm nfdump nfcapd zstd; do
    command -v "$command" >/dev/null || { echo "bench-peers needs $command" >&2; exit 1; }
done
modules="${SLUICE_PEERS_MODULES:-build/peers}"
work="${SLUICE_PEERS_WORK:-}"
if [ -z "$work" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-peers-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM
fi

mkdir -p "$modules"
modules=$(cd "$modules" && pwd)
npm install --prefix "$modules" --no-fund --no-audit --loglevel=error @duckdb/node-api@1.5.6-r.1 chdb@3.4.0
node bench/peers/main.mjs --bin build/release/bin --modules "$modules" --work "$work" \
    --out "${SLUICE_PEERS_RESULTS:-bench/PEERS.md}" --flows "${SLUICE_PEERS_FLOWS:-10000000}" \
    --seed "${SLUICE_PEERS_SEED:-1}" --rate "${SLUICE_PEERS_RATE:-2000}" --rounds "${SLUICE_PEERS_ROUNDS:-5}" \
    --seconds "${SLUICE_PEERS_SECONDS:-20}" --without "${SLUICE_PEERS_WITHOUT:-}" --server="${SLUICE_PEERS_SERVER:-}" --questions="${SLUICE_PEERS_QUESTIONS:-}" \
    --shared "${SLUICE_SHARED:-../shared}"
