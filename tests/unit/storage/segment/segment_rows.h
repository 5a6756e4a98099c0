/*
 * segment_rows.h - random rows for the tests of the segment, and a plain comparison.
 *
 * Batches are made of the core columns and of further ones of every type, with every pattern of
 * presence, with values that are plausible for flows in some batches and hostile in others:
 * counters at the ends of their range, packets 0, last_seen before first_seen, both families of
 * addresses, addresses that are missing, ICMP. Every third row answers the one before it.
 */
#ifndef SLUICE_TESTS_UNIT_STORAGE_SEGMENT_SEGMENT_ROWS_H
#define SLUICE_TESTS_UNIT_STORAGE_SEGMENT_SEGMENT_ROWS_H

#include "storage/batch.h"
#include "storage/segment/segment_reader.h"
#include "storage/segment/segment_writer.h"
#include "tests/support/test.h"

enum { ROWS_EXTRA = 10 };

struct rows_columns {
    const struct sl_column *extra[ROWS_EXTRA];
};

static inline struct rows_columns
rows_columns_add(struct sl_schema *schema)
{
    static const struct {
        const char *name;
        enum sl_type type;
    } extra[ROWS_EXTRA] = {
        {"x_u8", SL_TYPE_U8},         {"x_u32", SL_TYPE_U32},   {"x_u64", SL_TYPE_U64},
        {"x_i64", SL_TYPE_I64},       {"x_f64", SL_TYPE_F64},   {"x_bool", SL_TYPE_BOOL},
        {"x_mac", SL_TYPE_MAC},       {"x_addr", SL_TYPE_ADDR}, {"x_text", SL_TYPE_TEXT},
        {"x_octets", SL_TYPE_OCTETS},
    };
    struct rows_columns columns;
    for (size_t i = 0; i < ROWS_EXTRA; i++) {
        struct sl_error err = {0};
        TEST_OK(sl_schema_add(schema, extra[i].name, extra[i].type, SL_UNIT_NONE, &columns.extra[i],
                              &err),
                &err);
    }
    return columns;
}

static inline struct sl_addr
rows_addr(uint64_t *seed, bool is_hostile)
{
    uint64_t kind = test_random_below(seed, 10);
    if (kind < (is_hostile ? 4 : 8))
        return sl_addr_from_v4((uint32_t)(0x0a000000 + test_random_below(seed, 300)));
    if (kind < 9)
        return (struct sl_addr){.low = test_random_below(seed, 200), .high = 0x20010db800000000};
    uint64_t low = test_random(seed);
    return (struct sl_addr){.low = low, .high = test_random(seed)};
}

static inline uint64_t
rows_number(uint64_t *seed, enum sl_type type, bool is_hostile)
{
    /* One draw a statement: operands are evaluated in an order that compilers choose. */
    unsigned shift = is_hostile ? (unsigned)test_random_below(seed, 64) : 0;
    uint64_t value = is_hostile ? test_random(seed) >> shift : test_random_below(seed, 50);
    if (is_hostile && test_random_below(seed, 8) == 0)
        value = UINT64_MAX - test_random_below(seed, 2);
    if (type == SL_TYPE_BOOL)
        return value & 1;
    if (type == SL_TYPE_MAC)
        return value >> 16;
    if (sl_type_is_unsigned(type) && sl_type_bytes(type) < 8)
        return value & ((UINT64_C(1) << (8 * sl_type_bytes(type))) - 1);
    return value;
}

static inline void
rows_set(struct sl_builder *builder, const struct sl_column *column, uint64_t *seed,
         bool is_hostile)
{
    struct sl_builder_column *target = sl_builder_column(builder, column);
    if (column->type == SL_TYPE_ADDR) {
        sl_builder_set_addr(builder, target, rows_addr(seed, is_hostile));
    } else if (sl_type_is_bytes(column->type)) {
        char text[64];
        size_t size = test_random_below(seed, is_hostile ? sizeof(text) : 4);
        for (size_t i = 0; i < size; i++)
            text[i] = (char)(is_hostile ? test_random(seed) : 'a' + test_random_below(seed, 2));
        sl_builder_set_slice(builder, target, text, size);
    } else if (column->type == SL_TYPE_F64) {
        double value = (double)(int64_t)test_random(seed) / 1000.0;
        sl_builder_set_f64(builder, target, is_hostile ? value : 2.5);
    } else {
        sl_builder_set_u64(builder, target, rows_number(seed, column->type, is_hostile));
    }
}

/* What a row and its answer have in common. */
struct rows_conversation {
    uint64_t protocol;
    uint64_t ports[2]; /* source, target */
    struct sl_addr addrs[2];
    bool has_addr[2];
};

/* Its addresses: new ones, or those of the row before, turned round. */
static inline void
rows_set_ends(struct sl_builder *b, const struct sl_schema *schema, uint64_t *seed, bool is_hostile,
              bool is_answer, const uint64_t shares[2], struct rows_conversation *c)
{
    static const uint32_t indexes[2] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_DST_ADDR};
    struct rows_conversation before = *c;
    for (size_t i = 0; i < 2; i++) {
        c->has_addr[i] =
            is_answer ? before.has_addr[1 - i] : test_random_below(seed, 100) < shares[i];
        c->addrs[i] = is_answer ? before.addrs[1 - i] : rows_addr(seed, is_hostile);
        if (c->has_addr[i])
            sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, indexes[i])),
                                c->addrs[i]);
    }
}

