/*
 * codec_test.c - what goes into a codec comes out, whatever it was; what did not come from one
 * is refused.
 *
 * Method: round trips over distributions that flows have, at counts around every boundary and
 * with every width; each scheme must win one distribution made for it. Hostile bytes are encoded
 * blocks with bytes changed or cut off: they may decode to anything or be refused, and the
 * sanitizers watch. Buffers have their exact size.
 */
#include "storage/base/addr.h"
#include "storage/base/arena.h"
#include "storage/codec/bits.h"
#include "storage/codec/codec.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

#include <stdio.h>

#include "tests/support/test.h"

#define ALL_MINIS UINT32_MAX

static const uint32_t counts[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 8191, 40000, 65536};

struct block {
    uint64_t values[SL_BLOCK_ROWS];
    uint64_t decoded[SL_BLOCK_ROWS];
    uint32_t narrow[SL_BLOCK_ROWS];
};

typedef uint64_t draw_fn(uint64_t *seed, uint32_t row);

static uint64_t
draw_constant(uint64_t *seed, uint32_t row)
{
    (void)seed;
    (void)row;
    return UINT64_C(0x8000000000000001);
}

static uint64_t
draw_random(uint64_t *seed, uint32_t row)
{
    (void)row;
    return test_random(seed);
}

/* Ports: 16 bits without order. */
static uint64_t
draw_ports(uint64_t *seed, uint32_t row)
{
    (void)row;
    return 1024 + test_random_below(seed, 64512);
}

/* Packets of a flow: mostly few, now and then a great many. */
static uint64_t
draw_counters(uint64_t *seed, uint32_t row)
{
    (void)row;
    return test_random_below(seed, 50) == 0 ? test_random(seed) >> 20 : test_random_below(seed, 12);
}

/* A clock in microseconds that grows by some. */
static uint64_t
draw_clock(uint64_t *seed, uint32_t row)
{
    return UINT64_C(0x8005f00000000000) + row * UINT64_C(1000) + test_random_below(seed, 900);
}

/* Milliseconds kept as microseconds, starting over now and then. */
static uint64_t
draw_restarting_clock(uint64_t *seed, uint32_t row)
{
    return UINT64_C(0x8005f00000000000) +
           1000 * (row % 300 * UINT64_C(2000) + test_random_below(seed, 50));
}

static uint64_t
draw_sorted_few(uint64_t *seed, uint32_t row)
{
    (void)seed;
    return row / 1500 * 7919 + 6;
}

/* Few values that lie far apart and in no order. */
static uint64_t
draw_scattered(uint64_t *seed, uint32_t row)
{
    (void)row;
    return test_random_below(seed, 37) * UINT64_C(0x9e3779b97f4a7c15);
}

/* A period that bits hide and bytes show. */
static uint64_t
draw_periodic(uint64_t *seed, uint32_t row)
{
    (void)seed;
    return (uint64_t)(row % 5000) * UINT64_C(2862933555777941757);
}

static draw_fn *const draws[] = {draw_constant,  draw_random,     draw_ports,
                                 draw_counters,  draw_clock,      draw_restarting_clock,
                                 draw_scattered, draw_sorted_few, draw_periodic};

static void
fill(struct block *b, draw_fn *draw, uint32_t count, uint64_t *seed)
{
    for (uint32_t i = 0; i < count; i++)
        b->values[i] = draw(seed, i);
}

/* Encode into memory of the exact size. */
static uint8_t *
encode(const uint64_t *values, uint32_t count, enum sl_effort effort, enum sl_codec *out_codec,
       size_t *out_bytes)
{
    struct sl_buf buf = sl_buf_empty(SIZE_MAX);
    *out_codec = sl_codec_encode(values, count, effort, &buf);
    assert_false(buf.bad);
    uint8_t *exact = malloc(buf.size_bytes);
    assert_non_null(exact);
    memcpy(exact, buf.bytes, buf.size_bytes);
    *out_bytes = buf.size_bytes;
    sl_buf_fini(&buf);
    return exact;
}

