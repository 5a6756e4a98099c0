#!/bin/sh
# lint.sh - format and static analysis of our own files.
#   lint.sh format   clang-format agrees
#   lint.sh code     clang-tidy and cppcheck are silent (needs build/dev configured)
#   lint.sh          both
# clang's analyzer follows at most SLUICE_LINT_NODES states in a function, 75,000 unless told: a third
# of its own limit, at which it takes 2.4 times as long. `make soak` begins with all of it.
set -eu
cd "$(dirname "$0")/.."
what="${1:-all}"
sources=$(git ls-files 'storage/*.c' 'query/*.c' 'ingest/*.c' 'server/*.c' 'client/*.c')
if [ "$what" != code ]; then
    git ls-files '*.[ch]' | xargs -r clang-format --dry-run -Werror
fi
if [ "$what" != format ]; then
    [ -e build/dev/compile_commands.json ] || cmake --preset dev
    analyzer=""
    for word in -Xclang -analyzer-config -Xclang "max-nodes=${SLUICE_LINT_NODES:-75000}"; do
        analyzer="$analyzer --extra-arg=$word"
    done
    # shellcheck disable=SC2086 -- a list of arguments
    echo "$sources" | xargs -r -P 2 -n 8 clang-tidy -p build/dev --quiet $analyzer 2>/dev/null
    echo "$sources" | xargs -r cppcheck --std=c11 -D__GNUC__ --enable=warning,performance,portability \
        --inline-suppr --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
        --error-exitcode=1 --quiet -j 2 -I .
fi
