/*
 * batch_ints.c - see batch_ints.h.
 *
 * Values pass through a small array of 64-bit ones, which stays in the first level cache: so
 * there are four loops to load, four to store and a few to squeeze, instead of their product.
 */
#include "storage/batch_ints.h"

enum { PIECE = 512 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "entries are copied as they lie");

#define LOAD_AS(type)                    \
    for (uint32_t i = 0; i < count; i++) \
        wide[i] = ((const type *)values)[i + first] ^ flip;

static void
load_piece(const void *values, unsigned width, uint64_t flip, uint32_t first, uint32_t count,
           uint64_t *wide)
{
    switch (width) {
    case 1:
        LOAD_AS(uint8_t)
        return;
    case 2:
        LOAD_AS(uint16_t)
        return;
    case 4:
        LOAD_AS(uint32_t)
        return;
    default:
        LOAD_AS(uint64_t)
    }
}

#define STORE_AS(type)                   \
    for (uint32_t i = 0; i < count; i++) \
        ((type *)values)[i + first] = (type)(wide[i] ^ flip);

static void
store_piece(const uint64_t *wide, unsigned width, uint64_t flip, uint32_t first, uint32_t count,
            void *values)
{
    switch (width) {
    case 1:
        STORE_AS(uint8_t)
        return;
    case 2:
        STORE_AS(uint16_t)
        return;
    case 4:
        STORE_AS(uint32_t)
        return;
    default:
        STORE_AS(uint64_t)
    }
}

#define SQUEEZE_AS(type)                                        \
    for (uint32_t i = 0; i < count; i++) {                      \
        type entry = (type)(wide[i] - min);                     \
        memcpy(&bytes[i * sizeof(type)], &entry, sizeof(type)); \
    }

static void
squeeze_piece(const uint64_t *wide, uint32_t count, uint64_t min, unsigned entry_bytes,
              uint8_t *bytes)
{
    switch (entry_bytes) {
    case 0:
        return;
    case 1:
        SQUEEZE_AS(uint8_t)
        return;
    case 2:
        SQUEEZE_AS(uint16_t)
        return;
    case 4:
        SQUEEZE_AS(uint32_t)
        return;
    case 8:
        SQUEEZE_AS(uint64_t)
        return;
    default:
        break;
    }
    /* Odd sizes: a whole word each, whose high part the next one overwrites; none at the end. */
    size_t total_bytes = (size_t)count * entry_bytes;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = wide[i] - min;
        size_t at = (size_t)i * entry_bytes;
        memcpy(&bytes[at], &entry, at + 8 <= total_bytes ? 8 : entry_bytes);
    }
}

#define EXPAND_AS(type)                                         \
    for (uint32_t i = 0; i < count; i++) {                      \
        type entry;                                             \
        memcpy(&entry, &bytes[i * sizeof(type)], sizeof(type)); \
        wide[i] = min + entry;                                  \
    }

static void
expand_piece(const uint8_t *bytes, uint32_t count, uint64_t min, unsigned entry_bytes,
             uint64_t *wide)
{
    switch (entry_bytes) {
    case 1:
        EXPAND_AS(uint8_t)
        return;
    case 2:
        EXPAND_AS(uint16_t)
        return;
    case 4:
        EXPAND_AS(uint32_t)
        return;
    case 8:
        EXPAND_AS(uint64_t)
        return;
    default:
        break;
    }
    size_t total_bytes = (size_t)count * entry_bytes;
    uint64_t mask = entry_bytes == 0 ? 0 : UINT64_MAX >> (64 - 8 * entry_bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = 0;
        size_t at = (size_t)i * entry_bytes;
        if (entry_bytes != 0)
            memcpy(&entry, &bytes[at], at + 8 <= total_bytes ? 8 : entry_bytes);
        wide[i] = min + (entry & mask);
    }
}

static uint32_t
piece_count(uint32_t first, uint32_t count)
{
    return count - first < PIECE ? count - first : PIECE;
}

void
sl_ints_encode(const void *values, unsigned width, uint64_t flip, uint32_t count,
               struct sl_buf *out)
{
    uint64_t wide[PIECE];
    uint64_t min = count == 0 ? 0 : UINT64_MAX;
    uint64_t max = 0;
    for (uint32_t first = 0; first < count; first += PIECE) {
        uint32_t pieces = piece_count(first, count);
        load_piece(values, width, flip, first, pieces, wide);
        for (uint32_t i = 0; i < pieces; i++) {
            min = wide[i] < min ? wide[i] : min;
            max = wide[i] > max ? wide[i] : max;
        }
    }
    unsigned entry_bytes = max == min ? 0 : (71 - (unsigned)__builtin_clzll(max - min)) / 8;
    sl_buf_u8(out, (uint8_t)entry_bytes);
    sl_buf_varint(out, min);
    uint8_t *bytes = sl_buf_extend(out, (size_t)entry_bytes * count);
    if (bytes == NULL || entry_bytes == 0)
        return;
    for (uint32_t first = 0; first < count; first += PIECE) {
        uint32_t pieces = piece_count(first, count);
        load_piece(values, width, flip, first, pieces, wide);
        squeeze_piece(wide, pieces, min, entry_bytes, &bytes[(size_t)first * entry_bytes]);
    }
}

bool
sl_ints_decode(struct sl_cursor *c, unsigned width, uint64_t flip, uint64_t max, uint32_t count,
               void *values)
{
    uint64_t wide[PIECE];
    uint64_t all = 0;
    unsigned entry_bytes = sl_cursor_u8(c);
    uint64_t min = sl_cursor_varint(c);

    if (c->bad || entry_bytes > 8)
        return false;
    const uint8_t *bytes = sl_cursor_take(c, (size_t)entry_bytes * count);
    if (bytes == NULL)
        return false;
    for (uint32_t first = 0; first < count; first += PIECE) {
        uint32_t pieces = piece_count(first, count);
        expand_piece(&bytes[(size_t)first * entry_bytes], pieces, min, entry_bytes, wide);
        for (uint32_t i = 0; i < pieces; i++)
            all |= wide[i] ^ flip;
        store_piece(wide, width, flip, first, pieces, values);
    }
    return all <= max;
}
