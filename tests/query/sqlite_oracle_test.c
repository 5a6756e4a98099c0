/*
 * sqlite_oracle_test.c - thousands of generated queries give what SQLite gives.
 *
 * Method: one set of rows goes into a store (a part sealed, a part sealed and merged, a part in
 * memory) and into a table of SQLite. A generator writes each query twice, once in each dialect,
 * from pieces whose meaning MySQL and SQLite share. Which indexes a query may use is drawn too,
 * and the number of threads.
 *
 * In SQLite an address is 32 hexadecimal digits of its key, which sort as addresses do, and a
 * time is microseconds.
 */
#include "tests/query/oracle.h"

#include <sqlite3.h>
#include <stdio.h>

#include "storage/base/arena.h"
#include "storage/base/clock.h"
#include "storage/clause.h"

enum { GENERATED_ROWS = 6000, GENERATED_QUERIES = 2000, REAL_ROWS = 20000, REAL_QUERIES = 100 };

struct row {
    int64_t first_us, last_us;
    struct sl_addr src, dst;
    bool has_src, has_app, has_l7;
    uint64_t src_port, dst_port, protocol, flags, src_as, in_if, l7;
    uint64_t in_bytes, in_packets, out_bytes, out_packets;
    char app[24];
};

struct world {
    char *directory;
    struct sl_budget memory; /* for decoded blocks */
    struct sl_schema *schema;
    struct sl_pool *pool;
    struct sl_store *store;
    sqlite3 *lite;
    sqlite3_stmt *insert;
    struct row *rows;
    uint32_t row_count;
    uint64_t seed;
};

/* ---- rows ---- */

static uint64_t
draw(struct world *w, uint64_t bound)
{
    return test_random_below(&w->seed, bound);
}

static struct sl_addr
draw_addr(struct world *w)
{
    if (draw(w, 6) == 0)
        return (struct sl_addr){.high = UINT64_C(0x20010db8) << 32, .low = draw(w, 40)};
    uint32_t network = draw(w, 3) == 0 ? 0xc0a80100 : 0x0a000000;
    return sl_addr_from_v4(network + (uint32_t)draw(w, draw(w, 2) == 0 ? 30 : 5000));
}

static struct row
draw_row(struct world *w)
{
    static const char *const apps[] = {"DNS",         "dns", "HTTP", "TLS",
                                       "TLS.YouTube", "ssh", "",     "NTP"};
    static const uint16_t ports[] = {53, 80, 443, 22, 123, 8080};
    struct row r = {0};

    r.first_us =
        INT64_C(1700000000000000) + (int64_t)draw(w, 7200) * 1000000 + (int64_t)draw(w, 4) * 250000;
    r.last_us = r.first_us + (int64_t)draw(w, 120000) * 1000;
    r.src = draw_addr(w);
    r.dst = draw_addr(w);
    r.has_src = draw(w, 50) != 0;
    r.src_port = draw(w, 3) == 0 ? ports[draw(w, SL_COUNTOF(ports))] : 1024 + draw(w, 60000);
    r.dst_port = ports[draw(w, SL_COUNTOF(ports))];
    r.protocol = draw(w, 4) == 0 ? 17 : draw(w, 20) == 0 ? 1 : 6;
    r.flags = r.protocol == 6 ? draw(w, 64) : 0;
    r.src_as = draw(w, 30);
    r.in_if = draw(w, 5);
    r.has_l7 = draw(w, 3) != 0;
    r.l7 = draw(w, 12);
    r.in_bytes = draw(w, 20) == 0 ? draw(w, UINT64_C(1) << 40) : draw(w, 3000);
    r.in_packets = 1 + draw(w, 50);
    r.out_bytes = draw(w, 3) == 0 ? 0 : draw(w, 100000);
    r.out_packets = r.out_bytes == 0 ? 0 : 1 + draw(w, 80);
    r.has_app = draw(w, 10) != 0;
    (void)snprintf(r.app, sizeof(r.app), "%s", apps[draw(w, SL_COUNTOF(apps))]);
    return r;
}

