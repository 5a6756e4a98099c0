/*
 * batch_codec_test.c - a batch travels whole, and nothing else passes for one.
 *
 * Method: vectors of every type, encoding, width and presence are drawn at random, encoded,
 * decoded and compared row by row through the accessors of batch.h; then the bytes are damaged
 * and cut, under the sanitizers.
 */
#include "storage/batch_codec.h"

#include "tests/support/test.h"

enum { ARENA_BYTES = 64 << 20 };

/* A number with few or many bytes. */
static uint64_t
draw_number(uint64_t *seed)
{
    return test_random(seed) >> test_random_below(seed, 64);
}

static unsigned
draw_width(enum sl_type type, uint64_t *seed)
{
    unsigned width = (unsigned)sl_type_bytes(type);
    if (type == SL_TYPE_ADDR)
        return test_random(seed) & 1 ? 4 : 16;
    while (sl_type_is_unsigned(type) && width > 1 && test_random(seed) & 1)
        width /= 2;
    return width;
}

static void
draw_values(struct sl_vector *v, struct sl_arena *arena, uint64_t *seed)
{
    uint8_t *values = sl_arena_calloc(arena, v->value_count + 1U, v->width);
    uint64_t base = draw_number(seed);
    uint64_t span = draw_number(seed) | 1;
    static const uint64_t steps[] = {1, 1000, 1000000};
    uint64_t step = steps[test_random_below(seed, SL_COUNTOF(steps))];
    bool has_v4 = test_random(seed) & 1;
    for (uint32_t i = 0; i < v->value_count; i++) {
        uint64_t low = base + test_random(seed) % span * step;
        uint64_t high = test_random(seed);
        if (v->type == SL_TYPE_ADDR && has_v4 && test_random(seed) & 1) {
            low &= UINT32_MAX;
            high = 0;
        }
        if (v->type == SL_TYPE_BOOL)
            low &= 1;
        if (v->type == SL_TYPE_MAC)
            low &= UINT64_MAX >> 16;
        memcpy(&values[(size_t)i * v->width], &low, sl_min_size(v->width, 8));
        if (v->width == 16)
            memcpy(&values[(size_t)i * 16 + 8], &high, 8);
    }
    v->values = values;
}

static void
draw_slices(struct sl_vector *v, struct sl_arena *arena, uint64_t *seed)
{
    uint32_t *offsets = sl_arena_calloc(arena, v->value_count + 1U, sizeof(*offsets));
    uint8_t *bytes = sl_arena_alloc(arena, (size_t)v->value_count * 20 + 7);
    offsets[0] = (uint32_t)test_random_below(seed, 7); /* need not be 0 */
    for (uint32_t i = 0; i < v->value_count; i++)
        offsets[i + 1] = offsets[i] + (uint32_t)test_random_below(seed, 20);
    for (uint32_t i = 0; i < offsets[v->value_count]; i++)
        bytes[i] = (uint8_t)test_random(seed);
    v->offsets = offsets;
    v->bytes = bytes;
}

static struct sl_vector
draw_vector(enum sl_type type, uint32_t rows, struct sl_arena *arena, uint64_t *seed)
{
    static const enum sl_encoding encodings[] = {SL_PLAIN, SL_CONSTANT, SL_DICT};
    struct sl_vector v = sl_vector_nulls(type, rows);
    if (type == SL_TYPE_NULL)
        return v;
    v.scale = type == SL_TYPE_DECIMAL ? (uint8_t)test_random_below(seed, 39) : 0;
    v.encoding = encodings[test_random_below(seed, 3)];
    v.width = (uint8_t)draw_width(type, seed);
    v.value_count = rows;
    if (v.encoding == SL_CONSTANT)
        v.value_count = (uint32_t)test_random_below(seed, 2);
    if (v.encoding == SL_DICT)
        v.value_count = 1 + (uint32_t)test_random_below(seed, test_random(seed) & 1 ? 10 : 2000);
    if (sl_type_is_bytes(type))
        draw_slices(&v, arena, seed);
    else
        draw_values(&v, arena, seed);
    if (v.encoding == SL_DICT) {
        uint32_t *codes = sl_arena_calloc(arena, rows + 1U, sizeof(*codes));
        for (uint32_t row = 0; row < rows; row++)
            codes[row] = (uint32_t)test_random_below(seed, v.value_count);
        v.codes = codes;
    }
    if (test_random(seed) & 1) {
        uint64_t *present = sl_arena_calloc(arena, sl_words_for(rows) + 1, sizeof(*present));
        for (uint32_t row = 0; row < rows; row++)
            if (test_random(seed) & 1)
                sl_bit_set(present, row);
        v.present = present;
    }
    return v;
}

