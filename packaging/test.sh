#!/bin/sh
# test.sh - everything CI needs, from clean: each preset is built once, then its tests run.
#
#   dev      all tests but the long ones end to end, lint, format
#   asan     the same under AddressSanitizer and UBSan, in fewer rounds
#   tsan     the tests that use threads
#   fuzz     ten seconds of libFuzzer for each target, from the kept corpus
#   release  end to end with real exporters and clients (they are timed as users see them)
#
# SLUICE_STEPS="dev asan" runs a part. Ends with a table of where the time went and the line
# "N passed, N failed".
set -u
cd "$(dirname "$0")/.."

steps="${SLUICE_STEPS:-format lint dev release asan tsan fuzz}"
logs=build/test-logs
rm -rf build/dev build/asan build/tsan build/fuzz build/release "$logs"
mkdir -p "$logs"
passed=0
failed=0
skipped=0
table=""
started=$(date +%s)

# count LOG: add up what ctest says.
count() {
    good=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed ' "$1")
    bad=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*\*\*\*(Failed|Timeout|Exception|Not Run)' "$1")
    skip=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*\*\*\*Skipped' "$1")
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + skip))
}

# step NAME COMMAND...: run, log, time; a step that fails without counted tests counts as one.
step() {
    name=$1
    shift
    begin=$(date +%s)
    before=$failed
    if "$@" >"$logs/$name.log" 2>&1; then
        verdict=ok
    else
        verdict=FAILED
    fi
    count "$logs/$name.log"
    if [ $verdict = FAILED ] && [ $failed = $before ]; then
        failed=$((failed + 1))
    fi
    if [ $verdict = FAILED ]; then
        echo "--- $name failed:"
        grep -E '\*\*\*|FAILED|error:|fault|ERROR|SUMMARY' "$logs/$name.log" | head -40
        tail -40 "$logs/$name.log"
    fi
    table="$table$(printf '%-16s %6ss  %s' "$name" $(($(date +%s) - begin)) $verdict)
"
    echo "$name: $verdict ($(($(date +%s) - begin)) s)"
}

# build PRESET [TARGET...]
build() {
    preset=$1
    shift
    cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}
}

for s in $steps; do
    case $s in
    format) step format sh packaging/lint.sh format ;;
    lint)
        step lint-configure cmake --preset dev
        step lint sh packaging/lint.sh code
        ;;
    dev)
        step dev-build build dev
        step dev-test ctest --preset dev -j 2 --no-tests=error -LE long
        ;;
    release)
        step release-build build release programs slow_tests
        step release-test ctest --preset release -j 1 --no-tests=error -L e2e
        ;;
    asan)
        step asan-build build asan
        step asan-test ctest --preset asan -j 2 --no-tests=error -LE 'long|tidy'
        ;;
    tsan)
        step tsan-build build tsan
        step tsan-test ctest --preset tsan -j 2 --no-tests=error -L threads
        ;;
    fuzz)
        step fuzz-build build fuzz
        step fuzz-run sh packaging/fuzz.sh run "${SLUICE_FUZZ_SECONDS:-10}"
        ;;
    esac
done

echo
echo "where the time went:"
printf '%s' "$table"
printf '%-16s %6ss\n' total $(($(date +%s) - started))
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed != 0 ]
