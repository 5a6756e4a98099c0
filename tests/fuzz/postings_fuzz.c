/*
 * postings_fuzz.c - any bytes as postings.
 *
 * Input: 2 entries, 2 minis, then the bytes. Entries that read well one by one must read the same
 * as a range.
 */
#include "storage/base/cursor.h"
#include "storage/index/postings.h"

enum { WORDS = SL_POSTINGS_MINIS_MAX / 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void
fuzz_postings(const struct sl_postings *p)
{
    uint64_t whole[WORDS] = {0};
    uint64_t single[WORDS] = {0};
    bool is_good = true;
    for (uint32_t entry = 0; entry < p->entry_count; entry += 1 + p->entry_count / 64)
        is_good &= sl_postings_collect(p, entry, entry, single, NULL) == SL_OK;
    if (sl_postings_collect(p, 0, p->entry_count - 1, whole, NULL) != SL_OK)
        return;
    SL_ASSERT(is_good);
    for (size_t i = 0; i < WORDS; i++)
        SL_ASSERT((single[i] & ~whole[i]) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    struct sl_postings postings;
    uint32_t entry_count = sl_cursor_u16le(&c);
    uint32_t mini_count = sl_cursor_u16le(&c);

    if (sl_postings_open(c.next, sl_cursor_left(&c), entry_count, mini_count, &postings, NULL) ==
            SL_OK &&
        entry_count > 0)
        fuzz_postings(&postings);
    return 0;
}