/* Single rows, from one in a block to every second. */
static void
pick(const struct block *b, uint32_t count, enum sl_codec codec, const uint8_t *bytes,
     size_t size_bytes)
{
    static const uint32_t strides[] = {2, 5, 97, 3000, 50000};
    struct sl_error err = {0};
    uint32_t *rows = sl_new(SL_BLOCK_ROWS * sizeof(*rows));
    uint64_t *values = sl_new(SL_BLOCK_ROWS * sizeof(*values));
    for (size_t s = 0; s < SL_COUNTOF(strides); s++) {
        uint32_t picked = 0;
        for (uint32_t row = count / 3 % strides[s]; row < count; row += strides[s])
            rows[picked++] = row;
        TEST_OK(sl_codec_decode_rows(codec, bytes, size_bytes, count, rows, picked, values, &err),
                &err);
        for (uint32_t i = 0; i < picked; i++)
            assert_true(values[i] == b->values[rows[i]]);
    }
    free(rows);
    free(values);
}

static enum sl_codec
round_trip(struct block *b, uint32_t count, enum sl_effort effort, size_t *out_bytes)
{
    struct sl_error err = {0};
    enum sl_codec codec;
    uint8_t *bytes = encode(b->values, count, effort, &codec, out_bytes);
    memset(b->decoded, 0xa5, sizeof(b->decoded));
    TEST_OK(sl_codec_decode(codec, bytes, *out_bytes, count, ALL_MINIS, b->decoded, &err), &err);
    assert_memory_equal(b->values, b->decoded, count * sizeof(uint64_t));

    /* One mini alone, and nothing else is touched. */
    uint32_t mini = (count - 1) / SL_MINI_ROWS;
    uint32_t first = mini * SL_MINI_ROWS;
    memset(b->decoded, 0xa5, sizeof(b->decoded));
    TEST_OK(sl_codec_decode(codec, bytes, *out_bytes, count, UINT32_C(1) << mini, b->decoded, &err),
            &err);
    assert_memory_equal(&b->values[first], &b->decoded[first], (count - first) * sizeof(uint64_t));
    for (uint32_t i = 0; i < first; i++)
        assert_true(b->decoded[i] == UINT64_C(0xa5a5a5a5a5a5a5a5));

    /* 32 bits: the same where they suffice, else a refusal. */
    uint64_t all = 0;
    for (uint32_t i = 0; i < count; i++)
        all |= b->values[i];
    sl_status st = sl_codec_decode_u32(codec, bytes, *out_bytes, count, ALL_MINIS, b->narrow, &err);
    assert_int_equal(st, all <= UINT32_MAX ? SL_OK : SL_CORRUPT);
    for (uint32_t i = 0; i < count && st == SL_OK; i++)
        assert_int_equal(b->narrow[i], b->values[i]);
    pick(b, count, codec, bytes, *out_bytes);
    free(bytes);
    return codec;
}

static void
every_distribution_comes_back(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (size_t d = 0; d < SL_COUNTOF(draws); d++)
        for (size_t c = 0; c < SL_COUNTOF(counts); c++) {
            size_t bytes;
            fill(b, draws[d], counts[c], &seed);
            (void)round_trip(b, counts[c], SL_EFFORT_SEAL, &bytes);
            assert_true(bytes <= counts[c] * sizeof(uint64_t) + 256);
            (void)round_trip(b, counts[c], SL_EFFORT_MERGE, &bytes);
        }
    free(b);
}

static void
every_width_comes_back(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned width = 0; width <= 64; width++) {
        uint64_t base = width < 63 ? test_random(&seed) >> 1 : 0;
        size_t bytes;
        for (uint32_t i = 0; i < 5000; i++)
            b->values[i] = base + (test_random(&seed) & sl_bits_mask(width));
        (void)round_trip(b, 5000, SL_EFFORT_SEAL, &bytes);
        assert_true(bytes <= 5000 * width / 8 + 128);
    }
    free(b);
}

