/*
 * sqlite_subquery.c - selects inside expressions, alone and with equalities of columns around them, in two
 * dialects at once: see sqlite_world.h.
 */
#include "tests/query/sqlite_world.h"

static void
say(struct lite_twin *t, const char *text)
{
    sl_buf_text(&t->ours, text);
    sl_buf_text(&t->theirs, text);
}

/* Columns of one kind, so that comparing them finds something. */
static const char *
draw_port(struct lite_world *w)
{
    return lite_draw(w, 2) == 0 ? "src_port" : "dst_port";
}

static const char *
draw_counter(struct lite_world *w)
{
    static const char *const names[] = {"in_bytes", "in_packets", "out_bytes", "out_packets"};
    return names[lite_draw(w, SL_COUNTOF(names))];
}

static void
say_where(struct lite_world *w, struct lite_twin *t)
{
    say(t, " WHERE ");
    lite_say_predicate(w, t, (unsigned)lite_draw(w, 2));
}

/* counter < (SELECT MAX(counter) ...) */
static void
say_extreme(struct lite_world *w, struct lite_twin *t)
{
    say(t, draw_counter(w));
    say(t, lite_draw(w, 2) == 0 ? " = (SELECT " : " > (SELECT ");
    say(t, lite_draw(w, 2) == 0 ? "MAX(" : "MIN(");
    say(t, draw_counter(w));
    say(t, ") FROM flows");
    say_where(w, t);
    say(t, ")");
}

/* port [NOT] IN (SELECT port ...), and the same with a row. */
static void
say_in(struct lite_world *w, struct lite_twin *t)
{
    bool is_row = lite_draw(w, 2) == 0;

    say(t, is_row ? "(src_port, protocol)" : draw_port(w));
    say(t, lite_draw(w, 3) == 0 ? " NOT IN (SELECT " : " IN (SELECT ");
    say(t, is_row ? "dst_port, protocol" : draw_port(w));
    say(t, " FROM flows");
    say_where(w, t);
    say(t, ")");
}

/* Equalities with the row around, and a condition of the subquery's own. */
static void
say_link(struct lite_world *w, struct lite_twin *t)
{
    static const char *const links[] = {
        "g.src_addr = f.dst_addr", "g.dst_port = f.src_port AND g.protocol = f.protocol",
        "f.app = g.app AND g.dst_addr = f.src_addr", "g.in_bytes = f.out_bytes"};

    say(t, links[lite_draw(w, SL_COUNTOF(links))]);
    if (lite_draw(w, 2) == 0)
        return;
    say(t, " AND ");
    lite_say_predicate(w, t, 1);
}

/* One comparison more, that is none of equality. */
static void
say_bound(struct lite_world *w, struct lite_twin *t)
{
    static const char *const bounds[] = {
        " AND g.in_bytes > f.in_bytes", " AND f.src_port >= g.dst_port", " AND g.app <> f.app",
        " AND g.last_seen < f.last_seen", " AND f.in_packets <= g.out_packets"};

    if (lite_draw(w, 2) == 0)
        say(t, bounds[lite_draw(w, SL_COUNTOF(bounds))]);
}

/* Three values: true, false, and NULL where one of those that are not it is NULL. */
static void
say_linked_in(struct lite_world *w, struct lite_twin *t)
{
    static const char *const columns[] = {"out_bytes", "dst_port", "app", "dst_addr"};
    const char *column = columns[lite_draw(w, SL_COUNTOF(columns))];

    say(t, "f.");
    say(t, column);
    say(t, lite_draw(w, 2) == 0 ? " IN (SELECT g." : " NOT IN (SELECT g.");
    say(t, column);
    say(t, " FROM flows AS g WHERE ");
    say_link(w, t);
    say(t, ")");
}

static void
say_exists(struct lite_world *w, struct lite_twin *t)
{
    say(t, lite_draw(w, 2) == 0 ? "EXISTS (SELECT 1" : "NOT EXISTS (SELECT *");
    say(t, " FROM flows AS g WHERE ");
    say_link(w, t);
    say_bound(w, t);
    say(t, ")");
}

static void
say_linked_value(struct lite_world *w, struct lite_twin *t)
{
    static const char *const values[] = {"COUNT(*)", "MAX(g.in_bytes)", "SUM(g.in_packets)",
                                         "COUNT(DISTINCT g.src_port) + COUNT(*)"};

    say(t, "(SELECT ");
    say(t, values[lite_draw(w, SL_COUNTOF(values))]);
    say(t, " FROM flows AS g WHERE ");
    say_link(w, t);
    say(t, ")");
}

static void
say_condition(struct lite_world *w, struct lite_twin *t)
{
    switch (lite_draw(w, 7)) {
    case 0:
        say_extreme(w, t);
        break;
    case 1:
        say_in(w, t);
        break;
    case 2:
        say_linked_value(w, t);
        say(t, " > 1");
        break;
    case 3:
        say_linked_in(w, t);
        break;
    case 4:
        say(t, "(");
        say_linked_in(w, t);
        say(t, ") IS NULL");
        break;
    default:
        say_exists(w, t);
    }
}

void
lite_say_subquery(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns)
{
    bool has_value = lite_draw(w, 3) == 0;

    say(t, "SELECT src_port, in_bytes, protocol");
    if (has_value) {
        say(t, ", ");
        say_linked_value(w, t);
    }
    say(t, " FROM flows AS f WHERE ");
    if (lite_draw(w, 2) == 0) {
        lite_say_predicate(w, t, 1);
        say(t, lite_draw(w, 4) == 0 ? " OR " : " AND ");
    }
    say_condition(w, t);
    *out_columns = 3 + has_value;
}
