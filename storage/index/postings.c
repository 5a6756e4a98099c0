/*
 * postings.c - see postings.h.
 *
 * Layout
 *     1   order: 0 one first, 1 zero first
 *     4   for each chunk of SL_POSTINGS_CHUNK entries (the last may have fewer): where it ends,
 *         in bytes from the first chunk, little-endian
 *     chunks, each a string of bits (bit b is bit b % 8 of byte b / 8), filled up with zeros:
 *         for each entry
 *             gamma   rank of n, the number of its minis. zero first: n + 1;
 *                     one first: 1 for n = 1, 2 for n = 0, else n + 1
 *             n = 1   the mini, in as many bits as (minis - 1) has
 *             n > 1   for each mini, ascending: its distance from the one before, less 1 (of the
 *                     first: from -1), as a Rice code with r = floor(log2(minis / n)): the
 *                     distance >> r as so many ones and a zero, then r bits
 *     gamma of x >= 1: as many zeros as x has bits below its highest, a one, those bits
 *
 * Why bits: most addresses of a group are seen in one mini, whose number is 8 to 10 bits with
 * nothing to be saved. Everything around it has to be nearly free, and an entry that is in many
 * minis should pay for their gaps, not for their numbers. Why two orders: where a dictionary
 * serves several columns, in some of them most entries do not occur at all.
 */
#include "storage/index/postings.h"
#include "storage/base/cursor.h"

enum { ORDER_ONE_FIRST = 0, ORDER_ZERO_FIRST = 1, HEAD_BYTES = 1, END_BYTES = 4 };

#define NO_MINI UINT16_MAX

/* Bits of the number of minis of an entry, plus 1, below its highest. */
enum { GAMMA_BELOW_MAX = 10 };

_Static_assert((SL_POSTINGS_MINIS_MAX + 1) >> GAMMA_BELOW_MAX == 1, "the highest bit");

_Static_assert(SL_POSTINGS_MINIS_MAX < NO_MINI, "a mini fits 16 bits, with one number to spare");

struct sl_postings_builder {
    uint32_t entry_count;
    uint32_t mini_count;
    uint16_t *last_mini;  /* owned: by entry, the mini it was last seen in, or NO_MINI */
    uint32_t *pair_entry; /* owned: pairs in the order they were found: by mini, ascending */
    uint16_t *pair_mini;  /* owned */
    size_t pair_count;
    size_t pair_capacity;
    uint32_t *start;  /* owned, closed: the pairs of entry e are start[e] .. start[e + 1] - 1 of */
    uint16_t *sorted; /* owned, closed: their minis, ascending */
    bool is_bad;      /* there was no memory */
};

static unsigned
floor_log2(uint32_t value)
{
    return 31 - (unsigned)__builtin_clz(value);
}

static uint32_t
chunk_count(uint32_t entry_count)
{
    return entry_count / SL_POSTINGS_CHUNK + (entry_count % SL_POSTINGS_CHUNK != 0);
}

struct sl_postings_builder *
sl_postings_builder_create(uint32_t entry_count, uint32_t mini_count)
{
    SL_ASSERT(mini_count >= 1 && mini_count <= SL_POSTINGS_MINIS_MAX);
    struct sl_postings_builder *builder = sl_new(sizeof(*builder));
    builder->entry_count = entry_count;
    builder->mini_count = mini_count;
    builder->last_mini = malloc(((size_t)entry_count + 1) * sizeof(uint16_t));
    if (builder->last_mini == NULL) {
        free(builder);
        return NULL;
    }
    memset(builder->last_mini, 0xff, (size_t)entry_count * sizeof(uint16_t));
    return builder;
}

void
sl_postings_builder_destroy(struct sl_postings_builder *builder)
{
    if (builder == NULL)
        return;
    free(builder->last_mini);
    free(builder->pair_entry);
    free(builder->pair_mini);
    free(builder->start);
    free(builder->sorted);
    free(builder);
}

/* Room for `count` more pairs; false, and bad, when there is none. */
static bool
reserve_pairs(struct sl_postings_builder *b, size_t count)
{
    if (b->is_bad)
        return false;
    if (b->pair_capacity - b->pair_count >= count)
        return true;
    size_t capacity = b->pair_capacity + b->pair_capacity / 2 + count + 4096;
    uint32_t *entries = realloc(b->pair_entry, capacity * sizeof(*entries));
    if (entries != NULL)
        b->pair_entry = entries;
    uint16_t *minis = realloc(b->pair_mini, capacity * sizeof(*minis));
    if (minis != NULL)
        b->pair_mini = minis;
    b->is_bad = entries == NULL || minis == NULL;
    if (!b->is_bad)
        b->pair_capacity = capacity;
    return !b->is_bad;
}