static void
both_ends_of_the_range_come_back(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    size_t bytes;
    (void)state;
    for (uint32_t i = 0; i < 9000; i++)
        b->values[i] = i % 3 == 0 ? UINT64_MAX : i % 3 == 1 ? 0 : i;
    (void)round_trip(b, 9000, SL_EFFORT_SEAL, &bytes);
    for (uint32_t i = 0; i < 9000; i++)
        b->values[i] = i < 4500 ? 0 : UINT64_MAX;
    (void)round_trip(b, 9000, SL_EFFORT_SEAL, &bytes);
    free(b);
}

static void
each_codec_wins_what_it_is_for(void **state)
{
    static const struct {
        draw_fn *draw;
        enum sl_effort effort;
        enum sl_codec codec;
    } wins[] = {
        {draw_constant, SL_EFFORT_SEAL, SL_CODEC_CONSTANT},
        {draw_ports, SL_EFFORT_SEAL, SL_CODEC_PACK},
        {draw_counters, SL_EFFORT_SEAL, SL_CODEC_PACK},
        {draw_clock, SL_EFFORT_SEAL, SL_CODEC_DELTA},
        {draw_restarting_clock, SL_EFFORT_SEAL, SL_CODEC_DELTA},
        {draw_sorted_few, SL_EFFORT_SEAL, SL_CODEC_RUN},
        {draw_scattered, SL_EFFORT_SEAL, SL_CODEC_DICT},
        {draw_periodic, SL_EFFORT_MERGE, SL_CODEC_ZSTD},
    };
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(wins); i++) {
        size_t bytes;
        fill(b, wins[i].draw, SL_BLOCK_ROWS, &seed);
        enum sl_codec codec = round_trip(b, SL_BLOCK_ROWS, wins[i].effort, &bytes);
        printf("distribution %zu: %s, %.3f bits a value\n", i, sl_codec_name(codec),
               (double)bytes * 8 / SL_BLOCK_ROWS);
        assert_string_equal(sl_codec_name(codec), sl_codec_name(wins[i].codec));
    }
    free(b);
}

/* Bytes of the best light scheme, by trying all. */
static size_t
best_of_all(const uint64_t *values, uint32_t count)
{
    size_t best = SIZE_MAX;
    for (unsigned scheme = 0; scheme < 4; scheme++) {
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        bool is_done = true;
        if (scheme == 0)
            sl_pack_encode(values, count, 0, &buf);
        if (scheme == 1)
            sl_scheme_delta_encode(values, count, &buf);
        if (scheme == 2)
            sl_scheme_run_encode(values, count, &buf);
        if (scheme == 3)
            is_done = sl_scheme_dict_encode(values, count, &buf);
        if (is_done && buf.size_bytes < best)
            best = buf.size_bytes;
        sl_buf_fini(&buf);
    }
    return best;
}

/* Runs and noise, many or few values, drifting or not: what the sample must tell apart. */
static void
fill_mixture(struct block *b, uint32_t count, uint64_t *seed)
{
    uint64_t spread = 1 + (test_random(seed) >> test_random_below(seed, 60));
    uint64_t distinct = 2 + test_random_below(seed, test_random(seed) & 1 ? 50 : 5000);
    uint64_t repeat = 1 + test_random_below(seed, test_random(seed) & 1 ? 3 : 40);
    uint64_t drift = test_random(seed) & 1 ? 0 : test_random_below(seed, 2000);
    uint64_t value = 0;
    /* Short blocks do not drift: all their values would be distinct and yet in clusters, where a
     * dictionary wins by sorting. The chooser expects no clusters; nothing in flows makes them. */
    if (count <= 9000)
        drift = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (test_random_below(seed, repeat) == 0)
            value = test_random_below(seed, distinct) * spread;
        b->values[i] = value + drift * i;
    }
}