static void
assert_same_row(const struct sl_vector *a, const struct sl_vector *b, uint32_t row)
{
    assert_int_equal(sl_vector_is_null(a, row), sl_vector_is_null(b, row));
    if (sl_vector_is_null(a, row))
        return;
    if (sl_type_is_bytes(a->type)) {
        struct sl_slice x = sl_vector_slice(a, row);
        struct sl_slice y = sl_vector_slice(b, row);
        assert_int_equal(x.size_bytes, y.size_bytes);
        assert_memory_equal(x.bytes, y.bytes, x.size_bytes);
    } else if (a->type == SL_TYPE_ADDR) {
        assert_true(sl_addr_equal(sl_vector_addr(a, row), sl_vector_addr(b, row)));
    } else if (a->type == SL_TYPE_DECIMAL) {
        assert_true(sl_vector_i128(a, row) == sl_vector_i128(b, row));
    } else {
        assert_true(sl_vector_u64(a, row) == sl_vector_u64(b, row));
    }
}

static void
assert_same_vector(const struct sl_vector *a, const struct sl_vector *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->scale, b->scale);
    assert_int_equal(a->count, b->count);
    for (uint32_t row = 0; row < a->count; row++)
        assert_same_row(a, b, row);
}

/* Encode into memory of the exact size. */
static uint8_t *
encode_exact(const char *const *names, const struct sl_vector *vectors, uint32_t count,
             uint32_t rows, size_t *out_bytes)
{
    struct sl_buf buf = sl_buf_empty(SIZE_MAX);
    sl_vectors_encode(names, vectors, count, rows, &buf);
    assert_false(buf.bad);
    uint8_t *exact = malloc(buf.size_bytes);
    assert_non_null(exact);
    memcpy(exact, buf.bytes, buf.size_bytes);
    *out_bytes = buf.size_bytes;
    sl_buf_fini(&buf);
    return exact;
}

static void
vectors_of_every_kind_come_back(void **state)
{
    static const uint32_t rows[] = {0, 1, 7, 8, 63, 64, 65, 511, 512, 513, 3000};
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 330; round++) {
        struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
        struct sl_vector vectors[SL_TYPE_COUNT];
        const char *names[SL_TYPE_COUNT];
        struct sl_vector *decoded;
        const char **decoded_names;
        uint32_t count;
        uint32_t row_count;
        struct sl_error err = {0};
        size_t size_bytes;
        uint32_t row = rows[round % SL_COUNTOF(rows)];
        for (unsigned type = 0; type < SL_TYPE_COUNT; type++) {
            vectors[type] = draw_vector((enum sl_type)type, row, arena, &seed);
            names[type] = type % 2 ? sl_type_name((enum sl_type)type) : "";
        }
        uint8_t *bytes = encode_exact(names, vectors, SL_TYPE_COUNT, row, &size_bytes);
        TEST_OK(sl_vectors_decode(bytes, size_bytes, arena, &decoded, &decoded_names, &count,
                                  &row_count, &err),
                &err);
        assert_int_equal(count, SL_TYPE_COUNT);
        assert_int_equal(row_count, row);
        for (unsigned type = 0; type < SL_TYPE_COUNT; type++) {
            assert_string_equal(names[type], decoded_names[type]);
            assert_same_vector(&vectors[type], &decoded[type]);
        }
        free(bytes);
        sl_arena_destroy(arena);
    }
}

/* What a column of `rows` values takes, and that it comes back. */
static size_t
encoded_bytes(const struct sl_vector *v)
{
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    const char *name = "";
    struct sl_vector *decoded;
    struct sl_error err = {0};
    uint32_t count;
    uint32_t rows;
    size_t size_bytes;
    uint8_t *bytes = encode_exact(&name, v, 1, v->count, &size_bytes);
    TEST_OK(sl_vectors_decode(bytes, size_bytes, arena, &decoded, NULL, &count, &rows, &err), &err);
    assert_same_vector(v, decoded);
    free(bytes);
    sl_arena_destroy(arena);
    return size_bytes;
}

static void
milliseconds_and_mixed_families_are_small(void **state)
{
    enum { ROWS = 4000, HEAD_BYTES = 32 };
    static int64_t times[ROWS];
    static struct sl_addr addrs[ROWS];
    struct sl_vector v = {.count = ROWS, .value_count = ROWS, .encoding = SL_PLAIN};
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned i = 0; i < ROWS; i++) {
        times[i] = INT64_C(1700000000123000) + (int64_t)test_random_below(&seed, 60000) * 1000;
        addrs[i] = sl_addr_from_v4((uint32_t)test_random(&seed));
        if (i % 20 == 0)
            addrs[i].high = test_random(&seed);
    }
    v.type = SL_TYPE_TIME;
    v.width = 8;
    v.values = times;
    assert_true(encoded_bytes(&v) <= ROWS * 2 + HEAD_BYTES);
    times[ROWS - 1]++; /* one that is no whole millisecond */
    assert_true(encoded_bytes(&v) > ROWS * 3);
    v.type = SL_TYPE_ADDR;
    v.width = 16;
    v.values = addrs;
    assert_true(encoded_bytes(&v) <= ROWS / 8 + ROWS * 19 / 20 * 4 + ROWS / 20 * 16 + HEAD_BYTES);
}

