/*
 * sqlite_world.c - rows for two databases: see sqlite_world.h.
 */
#include "tests/query/sqlite_world.h"

#include <stdio.h>

uint64_t
lite_draw(struct lite_world *w, uint64_t bound)
{
    return test_random_below(&w->seed, bound);
}

static struct sl_addr
draw_addr(struct lite_world *w)
{
    if (lite_draw(w, 6) == 0)
        return (struct sl_addr){.high = UINT64_C(0x20010db8) << 32, .low = lite_draw(w, 40)};
    uint32_t network = lite_draw(w, 3) == 0 ? 0xc0a80100 : 0x0a000000;
    return sl_addr_from_v4(network + (uint32_t)lite_draw(w, lite_draw(w, 2) == 0 ? 30 : 5000));
}

struct lite_row
lite_row_draw(struct lite_world *w)
{
    static const char *const apps[] = {"DNS",         "dns", "HTTP", "TLS",
                                       "TLS.YouTube", "ssh", "",     "NTP"};
    static const uint16_t ports[] = {53, 80, 443, 22, 123, 8080};
    struct lite_row r = {0};

    r.first_us = INT64_C(1700000000000000) + (int64_t)lite_draw(w, 7200) * 1000000 +
                 (int64_t)lite_draw(w, 4) * 250000;
    r.last_us = r.first_us + (int64_t)lite_draw(w, 120000) * 1000;
    r.src = draw_addr(w);
    r.dst = draw_addr(w);
    r.has_src = lite_draw(w, 50) != 0;
    r.src_port =
        lite_draw(w, 3) == 0 ? ports[lite_draw(w, SL_COUNTOF(ports))] : 1024 + lite_draw(w, 60000);
    r.dst_port = ports[lite_draw(w, SL_COUNTOF(ports))];
    r.protocol = lite_draw(w, 4) == 0 ? 17 : lite_draw(w, 20) == 0 ? 1 : 6;
    r.flags = r.protocol == 6 ? lite_draw(w, 64) : 0;
    r.src_as = lite_draw(w, 30);
    r.in_if = lite_draw(w, 5);
    r.has_l7 = lite_draw(w, 3) != 0;
    r.l7 = lite_draw(w, 12);
    r.in_bytes = lite_draw(w, 20) == 0 ? lite_draw(w, UINT64_C(1) << 40) : lite_draw(w, 3000);
    r.in_packets = 1 + lite_draw(w, 50);
    r.out_bytes = lite_draw(w, 3) == 0 ? 0 : lite_draw(w, 100000);
    r.out_packets = r.out_bytes == 0 ? 0 : 1 + lite_draw(w, 80);
    r.has_app = lite_draw(w, 10) != 0;
    (void)snprintf(r.app, sizeof(r.app), "%s", apps[lite_draw(w, SL_COUNTOF(apps))]);
    return r;
}

static void
build_row(struct sl_builder *b, const struct lite_world *w, const struct lite_row *r)
{
    const struct {
        enum sl_core_column column;
        uint64_t value;
    } numbers[] = {
        {SL_COLUMN_FIRST_SEEN, (uint64_t)r->first_us},
        {SL_COLUMN_LAST_SEEN, (uint64_t)r->last_us},
        {SL_COLUMN_SRC_PORT, r->src_port},
        {SL_COLUMN_DST_PORT, r->dst_port},
        {SL_COLUMN_PROTOCOL, r->protocol},
        {SL_COLUMN_TCP_FLAGS, r->flags},
        {SL_COLUMN_SRC_AS, r->src_as},
        {SL_COLUMN_INPUT_IF, r->in_if},
        {SL_COLUMN_IN_BYTES, r->in_bytes},
        {SL_COLUMN_IN_PACKETS, r->in_packets},
        {SL_COLUMN_OUT_BYTES, r->out_bytes},
        {SL_COLUMN_OUT_PACKETS, r->out_packets},
        {SL_COLUMN_SAMPLING_RATE, 1},
    };

    for (size_t i = 0; i < SL_COUNTOF(numbers); i++)
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->base.schema, numbers[i].column)),
                           numbers[i].value);
    if (r->has_src)
        sl_builder_set_addr(
            b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_SRC_ADDR)), r->src);
    sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_DST_ADDR)),
                        r->dst);
    if (r->has_l7)
        sl_builder_set_u64(
            b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_L7_PROTO)), r->l7);
    if (r->has_app)
        sl_builder_set_slice(b, sl_builder_column(b, sl_schema_at(w->base.schema, SL_COLUMN_APP)),
                             r->app, strlen(r->app));
    sl_builder_next(b);
}

