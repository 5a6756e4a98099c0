/*
 * bitmap_fuzz.c - any bytes as a bitmap in the portable format of Roaring.
 *
 * What our proof accepts is used in every way we use a bitmap, and must survive being encoded.
 */
#include "storage/index/bitmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void
use(struct sl_bitmap *bitmap)
{
    uint64_t words[1024];
    struct sl_bitmap *other = sl_bitmap_clone(bitmap);
    uint64_t count = sl_bitmap_count(bitmap);

    SL_ASSERT(sl_bitmap_count_range(bitmap, 0, UINT32_MAX) == count);
    sl_bitmap_read(bitmap, 100, 65536, words);
    for (uint32_t i = 0; i < 65536; i += 97)
        SL_ASSERT(sl_bit_get(words, i) == sl_bitmap_contains(bitmap, 100 + i));
    sl_bitmap_add_range(other, 60000, 70000);
    sl_bitmap_or(bitmap, other);
    SL_ASSERT(sl_bitmap_equal(bitmap, other));
    sl_bitmap_and(bitmap, other);
    sl_bitmap_add(bitmap, UINT32_MAX);
    sl_bitmap_andnot(bitmap, other);
    SL_ASSERT(sl_bitmap_count(bitmap) <= 1);
    sl_bitmap_destroy(other);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_bitmap *bitmap;
    struct sl_bitmap *again;
    struct sl_buf buf = sl_buf_empty(SIZE_MAX);

    if (sl_bitmap_decode(bytes, size_bytes, &bitmap, NULL) != SL_OK)
        return 0;
    sl_bitmap_encode(bitmap, &buf);
    SL_ASSERT(sl_bitmap_decode(buf.bytes, buf.size_bytes, &again, NULL) == SL_OK);
    SL_ASSERT(sl_bitmap_equal(bitmap, again));
    use(again);
    sl_bitmap_destroy(again);
    use(bitmap);
    sl_bitmap_destroy(bitmap);
    sl_buf_fini(&buf);
    return 0;
}