void
sl_postings_builder_add(struct sl_postings_builder *b, uint32_t mini, const uint32_t *codes,
                        uint32_t count, const uint64_t *present)
{
    SL_ASSERT(mini < b->mini_count);
    SL_ASSERT(b->pair_count == 0 || b->pair_mini[b->pair_count - 1] <= mini);
    if (!reserve_pairs(b, count))
        return;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = codes[i];
        if (present != NULL && !sl_bit_get(present, i))
            continue;
        SL_ASSERT(code < b->entry_count);
        if (b->last_mini[code] == mini)
            continue;
        b->last_mini[code] = (uint16_t)mini;
        b->pair_entry[b->pair_count] = code;
        b->pair_mini[b->pair_count] = (uint16_t)mini;
        b->pair_count++;
    }
}

uint64_t
sl_postings_builder_pair_count(const struct sl_postings_builder *builder)
{
    return builder->pair_count;
}

/* Bits on their way into a buffer, low first. */
struct bit_writer {
    struct sl_buf *out;
    uint64_t pending;
    unsigned used; /* below 8 between calls */
};

static void
put_bits(struct bit_writer *w, uint64_t value, unsigned width)
{
    SL_DEBUG_ASSERT(width <= 32 && value >> width == 0);
    w->pending |= value << w->used;
    w->used += width;
    while (w->used >= 8) {
        sl_buf_u8(w->out, (uint8_t)w->pending);
        w->pending >>= 8;
        w->used -= 8;
    }
}

static void
end_byte(struct bit_writer *w)
{
    put_bits(w, 0, w->used == 0 ? 0 : 8 - w->used);
}

static void
put_gamma(struct bit_writer *w, uint32_t value)
{
    unsigned below = floor_log2(value);
    put_bits(w, UINT64_C(1) << below, below + 1);
    put_bits(w, value - (UINT32_C(1) << below), below);
}

static void
put_rice(struct bit_writer *w, uint32_t value, unsigned rice)
{
    for (uint32_t ones = value >> rice; ones > 0; ones--)
        put_bits(w, 1, 1);
    put_bits(w, 0, 1);
    put_bits(w, value & ((UINT32_C(1) << rice) - 1), rice);
}

static unsigned
single_bits(uint32_t mini_count)
{
    return mini_count == 1 ? 0 : floor_log2(mini_count - 1) + 1;
}

static uint32_t
rank_of(uint32_t count, bool is_zero_first)
{
    if (!is_zero_first && count <= 1)
        return 2 - count;
    return count + 1;
}

static void
encode_entry(struct bit_writer *w, const uint16_t *minis, uint32_t count, uint32_t mini_count,
             bool is_zero_first)
{
    put_gamma(w, rank_of(count, is_zero_first));
    if (count == 1) {
        put_bits(w, minis[0], single_bits(mini_count));
        return;
    }
    uint32_t next = 0;
    for (uint32_t i = 0; i < count; i++) {
        put_rice(w, minis[i] - next, floor_log2(mini_count / count));
        next = minis[i] + UINT32_C(1);
    }
}

bool
sl_postings_builder_close(struct sl_postings_builder *b)
{
    if (b->is_bad)
        return false;
    uint32_t *start = sl_try_alloc(((size_t)b->entry_count + 2) * sizeof(*start));
    uint16_t *sorted = malloc((b->pair_count + 1) * sizeof(*sorted));
    b->start = start;
    b->sorted = sorted;
    if (start == NULL || sorted == NULL)
        return false;
    /* A counting sort is stable, so that the minis of an entry stay in order. */
    for (size_t i = 0; i < b->pair_count; i++)
        start[b->pair_entry[i] + 2]++;
    for (size_t e = 2; e < (size_t)b->entry_count + 2; e++)
        start[e] += start[e - 1];
    for (size_t i = 0; i < b->pair_count; i++)
        sorted[start[b->pair_entry[i] + 1]++] = b->pair_mini[i];
    return true;
}

static bool
zero_is_more_common_than_one(const uint32_t *start, uint32_t entry_count)
{
    uint32_t zeros = 0;
    uint32_t ones = 0;
    for (uint32_t e = 0; e < entry_count; e++) {
        zeros += start[e + 1] == start[e];
        ones += start[e + 1] - start[e] == 1;
    }
    return zeros > ones;
}

