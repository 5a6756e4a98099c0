/*
 * batch_ints.c - see batch_ints.h.
 *
 * Values pass through a small array of 64-bit ones, which stays in the first level cache: so
 * there are four loops to load, four to store and a few to squeeze, instead of their product. Only
 * what most columns are when they are encoded, narrow values as narrow entries, has loops of its own.
 */
#include "storage/batch_ints.h"

enum {
    PIECE = 512,
    ENTRY_BYTES_MASK = 15,
    STEP_SHIFT = 4,
    STEP_COUNT = 3,
};

static const uint64_t steps[STEP_COUNT] = {1, 1000, 1000000};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "entries are copied as they lie");

static uint32_t
piece_count(uint32_t first, uint32_t count)
{
    return count - first < PIECE ? count - first : PIECE;
}

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

/* One for each step, so that the divisor is a constant of the loop. */
#define IS_MULTIPLE_OF(step)                                                              \
    static bool is_multiple_of_##step(const uint64_t *wide, uint32_t count, uint64_t min) \
    {                                                                                     \
        uint64_t rest = 0;                                                                \
        for (uint32_t i = 0; i < count; i++)                                              \
            rest |= (wide[i] - min) % (step);                                             \
        return rest == 0;                                                                 \
    }

IS_MULTIPLE_OF(1000)
IS_MULTIPLE_OF(1000000)

/* Values of 8 bytes are often times: the largest step that divides all of them less `min`. */
static unsigned
find_step(const void *values, unsigned width, uint64_t flip, uint32_t count, uint64_t min)
{
    uint64_t wide[PIECE];
    unsigned step = width == 8 ? STEP_COUNT - 1 : 0;
    for (uint32_t first = 0; first < count && step != 0; first += PIECE) {
        uint32_t pieces = piece_count(first, count);
        load_piece(values, width, flip, first, pieces, wide);
        if (step == 2 && !is_multiple_of_1000000(wide, pieces, min))
            step = 1;
        if (step == 1 && !is_multiple_of_1000(wide, pieces, min))
            step = 0;
    }
    return step;
}

/* Take the minimum off and divide by the step. */
static void
reduce_piece(uint64_t *wide, uint32_t count, uint64_t min, unsigned step)
{
    switch (step) {
    case 0:
        for (uint32_t i = 0; i < count; i++)
            wide[i] -= min;
        return;
    case 1:
        for (uint32_t i = 0; i < count; i++)
            wide[i] = (wide[i] - min) / 1000;
        return;
    default:
        for (uint32_t i = 0; i < count; i++)
            wide[i] = (wide[i] - min) / 1000000;
        return;
    }
}

#define SQUEEZE_AS(type)                                        \
    for (uint32_t i = 0; i < count; i++) {                      \
        type entry = (type)wide[i];                             \
        memcpy(&bytes[i * sizeof(type)], &entry, sizeof(type)); \
    }

static void
squeeze_piece(const uint64_t *wide, uint32_t count, unsigned entry_bytes, uint8_t *bytes)
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
        uint64_t entry = wide[i];
        size_t at = (size_t)i * entry_bytes;
        memcpy(&bytes[at], &entry, at + 8 <= total_bytes ? 8 : entry_bytes);
    }
}

#define EXPAND_AS(type)                                         \
    for (uint32_t i = 0; i < count; i++) {                      \
        type entry;                                             \
        memcpy(&entry, &bytes[i * sizeof(type)], sizeof(type)); \
        wide[i] = min + step * entry;                           \
    }

static void
expand_piece(const uint8_t *bytes, uint32_t count, uint64_t min, uint64_t step,
             unsigned entry_bytes, uint64_t *wide)
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
        wide[i] = min + step * (entry & mask);
    }
}

#define RANGE_AS(type)                              \
    {                                               \
        type least = ((const type *)values)[0];     \
        type most = least;                          \
        for (uint32_t i = 1; i < count; i++) {      \
            type value = ((const type *)values)[i]; \
            least = value < least ? value : least;  \
            most = value > most ? value : most;     \
        }                                           \
        *out_min = (uint64_t)least ^ flip;          \
        *out_max = (uint64_t)most ^ flip;           \
    }

/* Least and greatest of the values after the flip; both 0 when there are none. Narrow values have
 * no bit that the flip could exchange their order by. */
static void
find_range(const void *values, unsigned width, uint64_t flip, uint32_t count, uint64_t *out_min,
           uint64_t *out_max)
{
    *out_min = *out_max = 0;
    if (count == 0)
        return;
    if (width == 1) {
        RANGE_AS(uint8_t)
    } else if (width == 2) {
        RANGE_AS(uint16_t)
    } else if (width == 4) {
        RANGE_AS(uint32_t)
    } else if (flip == 0) {
        RANGE_AS(uint64_t)
    } else {
        RANGE_AS(int64_t)
    }
}

#define PACK_AS(from, to)                                       \
    for (uint32_t i = 0; i < count; i++) {                      \
        to entry = (to)(((const from *)values)[i] - (from)min); \
        memcpy(&bytes[i * sizeof(to)], &entry, sizeof(to));     \
    }