static void
damaged_bytes_are_refused_or_harmless(void **state)
{
    uint64_t seed = test_seed();
    unsigned refused = 0;
    (void)state;
    for (unsigned round = 0; round < 6000; round++) {
        struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
        enum sl_type type = (enum sl_type)test_random_below(&seed, SL_TYPE_COUNT);
        struct sl_vector vector =
            draw_vector(type, (uint32_t)test_random_below(&seed, 100), arena, &seed);
        const char *name = "name";
        size_t size_bytes;
        uint8_t *bytes = encode_exact(&name, &vector, 1, vector.count, &size_bytes);
        size_t window = round % 2 ? sl_min_size(size_bytes, 20) : size_bytes;
        for (unsigned change = 0; change < round % 3; change++)
            bytes[test_random_below(&seed, window)] ^= (uint8_t)(1 + test_random_below(&seed, 255));
        if (round % 3 == 0)
            size_bytes = test_random_below(&seed, size_bytes);
        uint8_t *exact = malloc(size_bytes + 1);
        assert_non_null(exact);
        memcpy(exact, bytes, size_bytes);
        free(bytes);
        bytes = realloc(exact, size_bytes == 0 ? 1 : size_bytes);
        struct sl_vector *decoded;
        uint32_t count;
        uint32_t row_count;
        sl_status st =
            sl_vectors_decode(bytes, size_bytes, arena, &decoded, NULL, &count, &row_count, NULL);
        assert_true(st == SL_OK || st == SL_FORMAT || st == SL_LIMIT);
        refused += st != SL_OK;
        for (uint32_t row = 0; st == SL_OK && count > 0 && row < row_count; row++)
            assert_same_row(&decoded[0], &decoded[0], row); /* everything is readable */
        free(bytes);
        sl_arena_destroy(arena);
    }
    assert_true(refused > 2000);
}

static struct sl_batch *
build_batch(struct sl_schema *schema, uint32_t rows, uint64_t *seed)
{
    struct sl_builder *builder = sl_builder_create(rows);
    const struct sl_column *extra;
    struct sl_error err = {0};
    TEST_OK(sl_schema_add(schema, "pen99_7", SL_TYPE_TEXT, SL_UNIT_NONE, &extra, &err), &err);
    struct sl_builder_column *src =
        sl_builder_column(builder, sl_schema_at(schema, SL_COLUMN_SRC_ADDR));
    struct sl_builder_column *last =
        sl_builder_column(builder, sl_schema_at(schema, SL_COLUMN_LAST_SEEN));
    struct sl_builder_column *bytes =
        sl_builder_column(builder, sl_schema_at(schema, SL_COLUMN_IN_BYTES));
    struct sl_builder_column *text = sl_builder_column(builder, extra);
    for (uint32_t row = 0; row < rows; row++) {
        sl_builder_set_addr(builder, src, sl_addr_from_v4((uint32_t)test_random(seed)));
        sl_builder_set_u64(builder, last, UINT64_C(1700000000000000) + row * UINT64_C(37));
        sl_builder_set_u64(builder, bytes, test_random_below(seed, 100000));
        if (row % 3 == 0)
            sl_builder_set_slice(builder, text, "hello", row % 6);
        sl_builder_next(builder);
    }
    struct sl_batch *batch = sl_builder_finish(builder);
    sl_builder_destroy(builder);
    return batch;
}

static void
a_batch_comes_back_and_brings_its_columns(void **state)
{
    uint64_t seed = test_seed();
    struct sl_schema *here = sl_schema_create();
    struct sl_schema *there = sl_schema_create();
    struct sl_batch *batch = build_batch(here, 5000, &seed);
    struct sl_buf buf = sl_buf_empty(SIZE_MAX);
    struct sl_error err = {0};
    struct sl_batch *decoded;
    (void)state;
    sl_batch_encode(batch, &buf);
    assert_null(sl_schema_find(there, "pen99_7", 7));
    TEST_OK(sl_batch_decode(buf.bytes, buf.size_bytes, there, &decoded, &err), &err);
    assert_non_null(sl_schema_find(there, "pen99_7", 7));
    assert_int_equal(decoded->row_count, 5000);
    assert_int_equal(decoded->column_count, batch->column_count);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        assert_string_equal(batch->columns[i].column->name, decoded->columns[i].column->name);
        assert_same_vector(&batch->columns[i].vector, &decoded->columns[i].vector);
    }
    sl_batch_release(decoded);
    assert_int_equal(sl_batch_decode(buf.bytes, buf.size_bytes - 1, there, &decoded, &err),
                     SL_FORMAT);
    assert_null(decoded);

    struct sl_schema *other = sl_schema_create();
    const struct sl_column *column;
    TEST_OK(sl_schema_add(other, "pen99_7", SL_TYPE_U32, SL_UNIT_NONE, &column, &err), &err);
    assert_int_equal(sl_batch_decode(buf.bytes, buf.size_bytes, other, &decoded, &err), SL_TYPE);
    sl_schema_destroy(other);
    sl_buf_fini(&buf);
    sl_batch_release(batch);
    sl_schema_destroy(there);
    sl_schema_destroy(here);
}

