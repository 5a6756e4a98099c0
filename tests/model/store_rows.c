/*
 * store_rows.c - see store_rows.h.
 */
#include "tests/model/store_rows.h"

#include <stdio.h>

/* The columns that every row has; the last one is not a core column, and rare. */
static const struct sl_column *
extra_column(struct sl_schema *schema)
{
    struct sl_error err = {0};
    const struct sl_column *column = NULL;
    TEST_OK(sl_schema_add(schema, "proof", SL_TYPE_TEXT, SL_UNIT_NONE, &column, &err), &err);
    return column;
}

static uint64_t
mix(uint64_t id, uint64_t salt)
{
    return sl_hash_u64(id * 31 + salt + 1);
}

uint64_t
rows_hash(uint64_t id, int64_t last_seen_us)
{
    return mix(id, (uint64_t)last_seen_us);
}

static struct sl_addr
address_of(uint64_t id, uint64_t salt)
{
    uint64_t draw = mix(id, salt);
    if (draw % 8 == 0)
        return (struct sl_addr){.high = UINT64_C(0x20010db8) << 32, .low = draw % 5000};
    return sl_addr_from_v4((uint32_t)(UINT32_C(0x0a000000) + draw % 3000));
}

static uint8_t
protocol_of(uint64_t id)
{
    static const uint8_t protocols[] = {6, 6, 6, 17, 17, 1};
    return protocols[mix(id, 3) % SL_COUNTOF(protocols)];
}

static bool
has_proof(uint64_t id)
{
    return id / 512 % 3 == 0;
}

static int
proof_of(uint64_t id, char text[32])
{
    return snprintf(text, 32, "p%" PRIu64, id % 997);
}

struct sl_batch *
rows_build(struct sl_schema *schema, uint64_t first_id, const int64_t *last_seen_us, uint32_t count)
{
    struct sl_builder *b = sl_builder_create(count);
    const struct sl_column *proof = extra_column(schema);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = first_id + i;
        char text[32];
        const struct {
            enum sl_core_column column;
            uint64_t value;
        } numbers[] = {
            {SL_COLUMN_FIRST_SEEN, (uint64_t)(last_seen_us[i] - (int64_t)(id % 1000))},
            {SL_COLUMN_LAST_SEEN, (uint64_t)last_seen_us[i]},
            {SL_COLUMN_SRC_PORT, (uint16_t)mix(id, 4)},
            {SL_COLUMN_DST_PORT, id % 3 == 0 ? 443 : 53},
            {SL_COLUMN_PROTOCOL, protocol_of(id)},
            {SL_COLUMN_IN_BYTES, id},
            {SL_COLUMN_IN_PACKETS, id % 77 + 1},
        };
        for (size_t k = 0; k < SL_COUNTOF(numbers); k++)
            sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, numbers[k].column)),
                               numbers[k].value);
        sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SRC_ADDR)),
                            address_of(id, 1));
        sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_DST_ADDR)),
                            address_of(id, 2));
        int length = proof_of(id, text);
        if (has_proof(id))
            sl_builder_set_slice(b, sl_builder_column(b, proof), text, (size_t)length);
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    return batch;
}

enum {
    V_FIRST,
    V_LAST,
    V_SPORT,
    V_DPORT,
    V_PROTOCOL,
    V_BYTES,
    V_PACKETS,
    V_SRC,
    V_DST,
    V_PROOF,
    V_COUNT
};

static const enum sl_core_column core_of[V_PROOF] = {
    SL_COLUMN_FIRST_SEEN, SL_COLUMN_LAST_SEEN, SL_COLUMN_SRC_PORT,
    SL_COLUMN_DST_PORT,   SL_COLUMN_PROTOCOL,  SL_COLUMN_IN_BYTES,
    SL_COLUMN_IN_PACKETS, SL_COLUMN_SRC_ADDR,  SL_COLUMN_DST_ADDR,
};

