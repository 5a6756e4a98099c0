/*
 * codec_test.c - what goes into a codec comes out, whatever it was; what did not come from one
 * is refused.
 *
 * Method: round trips over distributions that flows have, at counts around every boundary and
 * with every width. Hostile bytes are encoded blocks with bytes changed or cut off: they may decode
 * to anything or be refused, and the sanitizers watch. Buffers have their exact size.
 */
#include "storage/codec/bits.h"
#include "tests/unit/storage/codec/codec_block.h"

static const uint32_t counts[] = {1, 2, 63, 64, 65, 4095, 4096, 4097, 8191, 40000, 65536};

static void
every_distribution_comes_back(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (enum block_draw d = 0; d < BLOCK_DRAWS; d++)
        for (size_t c = 0; c < SL_COUNTOF(counts); c++) {
            size_t bytes;
            block_fill(b, d, counts[c], &seed);
            (void)block_round_trip(b, counts[c], SL_EFFORT_SEAL, &bytes);
            assert_true(bytes <= counts[c] * sizeof(uint64_t) + 256);
            (void)block_round_trip(b, counts[c], SL_EFFORT_MERGE, &bytes);
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
        (void)block_round_trip(b, 5000, SL_EFFORT_SEAL, &bytes);
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
    (void)block_round_trip(b, 9000, SL_EFFORT_SEAL, &bytes);
    for (uint32_t i = 0; i < 9000; i++)
        b->values[i] = i < 4500 ? 0 : UINT64_MAX;
    (void)block_round_trip(b, 9000, SL_EFFORT_SEAL, &bytes);
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
    (void)block_round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_SEAL, &bytes);
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
    (void)block_round_trip(b, SL_BLOCK_ROWS, SL_EFFORT_SEAL, &bytes);
    assert_true(bytes < SL_BLOCK_ROWS * 46 / 80);
    free(b);
}

static void
hostile_bytes_are_refused_or_harmless(void **state)
{
    struct block *b = sl_new(sizeof(*b));
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 4000; round++) {
        enum block_draw draw = (enum block_draw)test_random_below(&seed, BLOCK_DRAWS);
        uint32_t count = 1 + (uint32_t)test_random_below(&seed, round % 50 == 0 ? 9000 : 200);
        enum sl_codec codec;
        size_t bytes;
        block_fill(b, draw, count, &seed);
        uint8_t *good = block_encode(b->values, count, round % 2 ? SL_EFFORT_MERGE : SL_EFFORT_SEAL,
                                     &codec, &bytes);
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
        assert_int_equal(sl_codec_decode((enum sl_codec)17, exact, kept, count, BLOCK_ALL_MINIS,
                                         b->decoded, NULL),
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
    for (enum block_draw d = 0; d < BLOCK_DRAWS; d++) {
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        block_fill(b, d, 5000, &seed);
        enum sl_codec codec = sl_codec_encode(b->values, 5000, SL_EFFORT_MERGE, &buf);
        sl_buf_u8(&buf, 0);
        assert_int_equal(sl_codec_decode(codec, buf.bytes, buf.size_bytes, 5000, BLOCK_ALL_MINIS,
                                         b->decoded, NULL),
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
    for (enum block_draw d = 0; d < BLOCK_DRAWS; d++)
        for (size_t limit = 0; limit < 400; limit += 7) {
            struct sl_buf buf = sl_buf_empty(limit);
            block_fill(b, d, 5000, &seed);
            (void)sl_codec_encode(b->values, 5000, SL_EFFORT_MERGE, &buf);
            assert_true(buf.bad || buf.size_bytes <= limit);
            sl_buf_fini(&buf);
        }
    free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_distribution_comes_back),
        cmocka_unit_test(every_width_comes_back),
        cmocka_unit_test(both_ends_of_the_range_come_back),
        cmocka_unit_test(a_common_divisor_is_taken_out),
        cmocka_unit_test(exceptions_are_patched),
        cmocka_unit_test(hostile_bytes_are_refused_or_harmless),
        cmocka_unit_test(a_byte_too_many_is_refused),
        cmocka_unit_test(a_full_buffer_turns_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
