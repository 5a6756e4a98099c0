/*
 * codec_fuzz.c - any bytes through every decoder of codec.h.
 *
 * Input: 1 what to decode (a codec's number; 6 byte strings, 7 keys, 8 values to encode and
 * compare), 2 count (its rest by COUNT_MAX), 2 minis, keys: 8 and 8 the first one, low half first;
 * then the bytes. What decodes must decode the
 * same when only some minis are wanted, and into 32 bits where it fits; single rows are read too.
 */
#include "storage/base/addr.h"
#include "storage/base/arena.h"
#include "storage/base/cursor.h"
#include "storage/base/limits.h"
#include "storage/codec/codec.h"

enum { FUZZ_BYTES = SL_CODEC_COUNT, FUZZ_KEYS, FUZZ_ROUND_TRIP };

/* Three minis, the last one short: more would only be slower. */
enum { COUNT_MAX = 2 * SL_MINI_ROWS + 100 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static uint64_t values[COUNT_MAX];
static uint64_t again[COUNT_MAX];
static uint32_t narrow[COUNT_MAX];
static struct sl_addr keys[COUNT_MAX];
static uint32_t short_keys[COUNT_MAX];

static void
fuzz_block(enum sl_codec codec, const struct sl_cursor *c, uint32_t count, uint32_t minis)
{
    size_t left = sl_cursor_left(c);
    bool fits = true;
    if (sl_codec_decode(codec, c->next, left, count, UINT32_MAX, values, NULL) != SL_OK)
        return;
    memset(again, 0, count * sizeof(again[0]));
    SL_ASSERT(sl_codec_decode(codec, c->next, left, count, minis, again, NULL) == SL_OK);
    for (uint32_t i = 0; i < count; i++) {
        SL_ASSERT(again[i] == ((minis >> (i / SL_MINI_ROWS) & 1) ? values[i] : 0));
        fits &= values[i] <= UINT32_MAX;
    }
    sl_status st = sl_codec_decode_u32(codec, c->next, left, count, UINT32_MAX, narrow, NULL);
    SL_ASSERT(st == (fits ? SL_OK : SL_CORRUPT));
    for (uint32_t i = 0; i < count && st == SL_OK; i++)
        SL_ASSERT(narrow[i] == values[i]);
    uint32_t picked = 0;
    for (uint32_t row = minis % 97; row < count; row += 97)
        narrow[picked++] = row;
    if (picked == 0)
        return;
    /* Their values may be others: of exceptions out of order a single read sees one. */
    st = sl_codec_decode_rows(codec, c->next, left, count, narrow, picked, again, NULL);
    SL_ASSERT(st == SL_OK || st == SL_CORRUPT);
}

static void
fuzz_bytes(const struct sl_cursor *c, uint32_t count)
{
    struct sl_arena *arena = sl_arena_create(8 << 20);
    uint8_t *bytes;
    uint32_t *offsets;
    if (sl_codec_decode_bytes(c->next, sl_cursor_left(c), count, 1 << 20, arena, &bytes, &offsets,
                              NULL) == SL_OK) {
        struct sl_buf buf = sl_buf_empty(8 << 20);
        sl_codec_encode_bytes(bytes, offsets, count, SL_EFFORT_SEAL, &buf);
        SL_ASSERT(!buf.bad);
        sl_buf_fini(&buf);
    }
    sl_arena_destroy(arena);
}

static void
fuzz_keys(struct sl_cursor *c, uint32_t count)
{
    struct sl_addr first = {.low = sl_cursor_u64le(c)};
    first.high = sl_cursor_u64le(c);
    if (c->bad ||
        sl_codec_decode_keys(c->next, sl_cursor_left(c), first, count, keys, NULL) != SL_OK)
        return;
    for (uint32_t i = 1; i < count; i++)
        SL_ASSERT(sl_addr_compare(keys[i - 1], keys[i]) < 0);
    bool are_short = sl_addr_is_v4(keys[count - 1]);
    SL_ASSERT(sl_codec_decode_keys_u32(c->next, sl_cursor_left(c), first, count, short_keys) ==
              are_short);
    for (uint32_t i = 0; are_short && i < count; i++)
        SL_ASSERT(short_keys[i] == keys[i].low);
}

static void
fuzz_round_trip(struct sl_cursor *c, uint32_t count, enum sl_effort effort)
{
    struct sl_buf buf = sl_buf_empty(8 << 20);
    size_t left = sl_cursor_left(c);
    const uint8_t *from = c->next;
    for (uint32_t i = 0; i < count; i++) /* the input again and again, as numbers of 3 bytes */
        values[i] = left < 3 ? i : sl_read_le(&from[i * 3U % (left - 2)], 3);
    enum sl_codec codec = sl_codec_encode(values, count, effort, &buf);
    SL_ASSERT(!buf.bad);
    SL_ASSERT(sl_codec_decode(codec, buf.bytes, buf.size_bytes, count, UINT32_MAX, again, NULL) ==
              SL_OK);
    SL_ASSERT(memcmp(values, again, count * sizeof(values[0])) == 0);
    sl_buf_fini(&buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    uint8_t what = sl_cursor_u8(&c);
    uint32_t count = sl_cursor_u16le(&c) % COUNT_MAX;
    uint32_t minis = sl_cursor_u16le(&c);
    if (c.bad)
        return 0;
    if (what == FUZZ_BYTES)
        fuzz_bytes(&c, count);
    else if (what == FUZZ_KEYS)
        fuzz_keys(&c, 1 + count % SL_CODEC_KEYS_MAX);
    else if (what == FUZZ_ROUND_TRIP)
        fuzz_round_trip(&c, count + 1, minis & 1 ? SL_EFFORT_MERGE : SL_EFFORT_SEAL);
    else
        fuzz_block((enum sl_codec)what, &c, count + 1, minis);
    return 0;
}