static void
a_column_that_comes_twice_is_refused(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_vector vectors[2] = {sl_vector_nulls(SL_TYPE_U8, 3), sl_vector_nulls(SL_TYPE_U8, 3)};
    const char *names[2] = {"protocol", "protocol"};
    struct sl_batch *decoded;
    size_t size_bytes;
    (void)state;
    uint8_t *bytes = encode_exact(names, vectors, 2, 3, &size_bytes);
    assert_int_equal(sl_batch_decode(bytes, size_bytes, schema, &decoded, NULL), SL_FORMAT);
    free(bytes);
    vectors[1].type = SL_TYPE_DATE;
    vectors[1].width = 8;
    bytes = encode_exact(names, vectors, 2, 3, &size_bytes);
    assert_int_equal(sl_batch_decode(bytes, size_bytes, schema, &decoded, NULL), SL_TYPE);
    free(bytes);
    bytes = encode_exact(names, vectors, 0, 0, &size_bytes);
    assert_int_equal(sl_batch_decode(bytes, size_bytes, schema, &decoded, NULL), SL_FORMAT);
    free(bytes);
    sl_schema_destroy(schema);
}

static void
a_sorted_dictionary_must_be_in_order(void **state)
{
    const uint16_t good[] = {1, 5, 9};
    const uint16_t bad[] = {1, 9, 5};
    const uint32_t codes[] = {2, 1, 0};
    struct sl_vector v = {.type = SL_TYPE_U16,
                          .encoding = SL_DICT,
                          .width = 2,
                          .is_sorted = true,
                          .count = 3,
                          .value_count = 3,
                          .values = good,
                          .codes = codes};
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    struct sl_vector *decoded;
    const char *name = "";
    uint32_t count;
    uint32_t row_count;
    size_t size_bytes;
    (void)state;
    uint8_t *bytes = encode_exact(&name, &v, 1, 3, &size_bytes);
    assert_int_equal(
        sl_vectors_decode(bytes, size_bytes, arena, &decoded, NULL, &count, &row_count, NULL),
        SL_OK);
    assert_true(decoded[0].is_sorted);
    free(bytes);
    v.values = bad;
    bytes = encode_exact(&name, &v, 1, 3, &size_bytes);
    assert_int_equal(
        sl_vectors_decode(bytes, size_bytes, arena, &decoded, NULL, &count, &row_count, NULL),
        SL_FORMAT);
    free(bytes);
    sl_arena_destroy(arena);
}

static void
a_small_budget_is_a_limit(void **state)
{
    uint64_t seed = test_seed();
    struct sl_arena *big = sl_arena_create(ARENA_BYTES);
    struct sl_arena *small = sl_arena_create(64 << 10);
    struct sl_vector v = draw_vector(SL_TYPE_U64, 60000, big, &seed);
    struct sl_vector *decoded;
    const char *name = "";
    uint32_t count;
    uint32_t row_count;
    size_t size_bytes;
    (void)state;
    v.encoding = SL_PLAIN;
    v.value_count = v.count;
    v.width = 8;
    v.codes = NULL;
    draw_values(&v, big, &seed);
    uint8_t *bytes = encode_exact(&name, &v, 1, v.count, &size_bytes);
    assert_int_equal(
        sl_vectors_decode(bytes, size_bytes, small, &decoded, NULL, &count, &row_count, NULL),
        SL_LIMIT);
    free(bytes);
    sl_arena_destroy(small);
    sl_arena_destroy(big);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_every_kind_come_back),
        cmocka_unit_test(milliseconds_and_mixed_families_are_small),
        cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
        cmocka_unit_test(a_batch_comes_back_and_brings_its_columns),
        cmocka_unit_test(a_column_that_comes_twice_is_refused),
        cmocka_unit_test(a_sorted_dictionary_must_be_in_order),
        cmocka_unit_test(a_small_budget_is_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