static void
the_choice_is_near_the_best(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    size_t total = 0;
    size_t best_total = 0;
    (void)state;
    for (unsigned round = 0; round < 120; round++) {
        uint32_t count = round % 4 == 0 ? 1 + (uint32_t)test_random_below(&seed, 9000) : 30000;
        enum sl_codec codec;
        size_t bytes;
        fill_mixture(b, count, &seed);
        free(encode(b->values, count, SL_EFFORT_SEAL, &codec, &bytes));
        total += bytes;
        best_total += best_of_all(b->values, count);
    }
    /* A sample may err on a block, not on all of them. */
    printf("chosen: %zu bytes, the best: %zu\n", total, best_total);
    assert_true(total <= best_total + best_total / 20);
    free(b);
}

static void
a_common_divisor_is_taken_out(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    size_t bytes;
    (void)state;
    for (uint32_t i = 0; i < SL_BLOCK_ROWS; i++)
        b->values[i] = 77 + 1000000 * test_random_below(&seed, 300);
    (void)round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_SEAL, &bytes);
    assert_true(bytes <= SL_BLOCK_ROWS * 9 / 8 + 512);
    free(b);
}

/* A few large values must not widen the others. */
static void
exceptions_are_patched(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    size_t bytes;
    (void)state;
    for (uint32_t i = 0; i < SL_BLOCK_ROWS; i++)
        b->values[i] = i % 1000 == 5 ? test_random(&seed) : test_random_below(&seed, 16);
    (void)round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_SEAL, &bytes);
    assert_true(bytes < SL_BLOCK_ROWS * 46 / 80);
    free(b);
}

static void
wide_reading_agrees_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned width = 0; width <= 64; width++)
        for (size_t count = 0; count <= 70; count++) {
            uint64_t values[70];
            uint64_t expected[70];
            uint64_t actual[70];
            uint64_t base = test_random(&seed);
            size_t slack = test_random_below(&seed, 40);
            size_t bytes = sl_bits_bytes(count, width);
            uint8_t *packed = malloc(bytes + slack + 1);
            assert_non_null(packed);
            memset(packed, 0xff, bytes + slack + 1);
            for (size_t i = 0; i < count; i++)
                values[i] = base + (test_random(&seed) & sl_bits_mask(width));
            sl_bits_write(values, count, base, width, packed);
            sl_bits_read_scalar(packed, bytes, count, base, width, expected);
            sl_bits_read(packed, bytes + slack, count, base, width, actual);
            assert_memory_equal(values, expected, count * sizeof(uint64_t));
            assert_memory_equal(values, actual, count * sizeof(uint64_t));
            free(packed);
        }
}

static void
reading_into_32_bits_agrees_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned width = 0; width <= 32; width++)
        for (size_t count = 0; count <= 70; count++) {
            uint64_t expected[70];
            uint32_t actual[70];
            size_t slack = test_random_below(&seed, 40);
            size_t bytes = sl_bits_bytes(count, width);
            uint8_t *packed = malloc(bytes + slack + 1);
            assert_non_null(packed);
            for (size_t i = 0; i < bytes + slack + 1; i++)
                packed[i] = (uint8_t)test_random(&seed);
            sl_bits_read_scalar(packed, bytes, count, 0, width, expected);
            sl_bits_read_u32(packed, bytes + slack, count, width, actual);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(actual[i], expected[i]);
            free(packed);
        }
}

static void
codes_are_scaled_modulo_their_width(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (size_t count = 0; count <= 70; count++)
        for (unsigned shift = 0; shift < 64; shift += 9) {
            uint32_t codes[70];
            uint64_t values[70];
            uint64_t base = test_random(&seed);
            uint64_t step = test_random(&seed) >> shift;
            for (size_t i = 0; i < count; i++)
                codes[i] = (uint32_t)test_random(&seed);
            sl_bits_scale(codes, count, base, step, values);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(values[i], base + step * codes[i]);
            sl_bits_scale_u32(codes, count, (uint32_t)base, (uint32_t)step);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(codes[i], (uint32_t)values[i]);
        }
}

