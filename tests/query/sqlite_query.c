/*
 * sqlite_query.c - queries in two dialects at once, from pieces whose meaning MySQL and SQLite
 * share: see sqlite_world.h.
 */
#include <stdio.h>

#include "storage/base/clock.h"
#include "tests/query/sqlite_world.h"

static void
say(struct lite_twin *t, const char *text)
{
    sl_buf_text(&t->ours, text);
    sl_buf_text(&t->theirs, text);
}

static void
say_two(struct lite_twin *t, const char *ours, const char *theirs)
{
    sl_buf_text(&t->ours, ours);
    sl_buf_text(&t->theirs, theirs);
}

static void
say_number(struct lite_twin *t, int64_t number)
{
    sl_buf_printf(&t->ours, "%" PRId64, number);
    sl_buf_printf(&t->theirs, "%" PRId64, number);
}

static const struct lite_row *
draw_known(struct lite_world *w)
{
    return &w->rows[lite_draw(w, w->row_count)];
}

static void
say_addr(struct lite_world *w, struct lite_twin *t)
{
    char text[SL_ADDR_TEXT_BYTES], key[33];
    const struct lite_row *r = draw_known(w);
    struct sl_addr addr = lite_draw(w, 2) == 0 ? r->dst : r->src;

    (void)sl_addr_format(addr, text);
    oracle_addr_text(addr, key);
    sl_buf_printf(&t->ours, "'%s'", text);
    sl_buf_printf(&t->theirs, "'%s'", key);
}

