/*
 * choose.c - see choose.h.
 *
 * PACK and DELTA are estimated by mini with the very formula the encoder minimises, from the
 * sample's histogram of widths. RUN follows from the share of neighbours that differ. DICT needs
 * the number of distinct values, which a sample cannot know; Chao's estimator (from the values
 * seen once and twice) errs on the low side, so that at worst the dictionary is tried in vain.
 */
#include "storage/codec/choose.h"
#include "storage/base/hash.h"
#include "storage/codec/bits.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

enum {
    SAMPLE_RUN = 64,    /* neighbours */
    SAMPLE_RUNS = 64,   /* over the whole block */
    SEEN_SLOTS = 16384, /* of the table of distinct values: four for each value of the sample */
};

struct tally {
    uint64_t pack_bits;
    uint64_t delta_bits[2]; /* offset, zigzag */
    uint64_t pairs;         /* neighbours looked at */
    uint64_t changes;       /* of these, different ones */
    uint32_t sampled;
    uint32_t distinct;
    uint32_t seen_once;
    uint32_t seen_twice;
};

struct seen {
    uint64_t value[SEEN_SLOTS];
    uint8_t times[SEEN_SLOTS]; /* 0 free, 1, 2, 3 or more */
};

_Static_assert(sizeof(((struct sl_scratch *)0)->second) >= sizeof(struct seen),
               "the table of distinct values borrows an array of the scratch");

static void
count_distinct(struct seen *seen, const uint64_t *values, uint32_t count, struct tally *t)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t slot = sl_hash_u64(values[i]) % SEEN_SLOTS;
        while (seen->times[slot] != 0 && seen->value[slot] != values[i])
            slot = (slot + 1) % SEEN_SLOTS;
        switch (seen->times[slot]) {
        case 0:
            seen->value[slot] = values[i];
            t->distinct++;
            t->seen_once++;
            break;
        case 1:
            t->seen_once--;
            t->seen_twice++;
            break;
        case 2:
            t->seen_twice--;
            break;
        default:
            continue;
        }
        seen->times[slot]++;
    }
}

/* Bits that PACK takes for a mini of `rows` values of which these `count` are a sample. */
static uint64_t
packed_bits(const uint64_t *sample, uint32_t count, uint64_t minimum, uint32_t rows)
{
    uint32_t counts[65] = {0};
    uint64_t bits;
    sl_bits_histogram(sample, count, minimum, counts);
    (void)sl_pack_best_width(counts, count, &bits);
    return bits * rows / count + 64;
}

static uint64_t
minimum_of(const uint64_t *values, uint32_t count)
{
    uint64_t min;
    uint64_t max;
    sl_bits_range(values, count, &min, &max);
    return min;
}

/* Look at one mini: `runs` pieces of SAMPLE_RUN neighbours, or all of it where it is short. */
static void
sample_mini(const uint64_t *values, uint32_t rows, uint32_t runs, struct seen *seen,
            struct tally *t)
{
    uint64_t sample[SL_MINI_ROWS];
    uint64_t offset[SL_MINI_ROWS];
    uint64_t zigzag[SL_MINI_ROWS];
    uint32_t count = 0;
    uint32_t pairs = 0;

    bool is_whole = rows <= runs * SAMPLE_RUN;
    uint32_t step = is_whole ? rows : rows / runs;
    uint32_t piece = is_whole ? rows : SAMPLE_RUN;
    for (uint32_t start = 0; start + piece <= rows; start += step) {
        for (uint32_t i = start; i < start + piece; i++)
            sample[count++] = values[i];
        for (uint32_t i = start + 1; i < start + piece; i++) {
            uint64_t difference = values[i] - values[i - 1];
            t->changes += difference != 0;
            offset[pairs] = difference ^ SL_PACK_SIGNED_ORIGIN;
            zigzag[pairs] = sl_zigzag(difference);
            pairs++;
        }
    }
    SL_ASSERT(count > 0);
    t->sampled += count;
    t->pairs += pairs;
    t->pack_bits += packed_bits(sample, count, minimum_of(sample, count), rows);
    if (pairs != 0) {
        t->delta_bits[0] += packed_bits(offset, pairs, minimum_of(offset, pairs), rows) + 64;
        t->delta_bits[1] += packed_bits(zigzag, pairs, minimum_of(zigzag, pairs), rows) + 64;
    }
    count_distinct(seen, sample, count, t);
}