static void
append_rows(struct lite_world *w, uint32_t first, uint32_t last)
{
    struct sl_builder *b = sl_builder_create(4096);
    struct sl_error err = {0};

    for (uint32_t i = first; i < last; i++) {
        build_row(b, w, &w->rows[i]);
        if (!sl_builder_is_full(b) && i + 1 < last)
            continue;
        struct sl_batch *batch = sl_builder_finish(b);
        TEST_OK(sl_store_append(w->base.store, batch, NULL, NULL, NULL, &err), &err);
        sl_batch_release(batch);
    }
    sl_builder_destroy(b);
}

static void
insert_row(struct lite_world *w, const struct lite_row *r)
{
    char text[33];
    const int64_t numbers[] = {
        r->first_us,
        r->last_us,
        (int64_t)r->src_port,
        (int64_t)r->dst_port,
        (int64_t)r->protocol,
        (int64_t)r->flags,
        (int64_t)r->src_as,
        (int64_t)r->in_if,
        (int64_t)r->in_bytes,
        (int64_t)r->in_packets,
        (int64_t)r->out_bytes,
        (int64_t)r->out_packets,
        (int64_t)(r->in_bytes + r->out_bytes),
        (int64_t)(r->in_packets + r->out_packets),
    };

    sqlite3_clear_bindings(w->insert);
    for (size_t i = 0; i < SL_COUNTOF(numbers); i++)
        sqlite3_bind_int64(w->insert, (int)i + 1, numbers[i]);
    if (r->has_src) {
        oracle_addr_text(r->src, text);
        sqlite3_bind_text(w->insert, 15, text, 32, SQLITE_TRANSIENT);
    }
    oracle_addr_text(r->dst, text);
    sqlite3_bind_text(w->insert, 16, text, 32, SQLITE_TRANSIENT);
    if (r->has_l7)
        sqlite3_bind_int64(w->insert, 17, (int64_t)r->l7);
    if (r->has_app)
        sqlite3_bind_text(w->insert, 18, r->app, -1, SQLITE_TRANSIENT);
    assert_int_equal(sqlite3_step(w->insert), SQLITE_DONE);
    sqlite3_reset(w->insert);
}

void
lite_open(struct lite_world *w)
{
    oracle_store_open(&w->base);
    assert_int_equal(sqlite3_open(":memory:", &w->lite), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(w->lite,
                     "PRAGMA case_sensitive_like = 0;"
                     "CREATE TABLE flows (first_seen INTEGER, last_seen INTEGER, src_port INTEGER,"
                     " dst_port INTEGER, protocol INTEGER, tcp_flags INTEGER, src_as INTEGER,"
                     " input_if INTEGER, in_bytes INTEGER, in_packets INTEGER, out_bytes INTEGER,"
                     " out_packets INTEGER, bytes INTEGER, packets INTEGER, src_addr TEXT,"
                     " dst_addr TEXT, l7_proto INTEGER, app TEXT COLLATE NOCASE);"
                     "CREATE INDEX by_port ON flows (dst_port, protocol);"
                     "CREATE INDEX by_source ON flows (src_addr); CREATE INDEX by_target ON flows "
                     "(dst_addr);"
                     "CREATE INDEX by_bytes ON flows (in_bytes)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(w->lite,
                                        "INSERT INTO flows VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
                                        "?,?,?,?)",
                                        -1, &w->insert, NULL),
                     SQLITE_OK);
}

void
lite_load(struct lite_world *w)
{
    struct sl_error err = {0};
    uint32_t third = w->row_count / 3;

    for (uint32_t i = 0; i < 6; i++) {
        append_rows(w, i * third / 6, (i + 1) * third / 6);
        TEST_OK(sl_store_flush(w->base.store, &err), &err);
    }
    TEST_OK(sl_store_merge_all(w->base.store, &err), &err);
    append_rows(w, third, 2 * third);
    TEST_OK(sl_store_flush(w->base.store, &err), &err);
    append_rows(w, 2 * third, w->row_count);

    assert_int_equal(sqlite3_exec(w->lite, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    for (uint32_t i = 0; i < w->row_count; i++)
        insert_row(w, &w->rows[i]);
    assert_int_equal(sqlite3_exec(w->lite, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

void
lite_close(struct lite_world *w)
{
    sqlite3_finalize(w->insert);
    sqlite3_close(w->lite);
    oracle_store_close(&w->base);
    free(w->rows);
}
