#!/bin/sh
# fuzz.sh - run every libFuzzer target from its kept corpus.
#
#   fuzz.sh                 build the fuzz preset, 60 seconds a target (SLUICE_FUZZ_SECONDS)
#   fuzz.sh run SECONDS     the preset is built; so many seconds a target
#
# New inputs are kept in build/fuzz-corpus/<target>; a crash is written to build/fuzz-crashes.
set -eu
cd "$(dirname "$0")/.."
if [ "${1:-}" != run ]; then
    cmake --preset fuzz
    cmake --build --preset fuzz
fi
seconds="${2:-${SLUICE_FUZZ_SECONDS:-60}}"
mkdir -p build/fuzz-crashes
fuzz_one() {
    target=$1
    seconds=$2
    name=$(basename "$target" | sed 's/^fuzz_//')
    mkdir -p "build/fuzz-corpus/$name"
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="build/fuzz-crashes/$name-" "build/fuzz-corpus/$name" \
        "tests/fuzz/corpus/$name" >"build/fuzz-corpus/$name.log" 2>&1; then
        echo "fuzz $name: ok, $(grep -o 'number_of_executed_units: [0-9]*' "build/fuzz-corpus/$name.log")"
    else
        echo "fuzz $name: FAILED"
        tail -30 "build/fuzz-corpus/$name.log"
        return 1
    fi
}
# Two at a time, one for each core.
status=0
running=""
for target in build/fuzz/bin/fuzz_*; do
    [ -x "$target" ] || continue
    fuzz_one "$target" "$seconds" &
    if [ -n "$running" ]; then
        wait "$running" || status=1
    fi
    running=$!
done
[ -z "$running" ] || wait "$running" || status=1
exit $status