static uint64_t
run_bits(const struct tally *t, uint32_t count)
{
    uint64_t runs = t->pairs == 0 ? 1 : count * t->changes / t->pairs + sl_mini_count(count);
    if (runs > count)
        runs = count;
    SL_ASSERT(count > 0 && runs > 0);
    /* A run's value takes what PACK takes for one, its length a bit more than the mean's. */
    return runs * (t->pack_bits / count + 2 + sl_bits_width(count / runs)) + 256;
}

static uint64_t
dict_bits(const struct tally *t, uint32_t count, uint64_t span)
{
    uint64_t twice = t->seen_twice == 0 ? 1 : t->seen_twice;
    uint64_t distinct = t->distinct;
    SL_ASSERT(distinct > 0);
    if (t->sampled < count)
        distinct += (uint64_t)t->seen_once * t->seen_once / (2 * twice);
    if (distinct > UINT64_C(2) * SL_DICT_ENTRIES_MAX)
        return UINT64_MAX;
    if (distinct > SL_DICT_ENTRIES_MAX)
        distinct = SL_DICT_ENTRIES_MAX; /* may be: to try costs little */
    uint64_t entry_bits = sl_bits_width(span / distinct) + 2;
    return distinct * entry_bits + (uint64_t)count * sl_bits_width(distinct - 1) + 512;
}

struct sl_choice
sl_codec_choose(const uint64_t *values, uint32_t count)
{
    SL_ASSERT(count >= 1 && count <= SL_BLOCK_ROWS);
    struct tally tally = {0};
    struct seen *seen = (struct seen *)(void *)sl_scratch_get()->second;
    uint32_t mini_count = sl_mini_count(count);
    uint32_t runs = mini_count >= SAMPLE_RUNS ? 1 : SAMPLE_RUNS / mini_count;
    uint64_t span = 0;

    memset(seen->times, 0, sizeof(seen->times));
    for (uint32_t m = 0; m < mini_count; m++)
        sample_mini(&values[sl_mini_first(m)], sl_mini_rows(count, m), runs, seen, &tally);
    for (uint32_t i = 0; i < count; i += SAMPLE_RUN)
        span |= values[i];

    uint64_t delta =
        tally.delta_bits[0] < tally.delta_bits[1] ? tally.delta_bits[0] : tally.delta_bits[1];
    struct sl_choice choice = {
        .codec = {SL_CODEC_PACK, SL_CODEC_DELTA, SL_CODEC_RUN, SL_CODEC_DICT},
        .bytes = {tally.pack_bits, tally.pairs == 0 ? UINT64_MAX : delta + 128,
                  run_bits(&tally, count), dict_bits(&tally, count, span)},
    };
    for (size_t i = 0; i < 4; i++)
        choice.bytes[i] = choice.bytes[i] == UINT64_MAX ? UINT64_MAX : choice.bytes[i] / 8 + 1;
    for (size_t i = 1; i < 4; i++) {
        for (size_t k = i; k > 0 && choice.bytes[k] < choice.bytes[k - 1]; k--) {
            uint64_t bytes = choice.bytes[k];
            enum sl_codec codec = choice.codec[k];
            choice.bytes[k] = choice.bytes[k - 1];
            choice.codec[k] = choice.codec[k - 1];
            choice.bytes[k - 1] = bytes;
            choice.codec[k - 1] = codec;
        }
    }
    return choice;
}

uint64_t
sl_codec_reading(enum sl_codec codec, uint32_t count)
{
    static const uint8_t each[SL_CODEC_COUNT] = {
        [SL_CODEC_CONSTANT] = 1, [SL_CODEC_PACK] = 4, [SL_CODEC_DELTA] = 8,
        [SL_CODEC_RUN] = 16,     [SL_CODEC_DICT] = 7,
    };
    return (uint64_t)each[codec] * count;
}

static uint64_t
greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

uint64_t
sl_codec_divisor(const uint64_t *values, uint32_t count, uint64_t base)
{
    /* Once a candidate holds, dividing again and again confirms it; most columns are through
     * after a handful of values, when it has become 1. */
    uint64_t divisor = 0;
    struct sl_exact exact = sl_exact_of(1);
    for (uint32_t i = 0; i < count && divisor != 1; i++) {
        if (divisor != 0 && sl_exact_is_multiple(exact, values[i] - base))
            continue;
        divisor = greatest_common_divisor(values[i] - base, divisor);
        exact = sl_exact_of(divisor == 0 ? 1 : divisor);
    }
    return divisor;
}