/* The common cases without a detour: narrow values as narrow entries. False: not one of them. */
static bool
pack_narrow(const void *values, unsigned width, uint64_t min, uint32_t count, unsigned entry_bytes,
            uint8_t *bytes)
{
    if (width == 1 && entry_bytes == 1)
        PACK_AS(uint8_t, uint8_t)
    else if (width == 2 && entry_bytes == 1)
        PACK_AS(uint16_t, uint8_t)
    else if (width == 2 && entry_bytes == 2)
        PACK_AS(uint16_t, uint16_t)
    else if (width == 4 && entry_bytes == 1)
        PACK_AS(uint32_t, uint8_t)
    else if (width == 4 && entry_bytes == 2)
        PACK_AS(uint32_t, uint16_t)
    else if (width == 4 && entry_bytes == 4)
        PACK_AS(uint32_t, uint32_t)
    else
        return false;
    return true;
}

void
sl_ints_encode(const void *values, unsigned width, uint64_t flip, uint32_t count,
               struct sl_buf *out)
{
    uint64_t wide[PIECE];
    uint64_t min, max;
    find_range(values, width, flip, count, &min, &max);
    unsigned step = max == min ? 0 : find_step(values, width, flip, count, min);
    uint64_t span = max == min ? 0 : (max - min) / steps[step];
    unsigned entry_bytes = span == 0 ? 0 : (71 - (unsigned)__builtin_clzll(span)) / 8;
    sl_buf_u8(out, (uint8_t)(entry_bytes | step << STEP_SHIFT));
    sl_buf_varint(out, min);
    uint8_t *bytes = sl_buf_extend(out, (size_t)entry_bytes * count);
    if (bytes == NULL || entry_bytes == 0)
        return;
    if (pack_narrow(values, width, min, count, entry_bytes, bytes))
        return;
    for (uint32_t first = 0; first < count; first += PIECE) {
        uint32_t pieces = piece_count(first, count);
        load_piece(values, width, flip, first, pieces, wide);
        reduce_piece(wide, pieces, min, step);
        squeeze_piece(wide, pieces, entry_bytes, &bytes[(size_t)first * entry_bytes]);
    }
}

/* `sum` is wide enough for the least of a width and the greatest entry. */
#define UNPACK_AS(from, to, sum)                                    \
    {                                                               \
        sum all = 0;                                                \
        for (uint32_t i = 0; i < count; i++) {                      \
            from entry;                                             \
            memcpy(&entry, &bytes[i * sizeof(from)], sizeof(from)); \
            sum value = (sum)min + entry;                           \
            all |= value;                                           \
            ((to *)values)[i] = (to)value;                          \
        }                                                           \
        *out_all = all;                                             \
        return true;                                                \
    }

/* The same cases back; false when it is none of them, or when the minimum alone is too wide. */
static bool
unpack_narrow(const uint8_t *bytes, uint32_t count, uint64_t min, unsigned entry_bytes,
              unsigned width, void *values, uint64_t *out_all)
{
    if (width > 4 || min >> (8 * width) != 0)
        return false;
    if (width == 1 && entry_bytes == 1)
        UNPACK_AS(uint8_t, uint8_t, uint32_t)
    if (width == 2 && entry_bytes == 1)
        UNPACK_AS(uint8_t, uint16_t, uint32_t)
    if (width == 2 && entry_bytes == 2)
        UNPACK_AS(uint16_t, uint16_t, uint32_t)
    if (width == 4 && entry_bytes == 1)
        UNPACK_AS(uint8_t, uint32_t, uint64_t)
    if (width == 4 && entry_bytes == 2)
        UNPACK_AS(uint16_t, uint32_t, uint64_t)
    if (width == 4 && entry_bytes == 4)
        UNPACK_AS(uint32_t, uint32_t, uint64_t)
    return false;
}

bool
sl_ints_decode(struct sl_cursor *c, unsigned width, uint64_t flip, uint64_t max, uint32_t count,
               void *values)
{
    uint64_t wide[PIECE];
    uint64_t all = 0;
    unsigned form = sl_cursor_u8(c);
    unsigned entry_bytes = form & ENTRY_BYTES_MASK;
    unsigned step = form >> STEP_SHIFT;
    uint64_t min = sl_cursor_varint(c);

    if (c->bad || entry_bytes > 8 || step >= STEP_COUNT)
        return false;
    const uint8_t *bytes = sl_cursor_take(c, (size_t)entry_bytes * count);
    if (bytes == NULL)
        return false;
    if (flip == 0 && step == 0 &&
        unpack_narrow(bytes, count, min, entry_bytes, width, values, &all))
        return all <= max;
    for (uint32_t first = 0; first < count; first += PIECE) {
        uint32_t pieces = piece_count(first, count);
        expand_piece(&bytes[(size_t)first * entry_bytes], pieces, min, steps[step], entry_bytes,
                     wide);
        for (uint32_t i = 0; i < pieces; i++)
            all |= wide[i] ^ flip;
        store_piece(wide, width, flip, first, pieces, values);
    }
    return all <= max;
}
