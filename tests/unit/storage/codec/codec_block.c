/*
 * codec_block.c - see codec_block.h.
 */
#include "tests/unit/storage/codec/codec_block.h"

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

static uint64_t (*const draws[BLOCK_DRAWS])(uint64_t *seed, uint32_t row) = {
    [BLOCK_CONSTANT] = draw_constant,   [BLOCK_RANDOM] = draw_random,
    [BLOCK_PORTS] = draw_ports,         [BLOCK_COUNTERS] = draw_counters,
    [BLOCK_CLOCK] = draw_clock,         [BLOCK_RESTARTING_CLOCK] = draw_restarting_clock,
    [BLOCK_SCATTERED] = draw_scattered, [BLOCK_SORTED_FEW] = draw_sorted_few,
    [BLOCK_PERIODIC] = draw_periodic,
};

void
block_fill(struct block *b, enum block_draw draw, uint32_t count, uint64_t *seed)
{
    for (uint32_t i = 0; i < count; i++)
        b->values[i] = draws[draw](seed, i);
}

uint8_t *
block_encode(const uint64_t *values, uint32_t count, enum sl_effort effort,
             enum sl_codec *out_codec, size_t *out_bytes)
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

enum sl_codec
block_round_trip(struct block *b, uint32_t count, enum sl_effort effort, size_t *out_bytes)
{
    struct sl_error err = {0};
    enum sl_codec codec;
    uint8_t *bytes = block_encode(b->values, count, effort, &codec, out_bytes);
    memset(b->decoded, 0xa5, sizeof(b->decoded));
    TEST_OK(sl_codec_decode(codec, bytes, *out_bytes, count, BLOCK_ALL_MINIS, b->decoded, &err),
            &err);
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
    sl_status st =
        sl_codec_decode_u32(codec, bytes, *out_bytes, count, BLOCK_ALL_MINIS, b->narrow, &err);
    assert_int_equal(st, all <= UINT32_MAX ? SL_OK : SL_CORRUPT);
    for (uint32_t i = 0; i < count && st == SL_OK; i++)
        assert_int_equal(b->narrow[i], b->values[i]);
    pick(b, count, codec, bytes, *out_bytes);
    free(bytes);
    return codec;
}