static void
build_row(struct sl_builder *b, const struct world *w, const struct row *r)
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
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->schema, numbers[i].column)),
                           numbers[i].value);
    if (r->has_src)
        sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(w->schema, SL_COLUMN_SRC_ADDR)),
                            r->src);
    sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(w->schema, SL_COLUMN_DST_ADDR)),
                        r->dst);
    if (r->has_l7)
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->schema, SL_COLUMN_L7_PROTO)),
                           r->l7);
    if (r->has_app)
        sl_builder_set_slice(b, sl_builder_column(b, sl_schema_at(w->schema, SL_COLUMN_APP)),
                             r->app, strlen(r->app));
    sl_builder_next(b);
}

static void
append_rows(struct world *w, uint32_t first, uint32_t last)
{
    struct sl_builder *b = sl_builder_create(4096);
    struct sl_error err = {0};

    for (uint32_t i = first; i < last; i++) {
        build_row(b, w, &w->rows[i]);
        if (!sl_builder_is_full(b) && i + 1 < last)
            continue;
        struct sl_batch *batch = sl_builder_finish(b);
        TEST_OK(sl_store_append(w->store, batch, NULL, NULL, NULL, &err), &err);
        sl_batch_release(batch);
    }
    sl_builder_destroy(b);
}

static void
insert_row(struct world *w, const struct row *r)
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