static void
say_time(struct lite_world *w, struct lite_twin *t)
{
    char text[SL_TIME_TEXT_BYTES];
    int64_t time_us = draw_known(w)->last_us;

    if (lite_draw(w, 2) == 0)
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
draw_integer(struct lite_world *w)
{
    return integers[lite_draw(w, SL_COUNTOF(integers))];
}

static int64_t
draw_constant(struct lite_world *w, const char *column)
{
    const struct lite_row *r = draw_known(w);

    switch (lite_draw(w, 8)) {
    case 0:
        return (int64_t)lite_draw(w, 10) - 2;
    case 1:
        return (int64_t)lite_draw(w, 100000);
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
    return (int64_t)lite_draw(w, 64);
}

static void
say_app(struct lite_world *w, struct lite_twin *t)
{
    static const char *const apps[] = {"'dns'", "'HTTP'", "'tls'", "'ssh'", "''", "'nothing'"};
    say(t, apps[lite_draw(w, SL_COUNTOF(apps))]);
}

static const char *
draw_comparison(struct lite_world *w)
{
    static const char *const names[] = {" = ", " <> ", " < ", " <= ", " > ", " >= "};
    return names[lite_draw(w, SL_COUNTOF(names))];
}

static void
say_expression(struct lite_world *w, struct lite_twin *t, unsigned depth)
{
    switch (depth == 0 ? lite_draw(w, 2) : lite_draw(w, 10)) {
    case 0:
        say(t, draw_integer(w));
        break;
    case 1:
        say_number(t, (int64_t)lite_draw(w, 1000));
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
        say_number(t, (int64_t)lite_draw(w, 20));
        say(t, ")");
        break;
    case 4:
        say(t, "(");
        say(t, draw_integer(w));
        say_two(t, " DIV ", " / ");
        say_number(t, (int64_t)lite_draw(w, 9)); /* by 0 is NULL in both */
        say(t, ")");
        break;
    case 5:
        say(t, "(");
        say(t, draw_integer(w));
        say(t, " % ");
        say_number(t, (int64_t)lite_draw(w, 9));
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
        say_number(t, (int64_t)lite_draw(w, 500));
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
say_side(struct lite_twin *t, bool is_source)
{
    say(t, is_source ? "src_addr" : "dst_addr");
}

static void
say_network(struct lite_world *w, struct lite_twin *t, bool is_source)
{
    struct sl_addr first, last;
    char text[SL_ADDR_TEXT_BYTES], low[33], high[33];
    const struct lite_row *r = draw_known(w);
    bool is_v4 = sl_addr_is_v4(r->dst);
    unsigned bits = (unsigned)(is_v4 ? lite_draw(w, 33) : 32 + lite_draw(w, 97));

    sl_addr_block(r->dst, bits, &first, &last);
    (void)sl_addr_format(r->dst, text);
    oracle_addr_text(first, low);
    oracle_addr_text(last, high);
    say_side(t, is_source);
    sl_buf_printf(&t->ours, " IN ('%s/%u')", text, bits);
    sl_buf_printf(&t->theirs, " BETWEEN '%s' AND '%s'", low, high);
}

static void
say_in_list(struct lite_world *w, struct lite_twin *t, const char *column)
{
    say(t, column);
    say(t, lite_draw(w, 4) == 0 ? " NOT IN (" : " IN (");
    for (uint64_t i = 0, count = 1 + lite_draw(w, 5); i < count; i++) {
        if (i != 0)
            say(t, ", ");
        say_number(t, draw_constant(w, column));
    }
    say(t, ")");
}

void
lite_say_predicate(struct lite_world *w, struct lite_twin *t, unsigned depth)
{
    bool is_source = lite_draw(w, 2) == 0;
    const char *column = draw_integer(w);

    switch (depth == 0 ? lite_draw(w, 10) : lite_draw(w, 15)) {
    case 0:
    case 1:
        say(t, column);
        say(t, draw_comparison(w));
        say_number(t, draw_constant(w, column));
        break;
    case 2:
        say(t, column);
        say(t, lite_draw(w, 5) == 0 ? " NOT BETWEEN " : " BETWEEN ");
        say_number(t, draw_constant(w, column));
        say(t, " AND ");
        say_number(t, draw_constant(w, column));
        break;
    case 3:
        say_in_list(w, t, column);
        break;
    case 4:
        say_side(t, is_source);
        say(t, lite_draw(w, 3) == 0 ? draw_comparison(w) : " = ");
        say_addr(w, t);
        break;
    case 5:
        say_network(w, t, is_source);
        break;
    case 6:
        say(t, lite_draw(w, 2) == 0 ? "last_seen" : "first_seen");
        say(t, draw_comparison(w));
        say_time(w, t);
        break;
    case 7:
        say(t, "app");
        say(t, lite_draw(w, 3) == 0 ? draw_comparison(w) : " = ");
        say_app(w, t);
        break;
    case 8:
        say(t, lite_draw(w, 2) == 0 ? "app LIKE 't%'" : "app LIKE '%s'");
        break;
    case 9:
        say(t, is_source ? "src_addr IS NULL" : "l7_proto IS NOT NULL");
        break;
    case 10:
        say(t, "NOT (");
        lite_say_predicate(w, t, depth - 1);
        say(t, ")");
        break;
    case 11:
        say_expression(w, t, 1);
        say(t, draw_comparison(w));
        say_expression(w, t, 1);
        break;
    default:
        say(t, "(");
        lite_say_predicate(w, t, depth - 1);
        say(t, lite_draw(w, 2) == 0 ? " AND " : " OR ");
        lite_say_predicate(w, t, depth - 1);
        say(t, ")");
    }
}

static void
say_where(struct lite_world *w, struct lite_twin *t)
{
    if (lite_draw(w, 5) == 0)
        return;
    say(t, " WHERE ");
    lite_say_predicate(w, t, (unsigned)lite_draw(w, 3));
    while (lite_draw(w, 3) == 0) {
        say(t, " AND ");
        lite_say_predicate(w, t, 1);
    }
}

/* A column or expression that may be selected, grouped by and sorted. */
static void
say_key(struct lite_world *w, struct lite_twin *t)
{
    switch (lite_draw(w, 8)) {
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
say_aggregate(struct lite_world *w, struct lite_twin *t)
{
    static const char *const names[] = {"SUM(",   "MIN(", "MAX(",           "AVG(",
                                        "COUNT(", "SUM(", "COUNT(DISTINCT "};
    const char *name = names[lite_draw(w, SL_COUNTOF(names))];

    if (lite_draw(w, 4) == 0) {
        say(t, "COUNT(*)");
        return;
    }
    say(t, name);
    if (strcmp(name, "SUM(") != 0 && strcmp(name, "AVG(") != 0 && lite_draw(w, 3) == 0)
        say(t, lite_draw(w, 3) == 0 ? "app" : lite_draw(w, 2) == 0 ? "src_addr" : "last_seen");
    else
        say_expression(w, t, 1);
    say(t, ")");
}

/* ORDER BY every output, so that a LIMIT has one answer only. */
void
lite_say_order(struct lite_world *w, struct lite_twin *t, uint32_t count, uint32_t first)
{
    say(t, " ORDER BY ");
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0)
            say(t, ", ");
        say_number(t, (int64_t)((first + i) % count) + 1);
        say_two(t, "", " COLLATE NOCASE"); /* MIN(app) has lost the column's collation there */
        if (lite_draw(w, 2) == 0)
            say(t, " DESC");
    }
    /* MySQL's AVG has four decimals, so it has ties that SQLite's has not. */
    sl_buf_u8(&t->ours, 0);
    t->ours.size_bytes--;
    if (lite_draw(w, 2) == 0 || strstr((const char *)t->ours.bytes, "AVG(") != NULL)
        return;
    say(t, " LIMIT ");
    say_number(t, (int64_t)lite_draw(w, lite_draw(w, 2) == 0 ? 10 : 3000));
    if (lite_draw(w, 3) != 0)
        return;
    say(t, " OFFSET ");
    say_number(t, (int64_t)lite_draw(w, 50));
}

void
lite_say_grouped(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns)
{
    uint32_t keys = (uint32_t)lite_draw(w, 4);
    uint32_t aggregates = 1 + (uint32_t)lite_draw(w, 3);

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
    if (keys != 0 && lite_draw(w, 3) == 0) {
        say(t, " HAVING COUNT(*) > ");
        say_number(t, (int64_t)lite_draw(w, 5));
    }
    *out_columns = keys + aggregates;
}

void
lite_say_plain(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns)
{
    uint32_t count = 1 + (uint32_t)lite_draw(w, 4);

    say(t, lite_draw(w, 3) == 0 ? "SELECT DISTINCT " : "SELECT ");
    for (uint32_t i = 0; i < count; i++) {
        say(t, i == 0 ? "" : ", ");
        if (lite_draw(w, 4) == 0)
            say(t, "last_seen");
        else
            say_key(w, t);
    }
    say(t, " FROM flows");
    say_where(w, t);
    *out_columns = count;
}

void
lite_say_nested(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns)
{
    say(t, "SELECT a, COUNT(*), SUM(b), MAX(b) FROM (SELECT ");
    say_key(w, t);
    say(t, " AS a, SUM(");
    say_expression(w, t, 1);
    say(t, ") AS b FROM flows");
    say_where(w, t);
    say(t, " GROUP BY ");
    say(t, lite_draw(w, 2) == 0 ? "1" : "1, src_port");
    say(t, ") AS t WHERE b > ");
    say_number(t, (int64_t)lite_draw(w, 2000));
    say(t, " GROUP BY a");
    *out_columns = 4;
}

void
lite_say_union(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns)
{
    say(t, "SELECT ");
    say(t, draw_integer(w));
    say(t, " AS x, src_addr FROM flows");
    say_where(w, t);
    for (uint64_t i = 0, count = 1 + lite_draw(w, 2); i < count; i++) {
        say(t, lite_draw(w, 2) == 0 ? " UNION ALL SELECT " : " UNION SELECT ");
        say(t, draw_integer(w));
        say(t, ", dst_addr FROM flows");
        say_where(w, t);
    }
    *out_columns = 2;
}