static void
planes_are_joined_lowest_first(void **state)
{
    enum { STRIDE = 70 };
    uint64_t seed = test_seed();
    (void)state;
    for (size_t planes = 1; planes <= 4; planes++)
        for (size_t count = 0; count <= STRIDE; count++) {
            uint32_t values[STRIDE];
            size_t bytes = count == 0 ? 1 : (planes - 1) * STRIDE + count;
            uint8_t *raw = malloc(bytes);
            assert_non_null(raw);
            for (size_t i = 0; i < bytes; i++)
                raw[i] = (uint8_t)test_random(&seed);
            sl_bits_join(raw, STRIDE, (unsigned)planes, count, values);
            for (size_t i = 0; i < count; i++)
                for (size_t plane = 0; plane < 4; plane++) {
                    uint8_t byte = plane < planes ? raw[plane * STRIDE + i] : 0;
                    assert_int_equal(values[i] >> (8 * plane) & 0xff, byte);
                }
            free(raw);
        }
}

/* Of 200 values that come as often, zstd would save 5 %: less than it costs to read. Of three bytes with
 * 18 values each, too many together for a dictionary, it saves nearly half. */
static void
zstd_is_taken_where_it_saves_more_than_reading_it_costs(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    size_t bytes;
    (void)state;
    for (uint32_t i = 0; i < SL_BLOCK_ROWS; i++)
        b->values[i] = test_random_below(&seed, 200);
    assert_int_equal(round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_MERGE, &bytes), SL_CODEC_PACK);
    for (uint32_t i = 0; i < SL_BLOCK_ROWS; i++) {
        b->values[i] = 0;
        for (unsigned byte = 0; byte < 3; byte++)
            b->values[i] = b->values[i] << 8 | test_random_below(&seed, 18) * 13;
    }
    assert_int_equal(round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_MERGE, &bytes), SL_CODEC_ZSTD);
    assert_true(bytes < SL_BLOCK_ROWS * 17 / 10);
    free(b);
}

static void
the_wide_range_agrees_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (size_t count = 1; count <= 200; count++)
        for (unsigned width = 1; width <= 64; width++) {
            uint64_t values[200];
            uint64_t expected[2];
            uint64_t actual[2];
            uint64_t base = test_random(&seed);
            for (size_t i = 0; i < count; i++)
                values[i] = base + (test_random(&seed) & sl_bits_mask(width));
            sl_bits_range_scalar(values, count, &expected[0], &expected[1]);
            sl_bits_range(values, count, &actual[0], &actual[1]);
            assert_memory_equal(expected, actual, sizeof(expected));
        }
}

static void
exact_division_agrees_with_division(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        uint64_t divisor = test_random(&seed) >> test_random_below(&seed, 64);
        divisor = divisor << test_random_below(&seed, 20);
        if (divisor == 0)
            continue;
        uint64_t value = test_random(&seed) >> test_random_below(&seed, 64);
        const struct sl_exact exact = sl_exact_of(divisor);
        assert_int_equal(sl_exact_is_multiple(exact, value), value % divisor == 0);
        value -= value % divisor;
        assert_true(sl_exact_is_multiple(exact, value));
        assert_int_equal(sl_exact_quotient(exact, value), value / divisor);
    }
}

static void
hostile_bytes_are_refused_or_harmless(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        draw_fn *draw = draws[test_random_below(&seed, SL_COUNTOF(draws))];
        uint32_t count = 1 + (uint32_t)test_random_below(&seed, round % 50 == 0 ? 9000 : 200);
        enum sl_codec codec;
        size_t bytes;
        fill(b, draw, count, &seed);
        uint8_t *good =
            encode(b->values, count, round % 2 ? SL_EFFORT_MERGE : SL_EFFORT_SEAL, &codec, &bytes);
        for (unsigned change = 0; change < 1 + round % 4; change++)
            good[test_random_below(&seed, bytes)] ^= (uint8_t)(1 + test_random_below(&seed, 255));
        size_t kept = round % 3 == 0 ? (size_t)test_random_below(&seed, bytes + 1) : bytes;
        uint8_t *exact = malloc(kept + 1);
        assert_non_null(exact);
        memcpy(exact, good, kept);
        exact = realloc(exact, kept == 0 ? 1 : kept);
        sl_status st = sl_codec_decode(codec, exact, kept, count, (uint32_t)test_random(&seed),
                                       b->decoded, NULL);
        assert_true(st == SL_OK || st == SL_CORRUPT);
        const uint32_t rows[] = {count / 2, count - 1};
        uint32_t from = count == 1; /* else the two are one */
        st = sl_codec_decode_rows(codec, exact, kept, count, &rows[from], 2 - from, b->decoded,
                                  NULL);
        assert_true(st == SL_OK || st == SL_CORRUPT);
        assert_int_equal(
            sl_codec_decode((enum sl_codec)17, exact, kept, count, ALL_MINIS, b->decoded, NULL),
            SL_CORRUPT);
        free(exact);
        free(good);
    }
    free(b);
}