static void
open_world(struct world *w)
{
    struct sl_error err = {0};

    w->directory = test_dir_create();
    w->schema = sl_schema_create();
    w->pool = sl_pool_create("test", 2);
    struct sl_store_options options = sl_store_options_default();
    options.directory = w->directory;
    options.is_background_off = true;
    w->memory.limit_bytes = options.cache_bytes = 1 << 20;
    options.memory = &w->memory;
    TEST_OK(sl_store_open(&options, w->schema, w->pool, &w->store, &err), &err);
    assert_int_equal(sqlite3_open(":memory:", &w->lite), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(w->lite,
                     "PRAGMA case_sensitive_like = 0;"
                     "CREATE TABLE flows (first_seen INTEGER, last_seen INTEGER, src_port INTEGER,"
                     " dst_port INTEGER, protocol INTEGER, tcp_flags INTEGER, src_as INTEGER,"
                     " input_if INTEGER, in_bytes INTEGER, in_packets INTEGER, out_bytes INTEGER,"
                     " out_packets INTEGER, bytes INTEGER, packets INTEGER, src_addr TEXT,"
                     " dst_addr TEXT, l7_proto INTEGER, app TEXT COLLATE NOCASE)",
                     NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(w->lite,
                                        "INSERT INTO flows VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
                                        "?,?,?,?)",
                                        -1, &w->insert, NULL),
                     SQLITE_OK);
}

/* A third in many small segments that are merged, a third sealed, the rest in memory. */
static void
load_world(struct world *w)
{
    struct sl_error err = {0};
    uint32_t third = w->row_count / 3;

    for (uint32_t i = 0; i < 6; i++) {
        append_rows(w, i * third / 6, (i + 1) * third / 6);
        TEST_OK(sl_store_flush(w->store, &err), &err);
    }
    TEST_OK(sl_store_merge_all(w->store, &err), &err);
    append_rows(w, third, 2 * third);
    TEST_OK(sl_store_flush(w->store, &err), &err);
    append_rows(w, 2 * third, w->row_count);

    assert_int_equal(sqlite3_exec(w->lite, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
    for (uint32_t i = 0; i < w->row_count; i++)
        insert_row(w, &w->rows[i]);
    assert_int_equal(sqlite3_exec(w->lite, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
}

static void
close_world(struct world *w)
{
    sqlite3_finalize(w->insert);
    sqlite3_close(w->lite);
    sl_store_close(w->store);
    sl_pool_destroy(w->pool);
    sl_schema_destroy(w->schema);
    test_dir_remove(w->directory);
    free(w->rows);
}

/* ---- queries, in two dialects at once ---- */

struct twin {
    struct sl_buf ours;
    struct sl_buf theirs;
};

static void
say(struct twin *t, const char *text)
{
    sl_buf_text(&t->ours, text);
    sl_buf_text(&t->theirs, text);
}

static void
say_two(struct twin *t, const char *ours, const char *theirs)
{
    sl_buf_text(&t->ours, ours);
    sl_buf_text(&t->theirs, theirs);
}

static void
say_number(struct twin *t, int64_t number)
{
    sl_buf_printf(&t->ours, "%" PRId64, number);
    sl_buf_printf(&t->theirs, "%" PRId64, number);
}

static const struct row *
draw_known(struct world *w)
{
    return &w->rows[draw(w, w->row_count)];
}

static void
say_addr(struct world *w, struct twin *t)
{
    char text[SL_ADDR_TEXT_BYTES], key[33];
    const struct row *r = draw_known(w);
    struct sl_addr addr = draw(w, 2) == 0 ? r->dst : r->src;

    (void)sl_addr_format(addr, text);
    oracle_addr_text(addr, key);
    sl_buf_printf(&t->ours, "'%s'", text);
    sl_buf_printf(&t->theirs, "'%s'", key);
}

static void
say_time(struct world *w, struct twin *t)
{
    char text[SL_TIME_TEXT_BYTES];
    int64_t time_us = draw_known(w)->last_us;

    if (draw(w, 2) == 0)
        time_us = time_us / 60000000 * 60000000;
    (void)sl_time_format(time_us, text);
    size_t size = strlen(text);
    text[10] = ' ';
    text[size - 1] = 0; /* the Z */
    sl_buf_printf(&t->ours, "'%s'", text);
    sl_buf_printf(&t->theirs, "%" PRId64, time_us);
}

/* Integer columns that are never NULL; those after `signed_from` may be NULL. */
static const char *const integers[] = {
    "src_port",   "dst_port",  "protocol",    "tcp_flags", "src_as",  "input_if", "in_bytes",
    "in_packets", "out_bytes", "out_packets", "bytes",     "packets", "l7_proto",
};

static const char *
draw_integer(struct world *w)
{
    return integers[draw(w, SL_COUNTOF(integers))];
}

static int64_t
draw_constant(struct world *w, const char *column)
{
    const struct row *r = draw_known(w);

    switch (draw(w, 8)) {
    case 0:
        return (int64_t)draw(w, 10) - 2;
    case 1:
        return (int64_t)draw(w, 100000);
    default:
        break;
    }
    if (strcmp(column, "src_port") == 0)
        return (int64_t)r->src_port;
    if (strcmp(column, "dst_port") == 0)
        return (int64_t)r->dst_port;
    if (strcmp(column, "protocol") == 0)
        return (int64_t)r->protocol;
    if (strcmp(column, "in_bytes") == 0 || strcmp(column, "bytes") == 0)
        return (int64_t)r->in_bytes;
    if (strcmp(column, "out_bytes") == 0)
        return (int64_t)r->out_bytes;
    return (int64_t)draw(w, 64);
}

static void
say_app(struct world *w, struct twin *t)
{
    static const char *const apps[] = {"'dns'", "'HTTP'", "'tls'", "'ssh'", "''", "'nothing'"};
    say(t, apps[draw(w, SL_COUNTOF(apps))]);
}

static const char *
draw_comparison(struct world *w)
{
    static const char *const names[] = {" = ", " <> ", " < ", " <= ", " > ", " >= "};
    return names[draw(w, SL_COUNTOF(names))];
}

static void
say_expression(struct world *w, struct twin *t, unsigned depth)
{
    switch (depth == 0 ? draw(w, 2) : draw(w, 10)) {
    case 0:
        say(t, draw_integer(w));
        break;
    case 1:
        say_number(t, (int64_t)draw(w, 1000));
        break;
    case 2:
        say(t, "(");
        say_expression(w, t, depth - 1);
        say(t, " + ");
        say_expression(w, t, depth - 1);
        say(t, ")");
        break;
    case 3:
        say(t, "(");
        say(t, draw_integer(w));
        say(t, " * ");
        say_number(t, (int64_t)draw(w, 20));
        say(t, ")");
        break;
    case 4:
        say(t, "(");
        say(t, draw_integer(w));
        say_two(t, " DIV ", " / ");
        say_number(t, (int64_t)draw(w, 9)); /* by 0 is NULL in both */
        say(t, ")");
        break;
    case 5:
        say(t, "(");
        say(t, draw_integer(w));
        say(t, " % ");
        say_number(t, (int64_t)draw(w, 9));
        say(t, ")");
        break;
    case 6:
        say_two(t, "(CAST(", "(");
        say(t, draw_integer(w));
        say_two(t, " AS SIGNED) - CAST(", " - ");
        say(t, draw_integer(w));
        say_two(t, " AS SIGNED))", ")");
        break;
    case 7:
        say(t, "CASE WHEN ");
        say(t, draw_integer(w));
        say(t, draw_comparison(w));
        say_number(t, (int64_t)draw(w, 500));
        say(t, " THEN ");
        say_expression(w, t, depth - 1);
        say(t, " ELSE ");
        say_expression(w, t, depth - 1);
        say(t, " END");
        break;
    case 8:
        say(t, "COALESCE(l7_proto, ");
        say_expression(w, t, depth - 1);
        say(t, ")");
        break;
    default:
        say(t, "LENGTH(app)");
        break;
    }
}

static void
say_side(struct twin *t, bool is_source)
{
    say(t, is_source ? "src_addr" : "dst_addr");
}

static void
say_network(struct world *w, struct twin *t, bool is_source)
{
    struct sl_addr first, last;
    char text[SL_ADDR_TEXT_BYTES], low[33], high[33];
    const struct row *r = draw_known(w);
    bool is_v4 = sl_addr_is_v4(r->dst);
    unsigned bits = (unsigned)(is_v4 ? draw(w, 33) : 32 + draw(w, 97));

    sl_addr_block(r->dst, bits, &first, &last);
    (void)sl_addr_format(r->dst, text);
    oracle_addr_text(first, low);
    oracle_addr_text(last, high);
    say_side(t, is_source);
    sl_buf_printf(&t->ours, " IN ('%s/%u')", text, bits);
    sl_buf_printf(&t->theirs, " BETWEEN '%s' AND '%s'", low, high);
}

static void
say_in_list(struct world *w, struct twin *t, const char *column)
{
    say(t, column);
    say(t, draw(w, 4) == 0 ? " NOT IN (" : " IN (");
    for (uint64_t i = 0, count = 1 + draw(w, 5); i < count; i++) {
        if (i != 0)
            say(t, ", ");
        say_number(t, draw_constant(w, column));
    }
    say(t, ")");
}

static void
say_predicate(struct world *w, struct twin *t, unsigned depth)
{
    bool is_source = draw(w, 2) == 0;
    const char *column = draw_integer(w);

    switch (depth == 0 ? draw(w, 10) : draw(w, 15)) {
    case 0:
    case 1:
        say(t, column);
        say(t, draw_comparison(w));
        say_number(t, draw_constant(w, column));
        break;
    case 2:
        say(t, column);
        say(t, draw(w, 5) == 0 ? " NOT BETWEEN " : " BETWEEN ");
        say_number(t, draw_constant(w, column));
        say(t, " AND ");
        say_number(t, draw_constant(w, column));
        break;
    case 3:
        say_in_list(w, t, column);
        break;
    case 4:
        say_side(t, is_source);
        say(t, draw(w, 3) == 0 ? draw_comparison(w) : " = ");
        say_addr(w, t);
        break;
    case 5:
        say_network(w, t, is_source);
        break;
    case 6:
        say(t, draw(w, 2) == 0 ? "last_seen" : "first_seen");
        say(t, draw_comparison(w));
        say_time(w, t);
        break;
    case 7:
        say(t, "app");
        say(t, draw(w, 3) == 0 ? draw_comparison(w) : " = ");
        say_app(w, t);
        break;
    case 8:
        say(t, draw(w, 2) == 0 ? "app LIKE 't%'" : "app LIKE '%s'");
        break;
    case 9:
        say(t, is_source ? "src_addr IS NULL" : "l7_proto IS NOT NULL");
        break;
    case 10:
        say(t, "NOT (");
        say_predicate(w, t, depth - 1);
        say(t, ")");
        break;
    case 11:
        say_expression(w, t, 1);
        say(t, draw_comparison(w));
        say_expression(w, t, 1);
        break;
    default:
        say(t, "(");
        say_predicate(w, t, depth - 1);
        say(t, draw(w, 2) == 0 ? " AND " : " OR ");
        say_predicate(w, t, depth - 1);
        say(t, ")");
    }
}

static void
say_where(struct world *w, struct twin *t)
{
    if (draw(w, 5) == 0)
        return;
    say(t, " WHERE ");
    say_predicate(w, t, (unsigned)draw(w, 3));
    while (draw(w, 3) == 0) {
        say(t, " AND ");
        say_predicate(w, t, 1);
    }
}

/* A column or expression that may be selected, grouped by and sorted. */
static void
say_key(struct world *w, struct twin *t)
{
    switch (draw(w, 8)) {
    case 0:
        say(t, "src_addr");
        break;
    case 1:
        say(t, "dst_addr");
        break;
    case 2:
        say(t, "app");
        break;
    case 3:
        say_two(t, "time_bucket(last_seen, 300)", "(last_seen / 300000000 * 300000000)");
        break;
    case 4:
        say_two(t, "UNIX_TIMESTAMP(last_seen) DIV 60 * 60", "(last_seen / 60000000 * 60)");
        break;
    case 5:
        say_expression(w, t, 1);
        break;
    default:
        say(t, draw_integer(w));
    }
}

static void
say_aggregate(struct world *w, struct twin *t)
{
    static const char *const names[] = {"SUM(",   "MIN(", "MAX(",           "AVG(",
                                        "COUNT(", "SUM(", "COUNT(DISTINCT "};
    const char *name = names[draw(w, SL_COUNTOF(names))];

    if (draw(w, 4) == 0) {
        say(t, "COUNT(*)");
        return;
    }
    say(t, name);
    if (strcmp(name, "SUM(") != 0 && strcmp(name, "AVG(") != 0 && draw(w, 3) == 0)
        say(t, draw(w, 3) == 0 ? "app" : draw(w, 2) == 0 ? "src_addr" : "last_seen");
    else
        say_expression(w, t, 1);
    say(t, ")");
}

/* ORDER BY every output, so that a LIMIT has one answer only. */
static void
say_order(struct world *w, struct twin *t, uint32_t count, uint32_t first)
{
    say(t, " ORDER BY ");
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0)
            say(t, ", ");
        say_number(t, (int64_t)((first + i) % count) + 1);
        say_two(t, "", " COLLATE NOCASE"); /* MIN(app) has lost the column's collation there */
        if (draw(w, 2) == 0)
            say(t, " DESC");
    }
    /* MySQL's AVG has four decimals, so it has ties that SQLite's has not. */
    sl_buf_u8(&t->ours, 0);
    t->ours.size_bytes--;
    if (draw(w, 2) == 0 || strstr((const char *)t->ours.bytes, "AVG(") != NULL)
        return;
    say(t, " LIMIT ");
    say_number(t, (int64_t)draw(w, draw(w, 2) == 0 ? 10 : 3000));
    if (draw(w, 3) != 0)
        return;
    say(t, " OFFSET ");
    say_number(t, (int64_t)draw(w, 50));
}

static void
say_grouped(struct world *w, struct twin *t, uint32_t *out_columns)
{
    uint32_t keys = (uint32_t)draw(w, 4);
    uint32_t aggregates = 1 + (uint32_t)draw(w, 3);

    say(t, "SELECT ");
    for (uint32_t i = 0; i < keys; i++) {
        say_key(w, t);
        sl_buf_printf(&t->ours, " AS k%" PRIu32 ", ", i);
        sl_buf_printf(&t->theirs, " AS k%" PRIu32 ", ", i);
    }
    for (uint32_t i = 0; i < aggregates; i++) {
        say(t, i == 0 ? "" : ", ");
        say_aggregate(w, t);
    }
    say(t, " FROM flows");
    say_where(w, t);
    for (uint32_t i = 0; i < keys; i++) {
        say(t, i == 0 ? " GROUP BY " : ", ");
        say_number(t, (int64_t)i + 1);
    }
    if (keys != 0 && draw(w, 3) == 0) {
        say(t, " HAVING COUNT(*) > ");
        say_number(t, (int64_t)draw(w, 5));
    }
    *out_columns = keys + aggregates;
}

static void
say_plain(struct world *w, struct twin *t, uint32_t *out_columns)
{
    uint32_t count = 1 + (uint32_t)draw(w, 4);

    say(t, draw(w, 3) == 0 ? "SELECT DISTINCT " : "SELECT ");
    for (uint32_t i = 0; i < count; i++) {
        say(t, i == 0 ? "" : ", ");
        if (draw(w, 4) == 0)
            say(t, "last_seen");
        else
            say_key(w, t);
    }
    say(t, " FROM flows");
    say_where(w, t);
    *out_columns = count;
}

static void
say_nested(struct world *w, struct twin *t, uint32_t *out_columns)
{
    say(t, "SELECT a, COUNT(*), SUM(b), MAX(b) FROM (SELECT ");
    say_key(w, t);
    say(t, " AS a, SUM(");
    say_expression(w, t, 1);
    say(t, ") AS b FROM flows");
    say_where(w, t);
    say(t, " GROUP BY ");
    say(t, draw(w, 2) == 0 ? "1" : "1, src_port");
    say(t, ") AS t WHERE b > ");
    say_number(t, (int64_t)draw(w, 2000));
    say(t, " GROUP BY a");
    *out_columns = 4;
}

static void
say_union(struct world *w, struct twin *t, uint32_t *out_columns)
{
    say(t, "SELECT ");
    say(t, draw_integer(w));
    say(t, " AS x, src_addr FROM flows");
    say_where(w, t);
    for (uint64_t i = 0, count = 1 + draw(w, 2); i < count; i++) {
        say(t, draw(w, 2) == 0 ? " UNION ALL SELECT " : " UNION SELECT ");
        say(t, draw_integer(w));
        say(t, ", dst_addr FROM flows");
        say_where(w, t);
    }
    *out_columns = 2;
}

/* ---- comparing ---- */

static bool
run_lite(const struct world *w, const char *text, struct oracle_table *table)
{
    sqlite3_stmt *statement = NULL;

    *table = (struct oracle_table){0};
    if (sqlite3_prepare_v2(w->lite, text, -1, &statement, NULL) != SQLITE_OK)
        return false;
    table->column_count = (uint32_t)sqlite3_column_count(statement);
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct oracle_cell *cells = oracle_table_add(table);
        for (int i = 0; i < (int)table->column_count; i++)
            switch (sqlite3_column_type(statement, i)) {
            case SQLITE_INTEGER:
                cells[i].kind = ORACLE_INTEGER;
                cells[i].integer = sqlite3_column_int64(statement, i);
                break;
            case SQLITE_FLOAT:
                cells[i].kind = ORACLE_REAL;
                cells[i].real = sqlite3_column_double(statement, i);
                break;
            case SQLITE_TEXT:
                oracle_cell_text(&cells[i], sqlite3_column_text(statement, i),
                                 (size_t)sqlite3_column_bytes(statement, i));
                break;
            default:
                break;
            }
    }
    sqlite3_finalize(statement);
    return step == SQLITE_DONE;
}

static void
compare_once(struct world *w)
{
    struct twin t = {sl_buf_empty(1 << 16), sl_buf_empty(1 << 16)};
    struct oracle_table ours, theirs;
    struct sl_error err = {0};
    uint32_t columns = 0;
    bool is_ordered = draw(w, 3) != 0;
    struct sl_session session = {.dialect = draw(w, 2) == 0 ? SL_DIALECT_MYSQL : SL_DIALECT_NATIVE,
                                 .database = "flows",
                                 .time_zone = "UTC",
                                 .user = "test"};
    struct sl_query_env env = {.store = w->store,
                               .schema = w->schema,
                               .pool = w->pool,
                               .threads_max = 1 + (unsigned)draw(w, 3),
                               .memory_bytes = (size_t)256 << 20,
                               .prune = draw(w, 2) == 0 ? SL_PRUNE_ALL : (uint32_t)draw(w, 32)};

    switch (draw(w, 8)) {
    case 0:
    case 1:
    case 2:
        say_plain(w, &t, &columns);
        break;
    case 3:
        say_nested(w, &t, &columns);
        break;
    case 4:
        say_union(w, &t, &columns);
        break;
    default:
        say_grouped(w, &t, &columns);
    }
    if (is_ordered)
        say_order(w, &t, columns, (uint32_t)draw(w, columns));
    sl_buf_u8(&t.ours, 0);
    sl_buf_u8(&t.theirs, 0);
    const char *ours_text = (const char *)t.ours.bytes;
    const char *theirs_text = (const char *)t.theirs.bytes;

    if (!run_lite(w, theirs_text, &theirs))
        fail_msg("SQLite: %s\n  %s", sqlite3_errmsg(w->lite), theirs_text);
    sl_status st = oracle_run(&env, &session, ours_text, &ours, &err);
    if (st != SL_OK)
        fail_msg("%s\n  %s", err.text, ours_text);
    /* Rows without an order are a set; among fractions, ties may fall differently. */
    if (!is_ordered || oracle_table_has_real(&ours)) {
        oracle_table_sort(&ours);
        oracle_table_sort(&theirs);
    }
    const char *difference = oracle_table_differ(&ours, &theirs);
    if (difference != NULL)
        fail_msg("%s\n  sluice: %s\n  SQLite: %s\n  prune %u threads %u", difference, ours_text,
                 theirs_text, env.prune, env.threads_max);
    oracle_table_fini(&ours);
    oracle_table_fini(&theirs);
    sl_buf_fini(&t.ours);
    sl_buf_fini(&t.theirs);
}

static void
generated_rows_agree(void **state)
{
    struct world w = {.seed = test_seed()};
    (void)state;

    open_world(&w);
    w.row_count = GENERATED_ROWS;
    w.rows = sl_new(w.row_count * sizeof(*w.rows));
    for (uint32_t i = 0; i < w.row_count; i++)
        w.rows[i] = draw_row(&w);
    load_world(&w);
    for (unsigned i = 0; i < test_rounds(GENERATED_QUERIES); i++)
        compare_once(&w);
    close_world(&w);
}

/* ---- real rows: one day of connections of a cloud host ---- */

static uint64_t
number_field(char **fields, int index)
{
    return strtoull(fields[index], NULL, 10);
}

static bool
parse_real(char *line, struct row *r)
{
    char *fields[16];
    int count = 0;
    char *rest = line;

    for (char *field; count < 16 && (field = strsep(&rest, ",")) != NULL;)
        fields[count++] = field;
    if (count < 16)
        return false;
    double start = strtod(fields[0], NULL);
    double duration = strtod(fields[7], NULL);
    *r = (struct row){.first_us = (int64_t)(start * 1e6), .has_src = true};
    r->last_us = r->first_us + (int64_t)(duration * 1e6);
    if (start == 0 || !sl_addr_parse(fields[1], strlen(fields[1]), &r->src) ||
        !sl_addr_parse(fields[3], strlen(fields[3]), &r->dst))
        return false;
    r->src_port = number_field(fields, 2);
    r->dst_port = number_field(fields, 4);
    r->protocol = strcmp(fields[5], "tcp") == 0 ? 6 : strcmp(fields[5], "udp") == 0 ? 17 : 1;
    r->in_bytes = number_field(fields, 13);
    r->in_packets = number_field(fields, 12);
    r->out_bytes = number_field(fields, 15);
    r->out_packets = number_field(fields, 14);
    r->has_app = fields[6][0] != 0 && fields[6][0] != '-';
    (void)snprintf(r->app, sizeof(r->app), "%.20s", fields[6]);
    return true;
}

static void
real_rows_agree(void **state)
{
    struct world w = {.seed = test_seed()};
    const char *shared = test_shared();
    char command[SL_PATH_BYTES_MAX];
    char line[4096];
    (void)state;

    if (shared == NULL)
        skip();
    (void)snprintf(command, sizeof(command),
                   "zstd -dcq '%s/data/flows/rita-cloudhost-zeek-conn-2024-04-19_20.csv.zst'",
                   shared);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    open_world(&w);
    w.rows = sl_new(REAL_ROWS * sizeof(*w.rows));
    while (w.row_count < REAL_ROWS && fgets(line, sizeof(line), pipe) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        w.row_count += parse_real(line, &w.rows[w.row_count]);
    }
    (void)pclose(pipe);
    assert_true(w.row_count > 1000);
    load_world(&w);
    for (unsigned i = 0; i < test_rounds(REAL_QUERIES); i++)
        compare_once(&w);
    close_world(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_rows_agree),
        cmocka_unit_test(real_rows_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