static bool
is_whole(const struct sl_vector *v, uint32_t row)
{
    char text[32];
    for (int i = 0; i < V_PROOF; i++)
        if (sl_vector_is_null(&v[i], row))
            return false;
    uint64_t id = sl_vector_u64(&v[V_BYTES], row);
    uint64_t last = sl_vector_u64(&v[V_LAST], row);
    bool is_good = sl_vector_u64(&v[V_FIRST], row) == last - id % 1000 &&
                   sl_vector_u64(&v[V_SPORT], row) == (uint16_t)mix(id, 4) &&
                   sl_vector_u64(&v[V_DPORT], row) == (id % 3 == 0 ? 443U : 53U) &&
                   sl_vector_u64(&v[V_PROTOCOL], row) == protocol_of(id) &&
                   sl_vector_u64(&v[V_PACKETS], row) == id % 77 + 1 &&
                   sl_addr_equal(sl_vector_addr(&v[V_SRC], row), address_of(id, 1)) &&
                   sl_addr_equal(sl_vector_addr(&v[V_DST], row), address_of(id, 2));
    if (!is_good || sl_vector_is_null(&v[V_PROOF], row))
        return is_good && !has_proof(id);
    struct sl_slice slice = sl_vector_slice(&v[V_PROOF], row);
    int length = proof_of(id, text);
    return has_proof(id) && slice.size_bytes == (uint32_t)length &&
           memcmp(slice.bytes, text, slice.size_bytes) == 0;
}

static void
see_row(const struct sl_vector *v, uint32_t row, struct rows_seen *seen)
{
    uint64_t id = sl_vector_u64(&v[V_BYTES], row);
    seen->rows++;
    seen->sum += id;
    seen->hash += rows_hash(id, (int64_t)sl_vector_u64(&v[V_LAST], row));
    seen->broken += !is_whole(v, row);
    if (seen->times == NULL)
        return;
    if (id < seen->id_count)
        seen->times[id]++;
    else
        seen->broken++;
}

static sl_status
see_morsel(struct sl_morsel *morsel, struct sl_schema *schema, struct rows_seen *seen,
           struct sl_error *err)
{
    struct sl_vector v[V_COUNT];
    const uint64_t *selection = sl_morsel_selection(morsel);
    for (int i = 0; i < V_PROOF; i++)
        SL_TRY(sl_morsel_column(morsel, sl_schema_at(schema, core_of[i]), selection, &v[i], err));
    SL_TRY(sl_morsel_column(morsel, extra_column(schema), selection, &v[V_PROOF], err));
    for (uint32_t row = 0; row < sl_morsel_row_count(morsel); row++)
        if (sl_bit_get(selection, row))
            see_row(v, row, seen);
    return SL_OK;
}

sl_status
rows_read(struct sl_snapshot *snapshot, struct sl_schema *schema,
          const struct sl_scan_request *request, struct rows_seen *seen, struct sl_error *err)
{
    const struct sl_scan_request everything = {.prune = SL_PRUNE_ALL};
    struct sl_scan *scan = NULL;
    bool is_more = true;
    SL_TRY(sl_scan_open(snapshot, request == NULL ? &everything : request, &scan, err));
    struct sl_morsel *morsel = sl_morsel_open(scan);
    sl_status st = SL_OK;
    while (st == SL_OK && is_more) {
        st = sl_morsel_next(morsel, &is_more, err);
        if (st == SL_OK && is_more)
            st = see_morsel(morsel, schema, seen, err);
    }
    sl_morsel_close(morsel);
    sl_scan_close(scan);
    return st;
}

sl_status
rows_match(void *context, struct sl_morsel *morsel, struct sl_error *err)
{
    const struct rows_doomed *doomed = context;
    struct sl_vector ids;
    uint64_t *selection = sl_morsel_selection(morsel);
    SL_TRY(sl_morsel_column(morsel, sl_schema_at(doomed->schema, SL_COLUMN_IN_BYTES), selection,
                            &ids, err));
    for (uint32_t row = 0; row < sl_morsel_row_count(morsel); row++) {
        if (sl_bit_get(selection, row) &&
            sl_vector_u64(&ids, row) % doomed->modulus != doomed->rest)
            sl_bit_clear(selection, row);
    }
    return SL_OK;
}
