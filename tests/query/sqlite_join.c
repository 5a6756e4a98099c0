/*
 * sqlite_join.c - joins in two dialects at once: see sqlite_world.h.
 *
 * flows with groups of flows, by one or two keys or by none, INNER, LEFT, RIGHT, NATURAL, with a comma or
 * USING; with flows themselves; and a third table. Conditions, in ON as in WHERE, are about one table, about
 * both as an equality, and about both as anything else.
 */
#include "tests/query/sqlite_world.h"

static const char *const keys[] = {"src_addr", "dst_addr", "app",      "src_port",
                                   "protocol", "src_as",   "l7_proto", "dst_port"};

static void
say(struct lite_twin *t, const char *text)
{
    sl_buf_text(&t->ours, text);
    sl_buf_text(&t->theirs, text);
}

static void
say_word(struct lite_twin *t, const char *before, const char *word, const char *after)
{
    say(t, before);
    say(t, word);
    say(t, after);
}

static void
say_number(struct lite_twin *t, const char *before, uint64_t number)
{
    say(t, before);
    sl_buf_printf(&t->ours, "%" PRIu64, number);
    sl_buf_printf(&t->theirs, "%" PRIu64, number);
}

/* Groups of flows by the keys, some of them. */
static void
say_groups(struct lite_world *w, struct lite_twin *t, const char *first, const char *second)
{
    say_word(t, "(SELECT ", first, "");
    if (second != NULL)
        say_word(t, ", ", second, "");
    say(t, ", COUNT(*) AS n, MAX(in_bytes) AS v FROM flows");
    if (lite_draw(w, 2) == 0)
        say_number(t, " WHERE in_packets < ", lite_draw(w, 50));
    say_word(t, " GROUP BY ", first, "");
    if (second != NULL)
        say_word(t, ", ", second, "");
    say(t, ")");
}

static void
say_condition(struct lite_world *w, struct lite_twin *t)
{
    switch (lite_draw(w, 6)) {
    case 0:
        say_number(t, " AND f.protocol = ", lite_draw(w, 2) == 0 ? 6 : 17);
        break;
    case 1:
        say_number(t, " AND g.n > ", lite_draw(w, 6));
        break;
    case 2:
        say_number(t, " AND (f.app = 'tls' OR f.dst_port < ", lite_draw(w, 500));
        say(t, ")");
        break;
    case 3:
        say_number(t, " AND g.v < f.in_bytes + ", lite_draw(w, 500));
        break;
    case 4:
        say(t, " AND (g.n IS NULL OR f.src_as < 20)");
        break;
    default:
        say_number(t, " AND f.src_port >= g.n + ", lite_draw(w, 40000));
    }
}

/* How f and g are joined: FROM is said, WHERE is begun. */
static void
say_joined(struct lite_world *w, struct lite_twin *t, const char *first, const char *second)
{
    /* SQLite goes through both tables for a RIGHT JOIN: the last two are for keys of few groups. */
    static const char *const joins[] = {
        ", ",          " INNER JOIN ",   " INNER JOIN ", " LEFT JOIN ",         " LEFT JOIN ",
        " LEFT JOIN ", " NATURAL JOIN ", " RIGHT JOIN ", " NATURAL RIGHT JOIN "};
    bool is_few = second == NULL && (strcmp(first, "protocol") == 0 || strcmp(first, "app") == 0 ||
                                     strcmp(first, "src_as") == 0);
    const char *join = joins[lite_draw(w, SL_COUNTOF(joins) - (is_few ? 0 : 2))];
    bool is_comma = join == joins[0];
    bool is_natural = strstr(join, "NATURAL") != NULL;
    bool is_using = !is_comma && !is_natural && second == NULL && lite_draw(w, 4) == 0;

    if (lite_draw(w, 3) == 0) {
        say_groups(w, t, first, second);
        say_word(t, " AS g", join, "flows AS f");
    } else {
        say_word(t, "flows AS f", join, "");
        say_groups(w, t, first, second);
        say(t, " AS g");
    }
    if (is_using)
        say_word(t, " USING (", first, ")");
    if (is_using || is_natural) {
        say(t, " WHERE 1 = 1");
        return;
    }
    say(t, is_comma ? " WHERE " : " ON ");
    if (is_few && lite_draw(w, 2) == 0) {
        say_number(t, "f.dst_port + g.n < ", lite_draw(w, 100));
    } else {
        say_word(t, "f.", first, " = g.");
        say(t, first);
    }
    if (second != NULL) {
        say_word(t, " AND g.", second, " = f.");
        say(t, second);
    }
    while (!is_comma && lite_draw(w, 2) == 0)
        say_condition(w, t);
    if (!is_comma)
        say(t, " WHERE 1 = 1");
}

static void
say_with_groups(struct lite_world *w, struct lite_twin *t)
{
    const char *first = keys[lite_draw(w, SL_COUNTOF(keys))];
    const char *second = lite_draw(w, 3) == 0 ? keys[lite_draw(w, SL_COUNTOF(keys))] : NULL;

    if (second == first)
        second = NULL;
    say_word(t, "SELECT f.", lite_draw(w, 2) == 0 ? "protocol" : "src_addr",
             ", COUNT(*), SUM(f.in_bytes), COUNT(g.v), MAX(g.n) FROM ");
    say_joined(w, t, first, second);
    while (lite_draw(w, 2) == 0)
        say_condition(w, t);
}

/* flows with flows, perhaps with groups as well. */
static void
say_with_flows(struct lite_world *w, struct lite_twin *t)
{
    bool is_three = lite_draw(w, 2) == 0;

    say_word(t, "SELECT a.dst_port, COUNT(*), SUM(b.in_packets), MIN(a.src_addr), ",
             is_three ? "MAX(c.n)" : "COUNT(b.app)", " FROM flows a, ");
    if (is_three && lite_draw(w, 2) == 0) {
        say_groups(w, t, "protocol", "src_as");
        say(t, " c, flows b WHERE c.protocol = b.protocol AND a.src_as = c.src_as");
    } else if (is_three) {
        say(t, "flows b LEFT JOIN ");
        say_groups(w, t, "dst_addr", NULL);
        say(t, " c ON b.src_addr = c.dst_addr AND b.src_as < 15 WHERE 1 = 1");
    } else {
        say(t, "flows b WHERE 1 = 1");
    }
    say(t, " AND a.src_addr = b.dst_addr AND a.src_port = b.src_port");
    say(t, lite_draw(w, 2) == 0 ? " AND a.protocol = 6" : "");
}

void
lite_say_join(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns)
{
    if (lite_draw(w, 3) == 0)
        say_with_flows(w, t);
    else
        say_with_groups(w, t);
    say(t, " GROUP BY 1");
    *out_columns = 5;
}
