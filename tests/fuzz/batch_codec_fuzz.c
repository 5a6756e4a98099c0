/*
 * batch_codec_fuzz.c - any bytes as a batch and as loose vectors.
 *
 * What decodes is read through to the last byte, and encoding it again must give what decodes to
 * the same number of rows and vectors.
 */
#include "storage/batch_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

/* So that no read of a value is optimised away. */
static volatile uint64_t sink;

static void
read_row(const struct sl_vector *v, uint32_t row)
{
    if (sl_vector_is_null(v, row))
        return;
    if (sl_type_is_bytes(v->type)) {
        struct sl_slice slice = sl_vector_slice(v, row);
        for (uint32_t i = 0; i < slice.size_bytes; i++)
            sink += slice.bytes[i];
    } else if (v->type == SL_TYPE_ADDR) {
        sink += sl_vector_addr(v, row).low;
    } else if (v->type == SL_TYPE_DECIMAL) {
        sink += (uint64_t)sl_vector_i128(v, row);
    } else {
        sink += sl_vector_u64(v, row);
    }
}

static void
fuzz_vectors(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_arena *arena = sl_arena_create(16 << 20);
    struct sl_vector *vectors;
    const char **names;
    uint32_t count;
    uint32_t rows;
    if (sl_vectors_decode(bytes, size_bytes, arena, &vectors, &names, &count, &rows, NULL) ==
        SL_OK) {
        struct sl_buf buf = sl_buf_empty(64 << 20);
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t row = 0; row < rows; row++)
                read_row(&vectors[i], row);
        sl_vectors_encode((const char *const *)names, vectors, count, rows, &buf);
        uint32_t count_again = 0;
        uint32_t rows_again = 0;
        sl_status st = sl_vectors_decode(buf.bytes, buf.size_bytes, arena, &vectors, &names,
                                         &count_again, &rows_again, NULL);
        SL_ASSERT(st == SL_LIMIT || (st == SL_OK && count_again == count && rows_again == rows));
        sl_buf_fini(&buf);
    }
    sl_arena_destroy(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_batch *batch;
    if (sl_batch_decode(bytes, size_bytes, schema, &batch, NULL) == SL_OK)
        sl_batch_release(batch);
    sl_schema_destroy(schema);
    fuzz_vectors(bytes, size_bytes);
    return 0;
}