void
sl_postings_builder_encode(const struct sl_postings_builder *b, uint32_t first, uint32_t count,
                           struct sl_buf *out)
{
    SL_ASSERT(b->sorted != NULL);
    SL_ASSERT(first <= b->entry_count && count <= b->entry_count - first);
    const uint32_t *start = &b->start[first];
    bool is_zero_first = zero_is_more_common_than_one(start, count);
    sl_buf_u8(out, is_zero_first ? ORDER_ZERO_FIRST : ORDER_ONE_FIRST);
    size_t ends_at = out->size_bytes;
    (void)sl_buf_extend(out, (size_t)chunk_count(count) * END_BYTES);
    size_t chunks_at = out->size_bytes;
    struct bit_writer w = {.out = out};
    for (uint32_t e = 0; e < count; e++) {
        encode_entry(&w, &b->sorted[start[e]], start[e + 1] - start[e], b->mini_count,
                     is_zero_first);
        if ((e + 1) % SL_POSTINGS_CHUNK != 0 && e + 1 != count)
            continue;
        end_byte(&w);
        SL_ASSERT(out->size_bytes - chunks_at <= UINT32_MAX);
        sl_buf_patch_u32le(out, ends_at + (size_t)(e / SL_POSTINGS_CHUNK) * END_BYTES,
                           (uint32_t)(out->size_bytes - chunks_at));
    }
}

sl_status
sl_postings_open(const void *bytes, size_t size_bytes, uint32_t entry_count, uint32_t mini_count,
                 struct sl_postings *out_postings, struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    *out_postings = (struct sl_postings){.entry_count = entry_count, .mini_count = mini_count};
    uint8_t order = sl_cursor_u8(&c);
    out_postings->ends = sl_cursor_take(&c, (size_t)chunk_count(entry_count) * END_BYTES);
    out_postings->chunks = c.next;
    out_postings->chunks_bytes = sl_cursor_left(&c);
    out_postings->is_zero_first = order == ORDER_ZERO_FIRST;
    if (c.bad || order > ORDER_ZERO_FIRST)
        return sl_fail(err, SL_CORRUPT, "postings: %zu bytes have no table of %u entries",
                       size_bytes, entry_count);
    if (mini_count == 0 || mini_count > SL_POSTINGS_MINIS_MAX)
        return sl_fail(err, SL_CORRUPT, "postings: %u minis", mini_count);
    return SL_OK;
}

/* Bits of foreign bytes; beyond the end they are 0, and the reader is bad. */
struct bit_reader {
    const uint8_t *next;
    const uint8_t *end;
    uint64_t pending;
    unsigned used; /* bits of `pending` not yet read */
    bool is_bad;
};

/* At least 32 bits pending, as long as there are so many. */
static void
fill_bits(struct bit_reader *r)
{
    if (r->end - r->next >= 8) {
        unsigned bytes = (64 - r->used) / 8;
        r->pending |= bytes == 0 ? 0 : sl_read_le(r->next, 8) << r->used;
        r->next += bytes;
        r->used += bytes * 8;
        /* What lies beyond the whole bytes comes with the next. */
        r->pending &= r->used == 64 ? UINT64_MAX : (UINT64_C(1) << r->used) - 1;
        return;
    }
    while (r->used <= 56 && r->next < r->end) {
        r->pending |= (uint64_t)*r->next++ << r->used;
        r->used += 8;
    }
}

static uint32_t
get_bits(struct bit_reader *r, unsigned width)
{
    SL_DEBUG_ASSERT(width <= 32);
    if (r->used < width)
        fill_bits(r);
    if (r->used < width) {
        r->is_bad = true;
        return 0;
    }
    uint32_t value = (uint32_t)(r->pending & ((UINT64_C(1) << width) - 1));
    r->pending >>= width;
    r->used -= width;
    return value;
}

/* Number of bits equal to `bit` before the first other one, which is read too. More than `max`
 * make the reader bad. */
static uint32_t
get_unary(struct bit_reader *r, uint32_t bit, uint32_t max)
{
    uint32_t count = 0;
    do {
        if (r->used == 0)
            fill_bits(r);
        uint64_t others = bit == 0 ? r->pending : ~r->pending;
        unsigned run = others == 0 ? r->used : (unsigned)__builtin_ctzll(others);
        if (run < r->used) {
            r->pending = r->pending >> run >> 1;
            r->used -= run + 1;
            count += run;
            r->is_bad = r->is_bad || count > max;
            return count;
        }
        count += r->used;
        r->is_bad = r->is_bad || r->used == 0 || count > max;
        r->pending = 0;
        r->used = 0;
    } while (!r->is_bad);
    return count;
}

