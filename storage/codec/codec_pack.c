/*
 * codec_pack.c - see pack.h for the layout; PACK as a codec is these bytes and nothing else.
 */
#include "storage/codec/bits.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

unsigned
sl_pack_best_width(const uint32_t counts[65], uint32_t count, uint64_t *out_bits)
{
    unsigned widest = 64;
    while (widest > 0 && counts[widest] == 0)
        widest--;
    unsigned best = widest;
    uint64_t best_bits = (uint64_t)count * widest;
    uint64_t exceptions = 0;
    for (unsigned width = widest; width-- > 0;) {
        exceptions += counts[width + 1];
        uint64_t bits =
            (uint64_t)count * width + 32 + exceptions * (SL_PACK_POSITION_BITS + widest - width);
        if (bits < best_bits) {
            best = width;
            best_bits = bits;
        }
    }
    *out_bits = best_bits;
    return best;
}

/* What the head of a mini says. */
static struct sl_pack_mini
plan_mini(const uint64_t *values, uint32_t count)
{
    struct sl_pack_mini mini = {.count = count};
    uint64_t max;
    sl_bits_range(values, count, &mini.minimum, &max);
    unsigned widest = sl_bits_width(max - mini.minimum);
    mini.width = (uint8_t)widest;
    if (widest < 2)
        return mini; /* nothing narrower can pay */

    uint32_t counts[65] = {0};
    uint64_t bits;
    sl_bits_histogram(values, count, mini.minimum, counts);
    unsigned width = sl_pack_best_width(counts, count, &bits);
    mini.width = (uint8_t)width;
    mini.high_width = (uint8_t)(widest - width);
    for (unsigned w = width + 1; w <= widest; w++)
        mini.exception_count += counts[w];
    return mini;
}

static void
encode_body(const struct sl_pack_mini *mini, const uint64_t *values, struct sl_buf *out)
{
    uint64_t positions[SL_MINI_ROWS];
    uint64_t highs[SL_MINI_ROWS];
    uint32_t count = 0;

    uint8_t *body = sl_buf_extend(out, sl_bits_bytes(mini->count, mini->width));
    if (body == NULL)
        return;
    sl_bits_write(values, mini->count, mini->minimum, mini->width, body);
    if (mini->high_width == 0)
        return;
    for (uint32_t i = 0; i < mini->count; i++) {
        uint64_t high = (values[i] - mini->minimum) >> mini->width;
        positions[count] = i;
        highs[count] = high;
        count += high != 0; /* without a branch: exceptions come at random */
        SL_DEBUG_ASSERT(count <= mini->exception_count);
    }
    SL_ASSERT(count == mini->exception_count);
    uint8_t *at = sl_buf_extend(out, sl_bits_bytes(count, SL_PACK_POSITION_BITS));
    if (at != NULL)
        sl_bits_write(positions, count, 0, SL_PACK_POSITION_BITS, at);
    at = sl_buf_extend(out, sl_bits_bytes(count, mini->high_width));
    if (at != NULL)
        sl_bits_write(highs, count, 0, mini->high_width, at);
}

static size_t
varint_bytes(uint64_t value)
{
    return value == 0 ? 1 : (sl_bits_width(value) + 6) / 7;
}

size_t
sl_pack_plan(const uint64_t *values, uint32_t count, uint64_t origin, struct sl_pack *out_plan)
{
    uint64_t before = origin;
    size_t bytes = 0;

    SL_ASSERT(count <= SL_BLOCK_ROWS);
    out_plan->mini_count = sl_mini_count(count);
    out_plan->end = NULL;
    for (uint32_t m = 0; m < out_plan->mini_count; m++) {
        struct sl_pack_mini *mini = &out_plan->minis[m];
        *mini = plan_mini(&values[sl_mini_first(m)], sl_mini_rows(count, m));
        bytes += 2 + varint_bytes(sl_zigzag(mini->minimum - before));
        bytes += sl_bits_bytes(mini->count, mini->width);
        if (mini->high_width != 0)
            bytes += 2 + sl_bits_bytes(mini->exception_count, SL_PACK_POSITION_BITS) +
                     sl_bits_bytes(mini->exception_count, mini->high_width);
        before = mini->minimum;
    }
    return bytes;
}

