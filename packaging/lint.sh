#!/bin/sh
# lint.sh - format and static analysis of our own files.
#   lint.sh format   clang-format agrees
#   lint.sh code     clang-tidy and cppcheck are silent (needs build/dev configured)
#   lint.sh          both
set -eu
cd "$(dirname "$0")/.."
what="${1:-all}"
sources=$(git ls-files 'storage/*.c' 'query/*.c' 'ingest/*.c' 'server/*.c' 'client/*.c')
if [ "$what" != code ]; then
    git ls-files '*.[ch]' | xargs -r clang-format --dry-run -Werror
fi
if [ "$what" != format ]; then
    [ -e build/dev/compile_commands.json ] || cmake --preset dev
    echo "$sources" | xargs -r -P 2 -n 8 clang-tidy -p build/dev --quiet 2>/dev/null
    echo "$sources" | xargs -r cppcheck --std=c11 -D__GNUC__ --enable=warning,performance,portability \
        --inline-suppr --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
        --error-exitcode=1 --quiet -j 2 -I .
fi