/* A gamma code as a whole, where it is among the bits pending, as nearly all are. */
static uint32_t
get_gamma(struct bit_reader *r)
{
    if (r->used < 32)
        fill_bits(r);
    unsigned below = r->pending == 0 ? 64 : (unsigned)__builtin_ctzll(r->pending);
    if (below <= GAMMA_BELOW_MAX && 2 * below + 1 < r->used) {
        uint64_t bits = r->pending >> below >> 1;
        uint32_t value = UINT32_C(1) << below | (uint32_t)(bits & ((UINT64_C(1) << below) - 1));
        r->pending = bits >> below;
        r->used -= 2 * below + 1;
        return value;
    }
    below = get_unary(r, 0, GAMMA_BELOW_MAX);
    if (r->is_bad)
        return 1;
    return UINT32_C(1) << below | get_bits(r, below);
}

/* The same of a Rice code; `max`: of its ones. */
static uint32_t
get_rice(struct bit_reader *r, unsigned rice, uint32_t max)
{
    if (r->used < 32)
        fill_bits(r);
    unsigned ones = r->pending == UINT64_MAX ? 64 : (unsigned)__builtin_ctzll(~r->pending);
    if (ones < 64 && ones <= max && ones + 1 + rice < r->used) {
        uint64_t bits = r->pending >> ones >> 1;
        r->pending = bits >> rice;
        r->used -= ones + 1 + rice;
        return ones << rice | (uint32_t)(bits & ((UINT64_C(1) << rice) - 1));
    }
    ones = get_unary(r, 1, max);
    return ones << rice | get_bits(r, rice);
}

static void
set_mini(const struct sl_postings *p, struct bit_reader *r, uint32_t mini, uint64_t *minis)
{
    if (mini >= p->mini_count)
        r->is_bad = true;
    else if (minis != NULL)
        sl_bit_set(minis, mini);
}

/* Step over one entry; its minis are set unless `minis` is NULL. */
static void
read_entry(const struct sl_postings *p, struct bit_reader *r, uint64_t *minis)
{
    uint32_t count = get_gamma(r) - 1;
    if (!p->is_zero_first && count <= 1)
        count = 1 - count;
    if (count > p->mini_count)
        r->is_bad = true;
    if (r->is_bad || count == 0)
        return;
    if (count == 1) {
        set_mini(p, r, get_bits(r, single_bits(p->mini_count)), minis);
        return;
    }
    unsigned rice = floor_log2(p->mini_count / count);
    uint32_t next = 0;
    for (uint32_t i = 0; i < count && !r->is_bad; i++) {
        uint32_t mini = next + get_rice(r, rice, p->mini_count >> rice);
        set_mini(p, r, mini, minis);
        next = mini + 1;
    }
}

static bool
open_chunk(const struct sl_postings *p, uint32_t chunk, struct bit_reader *r)
{
    uint64_t start = chunk == 0 ? 0 : sl_read_le(&p->ends[(size_t)(chunk - 1) * END_BYTES], 4);
    uint64_t end = sl_read_le(&p->ends[(size_t)chunk * END_BYTES], 4);
    if (start > end || end > p->chunks_bytes)
        return false;
    *r = (struct bit_reader){.next = p->chunks + start, .end = p->chunks + end};
    return true;
}

sl_status
sl_postings_collect(const struct sl_postings *p, uint32_t first, uint32_t last, uint64_t *minis,
                    struct sl_error *err)
{
    SL_ASSERT(first <= last);
    SL_ASSERT(last < p->entry_count);
    for (uint32_t chunk = first / SL_POSTINGS_CHUNK; chunk <= last / SL_POSTINGS_CHUNK; chunk++) {
        struct bit_reader r;
        if (!open_chunk(p, chunk, &r))
            return sl_fail(err, SL_CORRUPT, "postings: chunk %u lies outside", chunk);
        for (uint32_t i = 0; i < SL_POSTINGS_CHUNK; i++) {
            uint32_t entry = chunk * SL_POSTINGS_CHUNK + i;
            if (entry > last)
                break;
            read_entry(p, &r, entry >= first ? minis : NULL);
        }
        if (r.is_bad)
            return sl_fail(err, SL_CORRUPT, "postings: chunk %u is damaged", chunk);
    }
    return SL_OK;
}