void
sl_pack_write(const struct sl_pack *plan, const uint64_t *values, uint64_t origin,
              struct sl_buf *out)
{
    uint64_t before = origin;

    for (uint32_t m = 0; m < plan->mini_count; m++) {
        const struct sl_pack_mini *mini = &plan->minis[m];
        sl_buf_u8(out, mini->width);
        sl_buf_u8(out, mini->high_width);
        if (mini->high_width != 0)
            sl_buf_u16le(out, (uint16_t)mini->exception_count);
        sl_buf_varint(out, sl_zigzag(mini->minimum - before));
        before = mini->minimum;
    }
    for (uint32_t m = 0; m < plan->mini_count; m++)
        encode_body(&plan->minis[m], &values[sl_mini_first(m)], out);
}

void
sl_pack_encode(const uint64_t *values, uint32_t count, uint64_t origin, struct sl_buf *out)
{
    struct sl_pack plan;
    size_t start_bytes = out->size_bytes;
    size_t bytes = sl_pack_plan(values, count, origin, &plan);
    sl_pack_write(&plan, values, origin, out);
    SL_DEBUG_ASSERT(out->bad || out->size_bytes - start_bytes == bytes);
}

bool
sl_pack_open(struct sl_pack *pack, struct sl_cursor *c, uint32_t count, uint64_t origin)
{
    uint64_t before = origin;

    SL_ASSERT(count <= SL_BLOCK_ROWS);
    pack->mini_count = sl_mini_count(count);
    for (uint32_t m = 0; m < pack->mini_count; m++) {
        struct sl_pack_mini *mini = &pack->minis[m];
        mini->count = sl_mini_rows(count, m);
        mini->width = sl_cursor_u8(c);
        mini->high_width = sl_cursor_u8(c);
        mini->exception_count = mini->high_width == 0 ? 0 : sl_cursor_u16le(c);
        mini->minimum = before + sl_unzigzag(sl_cursor_varint(c));
        before = mini->minimum;
        if (mini->width + mini->high_width > 64 || mini->exception_count > mini->count)
            return false;
        if (mini->high_width != 0 && mini->exception_count == 0)
            return false;
    }
    for (uint32_t m = 0; m < pack->mini_count; m++) {
        struct sl_pack_mini *mini = &pack->minis[m];
        mini->body = sl_cursor_take(c, sl_bits_bytes(mini->count, mini->width));
        (void)sl_cursor_take(c, sl_bits_bytes(mini->exception_count, SL_PACK_POSITION_BITS));
        (void)sl_cursor_take(c, sl_bits_bytes(mini->exception_count, mini->high_width));
    }
    pack->end = c->end;
    return !c->bad;
}

/* The bits at `at` end within what may be read: sl_pack_open has seen to it. */
static void
read_bits(const struct sl_pack *pack, const uint8_t *at, uint32_t count, uint64_t base,
          unsigned width, uint64_t *values)
{
    sl_bits_read(at, (size_t)(pack->end - at), count, base, width, values);
}

static void
read_bits_u32(const struct sl_pack *pack, const uint8_t *at, uint32_t count, unsigned width,
              uint32_t *values)
{
    sl_bits_read_u32(at, (size_t)(pack->end - at), count, width, values);
}

bool
sl_pack_read(const struct sl_pack *pack, uint32_t mini_index, uint64_t *values)
{
    SL_DEBUG_ASSERT(mini_index < pack->mini_count);
    const struct sl_pack_mini *mini = &pack->minis[mini_index];
    read_bits(pack, mini->body, mini->count, mini->minimum, mini->width, values);
    if (mini->high_width == 0)
        return true;

    uint32_t positions[SL_MINI_ROWS];
    uint64_t highs[SL_MINI_ROWS];
    uint32_t count = mini->exception_count;
    const uint8_t *at = mini->body + sl_bits_bytes(mini->count, mini->width);
    read_bits_u32(pack, at, count, SL_PACK_POSITION_BITS, positions);
    at += sl_bits_bytes(count, SL_PACK_POSITION_BITS);
    read_bits(pack, at, count, 0, mini->high_width, highs);
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i] >= mini->count)
            return false;
        values[positions[i]] += highs[i] << mini->width;
    }
    return true;
}

