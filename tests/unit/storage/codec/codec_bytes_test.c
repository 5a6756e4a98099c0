/*
 * codec_bytes_test.c - byte strings come back, and no more of them than the reader allows.
 */
#include "storage/base/arena.h"
#include "storage/codec/codec.h"
#include "tests/support/test.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(byte_strings_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