static void
a_byte_too_many_is_refused(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (size_t d = 0; d < SL_COUNTOF(draws); d++) {
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        fill(b, draws[d], 5000, &seed);
        enum sl_codec codec = sl_codec_encode(b->values, 5000, SL_EFFORT_MERGE, &buf);
        sl_buf_u8(&buf, 0);
        assert_int_equal(
            sl_codec_decode(codec, buf.bytes, buf.size_bytes, 5000, ALL_MINIS, b->decoded, NULL),
            SL_CORRUPT);
        sl_buf_fini(&buf);
    }
    free(b);
}

static void
a_full_buffer_turns_bad(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (size_t d = 0; d < SL_COUNTOF(draws); d++)
        for (size_t limit = 0; limit < 400; limit += 7) {
            struct sl_buf buf = sl_buf_empty(limit);
            fill(b, draws[d], 5000, &seed);
            (void)sl_codec_encode(b->values, 5000, SL_EFFORT_MERGE, &buf);
            assert_true(buf.bad || buf.size_bytes <= limit);
            sl_buf_fini(&buf);
        }
    free(b);
}

static void
byte_strings_come_back(void **state)
{
    static const uint32_t entries[] = {0, 1, 2, 4096, 4097, 65536, 65537, 70000};
    uint64_t seed = test_seed();
    (void)state;
    for (size_t e = 0; e < SL_COUNTOF(entries); e++)
        for (unsigned kind = 0; kind < 2; kind++) {
            uint32_t count = entries[e];
            uint8_t *bytes = sl_new((size_t)count * 16 + 1);
            uint32_t *offsets = sl_new(((size_t)count + 1) * sizeof(*offsets));
            for (uint32_t i = 0; i < count; i++) {
                uint32_t size = (uint32_t)test_random_below(&seed, 16);
                for (uint32_t k = 0; k < size; k++)
                    bytes[offsets[i] + k] = (uint8_t)(kind == 0 ? test_random(&seed) : 'a' + k % 4);
                offsets[i + 1] = offsets[i] + size;
            }
            struct sl_buf buf = sl_buf_empty(SIZE_MAX);
            struct sl_error err = {0};
            struct sl_arena *arena = sl_arena_create(1 << 26);
            uint8_t *got_bytes;
            uint32_t *got_offsets;
            sl_codec_encode_bytes(bytes, offsets, count, SL_EFFORT_SEAL, &buf);
            TEST_OK(sl_codec_decode_bytes(buf.bytes, buf.size_bytes, count, offsets[count], arena,
                                          &got_bytes, &got_offsets, &err),
                    &err);
            assert_memory_equal(offsets, got_offsets, ((size_t)count + 1) * sizeof(*offsets));
            assert_memory_equal(bytes, got_bytes, offsets[count]);
            if (offsets[count] > 0)
                assert_int_equal(sl_codec_decode_bytes(buf.bytes, buf.size_bytes, count,
                                                       offsets[count] - 1, arena, &got_bytes,
                                                       &got_offsets, NULL),
                                 SL_CORRUPT);
            sl_arena_destroy(arena);
            sl_buf_fini(&buf);
            free(offsets);
            free(bytes);
        }
}