bool
sl_pack_read_u32(const struct sl_pack *pack, uint32_t mini_index, uint32_t *offsets)
{
    SL_DEBUG_ASSERT(mini_index < pack->mini_count);
    const struct sl_pack_mini *mini = &pack->minis[mini_index];
    SL_DEBUG_ASSERT(sl_pack_is_narrow(mini));
    read_bits_u32(pack, mini->body, mini->count, mini->width, offsets);
    if (mini->high_width == 0)
        return true;

    uint32_t positions[SL_MINI_ROWS];
    uint32_t highs[SL_MINI_ROWS];
    uint32_t count = mini->exception_count;
    const uint8_t *at = mini->body + sl_bits_bytes(mini->count, mini->width);
    read_bits_u32(pack, at, count, SL_PACK_POSITION_BITS, positions);
    at += sl_bits_bytes(count, SL_PACK_POSITION_BITS);
    read_bits_u32(pack, at, count, mini->high_width, highs);
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i] >= mini->count)
            return false;
        offsets[positions[i]] += highs[i] << mini->width % 32;
    }
    return true;
}

/* The first of exceptions `from` and following at or behind `position`. */
static uint32_t
find_exception(const struct sl_pack *pack, const struct sl_pack_mini *mini, const uint8_t *at,
               uint32_t from, uint32_t position)
{
    uint32_t low = from;
    uint32_t high = mini->exception_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sl_bits_read_at(at, (size_t)(pack->end - at), middle, SL_PACK_POSITION_BITS) < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void
sl_pack_pick(const struct sl_pack *pack, uint32_t mini_index, const uint32_t *rows, uint32_t count,
             uint64_t *values)
{
    SL_DEBUG_ASSERT(mini_index < pack->mini_count);
    const struct sl_pack_mini *mini = &pack->minis[mini_index];
    const uint8_t *body = mini->body;
    uint32_t first = mini_index * SL_MINI_ROWS;
    for (uint32_t i = 0; i < count; i++)
        values[i] = mini->minimum +
                    sl_bits_read_at(body, (size_t)(pack->end - body), rows[i] - first, mini->width);
    if (mini->high_width == 0)
        return;

    const uint8_t *at = body + sl_bits_bytes(mini->count, mini->width);
    const uint8_t *highs = at + sl_bits_bytes(mini->exception_count, SL_PACK_POSITION_BITS);
    uint32_t next = 0;
    for (uint32_t i = 0; i < count && next < mini->exception_count; i++) {
        uint32_t position = rows[i] - first;
        next = find_exception(pack, mini, at, next, position);
        if (next < mini->exception_count &&
            sl_bits_read_at(at, (size_t)(pack->end - at), next, SL_PACK_POSITION_BITS) == position)
            values[i] += sl_bits_read_at(highs, (size_t)(pack->end - highs), next, mini->high_width)
                         << mini->width;
    }
}

bool
sl_pack_read_all(const struct sl_pack *pack, uint64_t *values)
{
    for (uint32_t m = 0; m < pack->mini_count; m++)
        if (!sl_pack_read(pack, m, &values[sl_mini_first(m)]))
            return false;
    return true;
}

static bool
read_mini(const struct sl_pack *pack, uint32_t m, struct sl_target *target)
{
    const struct sl_pack_mini *mini = &pack->minis[m];
    if (!sl_pack_is_narrow(mini))
        return sl_pack_read(pack, m, sl_target_mini(target, m)) &&
               sl_target_done(target, m, mini->count);
    return sl_pack_read_u32(pack, m, sl_target_codes(target, m)) &&
           sl_target_done_codes(target, m, mini->count, mini->minimum, sl_pack_span(mini));
}

bool
sl_scheme_pack_decode(struct sl_cursor *c, uint32_t count, uint32_t minis, struct sl_target *target)
{
    struct sl_pack pack;
    if (!sl_pack_open(&pack, c, count, 0))
        return false;
    for (uint32_t m = 0; m < pack.mini_count; m++) {
        if ((minis >> m & 1) == 0)
            continue;
        uint32_t picks = sl_target_picks(target, m);
        if (picks != 0) {
            sl_pack_pick(&pack, m, &target->rows[target->row_next], picks,
                         &target->picked[target->row_next]);
            sl_target_picked(target, picks);
            continue;
        }
        if (!read_mini(&pack, m, target))
            return false;
    }
    return true;
}