/* The numbers that make a row a flow. */
static inline void
rows_set_flow(struct sl_builder *b, const struct sl_schema *schema, uint64_t *seed, bool is_hostile,
              bool is_answer, struct rows_conversation *c)
{
    static const uint8_t protocols[] = {6, 6, 6, 17, 17, 1, 58, 47};
    static const uint16_t ports[] = {443, 80, 53, 22, 8080, 123};
    uint64_t protocol = protocols[test_random_below(seed, sizeof(protocols))];
    uint64_t service = ports[test_random_below(seed, SL_COUNTOF(ports))];
    uint64_t client = 32768 + test_random_below(seed, 28000);
    bool is_reply = test_random_below(seed, 2) == 0;
    struct rows_conversation before = *c;
    c->protocol = is_answer ? before.protocol : protocol;
    c->ports[0] = is_answer ? before.ports[1] : is_reply ? service : client;
    c->ports[1] = is_answer ? before.ports[0] : is_reply ? client : service;
    uint64_t first = UINT64_C(1764000000000000) + test_random_below(seed, 60000) * 1000;
    uint64_t last = first + test_random_below(seed, 5000) * 1000;
    uint64_t packets = 1 + test_random_below(seed, 20);
    uint64_t bytes = packets * (40 + test_random_below(seed, 1400));
    bytes += test_random_below(seed, 3);
    if (is_hostile && test_random_below(seed, 4) == 0) {
        last = first - test_random_below(seed, 1000000);
        packets = test_random_below(seed, 2) == 0 ? 0 : test_random(seed);
        bytes = test_random(seed);
    }
    if (is_hostile && test_random_below(seed, 50) == 0)
        first = test_random(seed);
    const uint32_t indexes[] = {
        SL_COLUMN_PROTOCOL,  SL_COLUMN_SRC_PORT,   SL_COLUMN_DST_PORT, SL_COLUMN_FIRST_SEEN,
        SL_COLUMN_LAST_SEEN, SL_COLUMN_IN_PACKETS, SL_COLUMN_IN_BYTES,
    };
    const uint64_t values[] = {
        c->protocol, c->ports[0], c->ports[1], first, last, packets, bytes,
    };
    for (size_t i = 0; i < SL_COUNTOF(indexes); i++)
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, indexes[i])), values[i]);
}

/* A batch of `rows` rows. */
static inline struct sl_batch *
rows_batch(struct sl_schema *schema, uint32_t rows, uint64_t *seed, bool is_hostile)
{
    struct sl_builder *builder = sl_builder_create(rows);
    uint32_t column_count = sl_schema_count(schema);
    uint64_t shares[256] = {0}; /* in percent: how often a column has a value in this batch */
    SL_ASSERT(column_count <= SL_COUNTOF(shares));
    for (uint32_t c = 0; c < column_count; c++) {
        static const uint64_t choices[] = {0, 100, 100, 50, 3};
        shares[c] = choices[test_random_below(seed, SL_COUNTOF(choices))];
    }
    const uint64_t end_shares[2] = {is_hostile ? shares[SL_COLUMN_SRC_ADDR] : 100,
                                    is_hostile ? shares[SL_COLUMN_DST_ADDR] : 100};
    struct rows_conversation conversation = {0};
    for (uint32_t row = 0; row < rows; row++) {
        bool is_answer = row != 0 && test_random_below(seed, 3) == 0;
        rows_set_flow(builder, schema, seed, is_hostile, is_answer, &conversation);
        rows_set_ends(builder, schema, seed, is_hostile, is_answer, end_shares, &conversation);
        for (uint32_t c = 0; c < column_count; c++) {
            const struct sl_column *column = sl_schema_at(schema, c);
            bool is_flow =
                c == SL_COLUMN_FIRST_SEEN || c == SL_COLUMN_LAST_SEEN || c == SL_COLUMN_PROTOCOL ||
                c == SL_COLUMN_SRC_PORT || c == SL_COLUMN_DST_PORT || c == SL_COLUMN_IN_BYTES ||
                c == SL_COLUMN_IN_PACKETS || c == SL_COLUMN_SRC_ADDR || c == SL_COLUMN_DST_ADDR;
            if (!is_flow && test_random_below(seed, 100) < shares[c])
                rows_set(builder, column, seed, is_hostile);
        }
        sl_builder_next(builder);
    }
    struct sl_batch *batch = sl_builder_finish(builder);
    sl_builder_destroy(builder);
    return batch;
}

/* Equal values, or both without one? A vector that is NULL has none, or 0. */
static inline bool
rows_equal(const struct sl_column *column, const struct sl_vector *a, uint32_t a_row,
           const struct sl_vector *b, uint32_t b_row)
{
    bool is_a = a != NULL && !sl_vector_is_null(a, a_row);
    bool is_b = b != NULL && !sl_vector_is_null(b, b_row);
    if (!column->is_nullable) {
        uint64_t left = is_a ? sl_vector_u64(a, a_row) : 0;
        uint64_t right = is_b ? sl_vector_u64(b, b_row) : 0;
        return left == right;
    }
    if (!is_a || !is_b)
        return is_a == is_b;
    if (column->type == SL_TYPE_ADDR)
        return sl_addr_equal(sl_vector_addr(a, a_row), sl_vector_addr(b, b_row));
    if (sl_type_is_bytes(column->type)) {
        struct sl_slice left = sl_vector_slice(a, a_row);
        struct sl_slice right = sl_vector_slice(b, b_row);
        return left.size_bytes == right.size_bytes &&
               (left.size_bytes == 0 || memcmp(left.bytes, right.bytes, left.size_bytes) == 0);
    }
    return sl_vector_u64(a, a_row) == sl_vector_u64(b, b_row);
}

#endif
