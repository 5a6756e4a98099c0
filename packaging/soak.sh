#!/bin/sh
# soak.sh - static analysis as deep as it goes, then the longer forms of the randomised tests: model,
# crash, kill and oracle, repeated with new seeds for SLUICE_SOAK_SECONDS (default 1800) in the asan preset.
set -eu
cd "$(dirname "$0")/.."
SLUICE_LINT_NODES=225000 sh packaging/lint.sh code
cmake --preset asan
cmake --build --preset asan
until_s=$(($(date +%s) + ${SLUICE_SOAK_SECONDS:-1800}))
round=0
while [ "$(date +%s)" -lt $until_s ]; do
    round=$((round + 1))
    seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
    echo "round $round: SLUICE_SEED=$seed"
    SLUICE_SEED=$seed ctest --preset asan -j 2 -L 'model|crash|query'
done