static int
compare_keys(const void *left, const void *right)
{
    return sl_addr_compare(*(const struct sl_addr *)left, *(const struct sl_addr *)right);
}

static void
keys_come_back(void **state)
{
    enum { COUNT = 150000 };
    struct sl_addr *keys = sl_new(COUNT * sizeof(*keys));
    struct sl_addr *decoded = sl_new(COUNT * sizeof(*keys));
    uint32_t *short_keys = sl_new(COUNT * sizeof(*short_keys));
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        uint32_t drawn = round < 4 ? round : 1 + (uint32_t)test_random_below(&seed, COUNT);
        for (uint32_t i = 0; i < drawn; i++) {
            keys[i] = (struct sl_addr){.low = test_random(&seed) >> 32};
            if (round % 3 == 1 && i % 4 == 0)
                keys[i] = (struct sl_addr){.low = test_random(&seed),
                                           .high = UINT64_C(0x20010db8) << 32 |
                                                   test_random_below(&seed, 500)};
            if (round % 3 == 2 && i % 7 == 0)
                keys[i].high = UINT64_MAX - test_random_below(&seed, 2);
        }
        qsort(keys, drawn, sizeof(*keys), compare_keys);
        uint32_t count = 0;
        for (uint32_t i = 0; i < drawn; i++)
            if (count == 0 || !sl_addr_equal(keys[i], keys[count - 1]))
                keys[count++] = keys[i];
        if (count > 0 && round % 2 == 0)
            keys[count - 1] = (struct sl_addr){.low = UINT64_MAX, .high = UINT64_MAX};
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        struct sl_error err = {0};
        sl_codec_encode_keys(keys, count, count % 2 == 0 ? SL_EFFORT_SEAL : SL_EFFORT_MERGE, &buf);
        TEST_OK(sl_codec_decode_keys(buf.bytes, buf.size_bytes, count, decoded, &err), &err);
        assert_memory_equal(keys, decoded, count * sizeof(*keys));
        bool are_short = count == 0 || sl_addr_is_v4(keys[count - 1]);
        assert_int_equal(sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes, count, short_keys),
                         are_short);
        for (uint32_t i = 0; are_short && i < count; i++)
            assert_int_equal(short_keys[i], keys[i].low);
        assert_false(sl_codec_decode_keys_u32(buf.bytes, buf.size_bytes - 1, count, short_keys));
        assert_int_equal(sl_codec_decode_keys(buf.bytes, buf.size_bytes - 1, count, decoded, NULL),
                         SL_CORRUPT);
        if (count > 0)
            printf("%u keys: %.2f bytes a key\n", count, (double)buf.size_bytes / count);
        sl_buf_fini(&buf);
    }
    free(short_keys);
    free(decoded);
    free(keys);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_reading_agrees_with_the_definition),
        cmocka_unit_test(reading_into_32_bits_agrees_with_the_definition),
        cmocka_unit_test(codes_are_scaled_modulo_their_width),
        cmocka_unit_test(planes_are_joined_lowest_first),
        cmocka_unit_test(zstd_is_taken_where_it_saves_more_than_reading_it_costs),
        cmocka_unit_test(the_wide_range_agrees_with_the_definition),
        cmocka_unit_test(exact_division_agrees_with_division),
        cmocka_unit_test(every_distribution_comes_back),
        cmocka_unit_test(every_width_comes_back),
        cmocka_unit_test(both_ends_of_the_range_come_back),
        cmocka_unit_test(each_codec_wins_what_it_is_for),
        cmocka_unit_test(the_choice_is_near_the_best),
        cmocka_unit_test(a_common_divisor_is_taken_out),
        cmocka_unit_test(exceptions_are_patched),
        cmocka_unit_test(hostile_bytes_are_refused_or_harmless),
        cmocka_unit_test(a_byte_too_many_is_refused),
        cmocka_unit_test(a_full_buffer_turns_bad),
        cmocka_unit_test(byte_strings_come_back),
        cmocka_unit_test(keys_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
