#!/bin/sh
# growth.sh - sluice at 10 M and at 100 M flows (make bench-growth): the questions of make bench-peers, memory, bytes.
#
#   SLUICE_GROWTH_SMALL, SLUICE_GROWTH_LARGE  flows (default 10000000 and 100000000)
#   SLUICE_GROWTH_SEED, SLUICE_GROWTH_RATE    of the generator (default 1 and 20000 a second)
#   SLUICE_GROWTH_ROUNDS                      runs of each question (default 5)
#   SLUICE_GROWTH_RESULTS                     where the report goes (default bench/GROWTH.md)
#
# Needs node. Works in a directory of its own below TMPDIR, removed at the end: about 30 bytes a flow.
set -eu
cd "$(dirname "$0")/../.."
. bench/lib.sh
command -v node >/dev/null || { echo "bench-growth needs node" >&2; exit 1; }
node bench/peers/growth.mjs --bin "$bin" --work "$work/run" --out "${SLUICE_GROWTH_RESULTS:-bench/GROWTH.md}" \
    --small "${SLUICE_GROWTH_SMALL:-10000000}" --large "${SLUICE_GROWTH_LARGE:-100000000}" --seed "${SLUICE_GROWTH_SEED:-1}" \
    --rate "${SLUICE_GROWTH_RATE:-20000}" --rounds "${SLUICE_GROWTH_ROUNDS:-5}"
