/*
 * text_table_fuzz.c - a table of text: lines taken many at once are what they are one by one. The
 * first byte is the capacity of the builders.
 */
#include "tests/support/text_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    (void)text_pair_check(bytes + 1, size_bytes - 1, bytes[0] + 1U, INT64_MIN);
    return 0;
}
