/*
 * bind_test.c - statements as a whole: shape of the bound tree, and errors that point.
 */
#include "query/function.h"
#include "storage/base/buf.h"
#include "tests/unit/query/front_support.h"

static const struct sl_select *
bind(struct front *f, const char *text)
{
    if (front_bind(f, text) != SL_OK)
        fail_msg("%s: %s", text, f->err.text);
    return f->statement.select;
}

static void
fails(struct front *f, const char *text, sl_status status, uint16_t number, const char *story)
{
    sl_status st = front_bind(f, text);

    if (st != status || f->err.sql_number != number || strcmp(f->err.text, story) != 0)
        fail_msg("%s: %d %u \"%s\"", text, (int)st, f->err.sql_number, f->err.text);
}

static bool
is_call(const struct sl_expr *e, enum sl_function_id id)
{
    return sl_expr_is_call(e, id);
}

static void
columns_are_found_by_all_their_names(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    const struct sl_select *s = bind(
        &f, "SELECT src_addr, SRC_ADDR, sourceIPv4Address, IPV4_SRC_ADDR, f.src_addr FROM flows f");
    assert_int_equal(s->source, SL_SOURCE_FLOWS);
    assert_int_equal(s->input_count, 1);
    assert_int_equal(s->visible_count, 5);
    assert_string_equal(s->outputs[0].origin_column, "src_addr");
    assert_string_equal(s->outputs[2].name, "sourceIPv4Address");
    s = bind(&f, "SELECT * FROM flows.flows");
    assert_int_equal(s->visible_count, sl_schema_count(f.schema));
    s = bind(&f, "SELECT bytes, in_bytes FROM flows");
    assert_true(is_call(s->outputs[0].expr, SL_FN_FLOW_TOTAL));
    assert_int_equal(s->input_count, 3);
    front_close(&f);
}

static void
errors_point_and_suggest(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    fails(&f, "SELECT byts FROM flows", SL_NAME, 1054,
          "unknown column \"byts\" at 1:8, did you mean \"bytes\"?");
    fails(&f, "SELECT 1\nFROM flws", SL_NAME, 1146,
          "unknown table \"flws\" at 2:6, did you mean \"flows\"?");
    fails(&f, "SELECT 1 FROM system.segmnts", SL_NAME, 1109,
          "unknown table \"system.segmnts\" at 1:15");
    fails(&f, "SELECT LENGHT('a')", SL_NAME, 1305,
          "unknown function \"LENGHT\" at 1:8, did you mean \"LENGTH\"?");
    fails(&f, "SELECT SUMM(bytes) FROM flows", SL_NAME, 1305,
          "unknown function \"SUMM\" at 1:8, did you mean \"SUM\"?");
    fails(&f, "SELECT 1 FROM flows LAST", SL_SYNTAX, 1064,
          "LAST needs a length of time such as 1h, 30m or 7 DAY at 1:21");
    fails(&f, "SELECT LENGT('a')", SL_NAME, 1305,
          "unknown function \"LENGT\" at 1:8, did you mean \"LENGTH\"?");
    fails(&f, "SELECT FROM flows", SL_SYNTAX, 1064,
          "unexpected \"FROM\", expected an expression at 1:8");
    fails(&f, "SELECT 1 +", SL_SYNTAX, 1064,
          "unexpected end of statement, expected an expression at 1:11");
    fails(&f, "SELECT 'a", SL_SYNTAX, 1064, "a quoted text has no end at 1:8");
    fails(&f, "SELECT LENGTH()", SL_TYPE, 1582,
          "incorrect parameter count in the call to LENGTH at 1:8");
    fails(&f, "SELECT SUM(SUM(in_bytes)) FROM flows", SL_TYPE, 1111,
          "invalid use of the aggregate SUM at 1:12");
    fails(&f, "SELECT 1 FROM flows WHERE SUM(in_bytes) > 1", SL_TYPE, 1111,
          "invalid use of the aggregate SUM at 1:27");
    fails(&f, "SELECT 1 FROM flows WHERE src_addr = 'abc'", SL_TYPE, 1411,
          "this is not an address at 1:38");
    fails(&f, "SELECT 1 FROM flows WHERE last_seen > 'abc'", SL_TYPE, 1525,
          "this is not a date or time at 1:39");
    fails(&f, "SELECT host FROM flows", SL_NAME, 1054,
          "\"host\" stands for both sides of a flow and works in a condition or in GROUP BY only; "
          "use src_addr or dst_addr at 1:8");
    fails(&f, "SELECT @@nosuch", SL_NAME, 1193, "unknown system variable \"nosuch\" at 1:8");
    fails(&f, "SELECT 1 UNION SELECT 1, 2", SL_TYPE, 1222,
          "the selects of a UNION have different numbers of columns at 1:16");
    fails(&f, "SELECT in_bytes FROM flows ORDER BY 2", SL_NAME, 1054,
          "there is no column number 2 in the list at 1:37");
    f.session.time_zone = "Mars";
    fails(&f, "SELECT 1", SL_NAME, 1298, "unknown or incorrect time zone \"Mars\" at 1:1");
    front_close(&f);
}

static void
select_limit_is_the_limit_of_a_select_without_one(void **state)
{
    struct front f;
    const struct sl_variable two = {.name = "@@sql_select_limit",
                                    .value = {.type = SL_TYPE_I64, .as.i64 = 2}};

    (void)state;
    front_open(&f);
    f.session.variables = &two;
    f.session.variable_count = 1;
    assert_int_equal(bind(&f, "SELECT 1 UNION SELECT 2")->limit, 2);
    assert_int_equal(bind(&f, "SELECT src_port FROM flows LIMIT 5")->limit, 5);
    const struct sl_select *outer =
        bind(&f, "SELECT n FROM (SELECT COUNT(*) AS n FROM flows) AS t");
    assert_int_equal(outer->limit, 2);
    assert_int_equal(outer->subselect->limit, UINT64_MAX);
    front_close(&f);
}

/* The changes of a statement as "name=value, ...". */
static void
sets(struct front *f, const char *text, const char *expected)
{
    struct sl_buf got = sl_buf_empty(1000);

    if (front_bind(f, text) != SL_OK)
        fail_msg("%s: %s", text, f->err.text);
    assert_int_equal(f->statement.class, SL_CLASS_SESSION);
    for (uint32_t i = 0; i < f->statement.change_count; i++) {
        const struct sl_variable *change = &f->statement.changes[i];
        sl_buf_printf(&got, "%s%s=", i == 0 ? "" : ", ", change->name);
        if (change->value.is_null)
            sl_buf_text(&got, "NULL");
        else if (change->value.type == SL_TYPE_TEXT)
            sl_buf_append(&got, change->value.as.slice.bytes, change->value.as.slice.size_bytes);
        else
            sl_buf_printf(&got, "%lld", (long long)change->value.as.i64);
    }
    sl_buf_u8(&got, '\0');
    assert_string_equal((const char *)got.bytes, expected);
    sl_buf_fini(&got);
}

static void
set_and_use_are_changes_of_the_session(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    sets(&f, "SET @a = 1 + 1, @b = 'x', @c = NULL", "@a=2, @b=x, @c=NULL");
    sets(&f, "SET @a := 5, @b = @a * 2", "@a=5, @b=10");
    sets(&f, "SET time_zone = '+02:00'", "time_zone=+02:00");
    sets(&f, "SET time_zone = 'Europe/Berlin'", "time_zone=Europe/Berlin");
    sets(&f, "SET SESSION autocommit = OFF, @@session.wait_timeout = DEFAULT",
         "@@autocommit=0, @@wait_timeout=28800");
    sets(&f, "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci",
         "@@character_set_client=utf8mb4, @@character_set_results=utf8mb4, "
         "@@character_set_connection=utf8mb4, @@collation_connection=utf8mb4_general_ci");
    sets(&f, "USE `other base`", "database=other base");
    sets(&f, "BEGIN", "");
    sets(&f, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "");
    fails(&f, "SET GLOBAL autocommit = 1", SL_UNSUPPORTED, 1235,
          "variables of all sessions cannot be set at 1:5");
    fails(&f, "SET nosuch = 1", SL_NAME, 1193, "unknown system variable \"nosuch\" at 1:5");
    fails(&f, "SET version = 'x'", SL_NAME, 1238,
          "this variable cannot be set: \"version\" at 1:5");
    fails(&f, "SET sql_mode = 'ANSI_QUOTES'", SL_UNSUPPORTED, 1235,
          "a mode that is not supported in \"sql_mode\" at 1:5");
    fails(&f, "SET NAMES klingon", SL_NAME, 1115,
          "unknown character set for \"character_set_client\" at 1:11");
    fails(&f, "SET time_zone = 'Mars'", SL_NAME, 1298,
          "unknown or incorrect value of \"time_zone\" at 1:5");
    fails(&f, "SET @a", SL_SYNTAX, 1064, "unexpected end of statement, expected = at 1:7");
    front_close(&f);
}

/* A KILL of connection `id`. */
static void
kills(struct front *f, const char *text, uint64_t id, bool is_whole)
{
    if (front_bind(f, text) != SL_OK)
        fail_msg("%s: %s", text, f->err.text);
    assert_int_equal(f->statement.class, SL_CLASS_KILL);
    assert_int_equal(f->statement.kill_id, id);
    assert_int_equal(f->statement.kills_connection, is_whole);
}

static void
kill_names_a_connection(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    kills(&f, "KILL 7", 7, true);
    kills(&f, "kill connection 12", 12, true);
    kills(&f, "KILL QUERY 18446744073709551615", UINT64_MAX, false);
    fails(&f, "KILL QUERY 18446744073709551616", SL_SYNTAX, 1064,
          "unexpected \"18446744073709551616\", expected the number of a connection at 1:12");
    fails(&f, "KILL", SL_SYNTAX, 1064,
          "unexpected end of statement, expected the number of a connection at 1:5");
    front_close(&f);
}

static void
addresses_blocks_and_names_are_values(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    const struct sl_expr *w = bind(&f, "SELECT 1 FROM flows WHERE src_addr = 10.1.2.3")->where;
    assert_true(is_call(w, SL_FN_EQ));
    assert_int_equal(w->args[1]->value.as.addr.low, 0x0a010203);
    w = bind(&f, "SELECT 1 FROM flows WHERE src_addr IN 10.0.0.0/8")->where;
    assert_true(is_call(w, SL_FN_BETWEEN));
    assert_int_equal(w->args[2]->value.as.addr.low, 0x0affffff);
    w = bind(&f,
             "SELECT 1 FROM flows WHERE src_addr NOT IN (10.0.0.0/8, '10.2.0.0/16', 2001:db8::/32)")
            ->where;
    assert_true(is_call(w, SL_FN_NOT));
    assert_true(is_call(w->args[0], SL_FN_IN_RANGES));
    assert_int_equal(w->args[0]->arg_count, 5); /* the second block lies in the first */
    w = bind(&f, "SELECT 1 FROM flows WHERE protocol = tcp AND dst_port IN (https, 'ssh', 8080)")
            ->where;
    assert_true(is_call(w, SL_FN_AND));
    assert_int_equal(w->args[0]->args[1]->value.as.i64, 6);
    assert_int_equal(w->args[1]->args[1]->value.as.i64, 443);
    assert_int_equal(w->args[1]->args[2]->value.as.i64, 22);
    w = bind(&f, "SELECT 1 FROM flows WHERE dst_port = '443'")->where;
    assert_int_equal(w->args[1]->type.type, SL_TYPE_I64);
    assert_int_equal(w->args[0]->kind, SL_EXPR_INPUT);
    f.session.dialect = SL_DIALECT_MYSQL;
    w = bind(&f, "SELECT 1 FROM flows WHERE src_addr = '2001:db8::1'")->where;
    assert_int_equal(w->args[1]->type.type, SL_TYPE_ADDR);
    front_close(&f);
}

static void
host_and_port_mean_either_side(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    const struct sl_expr *w = bind(&f, "SELECT 1 FROM flows WHERE host = 10.0.0.1")->where;
    assert_true(is_call(w, SL_FN_OR));
    assert_true(is_call(w->args[0], SL_FN_EQ));
    assert_int_not_equal(w->args[0]->args[0]->slot, w->args[1]->args[0]->slot);
    w = bind(&f, "SELECT 1 FROM flows WHERE host <> 10.0.0.1")->where;
    assert_true(is_call(w, SL_FN_NOT) && is_call(w->args[0], SL_FN_OR));
    w = bind(&f, "SELECT 1 FROM flows WHERE port NOT IN (22, https)")->where;
    assert_true(is_call(w, SL_FN_NOT) && is_call(w->args[0], SL_FN_OR));
    assert_true(is_call(w->args[0]->args[0], SL_FN_IN));
    const struct sl_select *s = bind(&f, "SELECT host, SUM(bytes) b FROM flows GROUP BY host "
                                         "HAVING host <> 10.0.0.1 ORDER BY b DESC");
    assert_int_equal(s->keys[0].kind, SL_KEY_HOST);
    assert_non_null(s->keys[0].other);
    assert_int_equal(s->outputs[0].expr->kind, SL_EXPR_KEY);
    assert_true(is_call(s->having, SL_FN_NE));
    assert_int_equal(s->orders[0].output, 1);
    assert_true(s->orders[0].is_descending);
    front_close(&f);
}

static void
groups_have_two_stages(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    const struct sl_select *s =
        bind(&f, "SELECT UNIX_TIMESTAMP(last_seen) DIV 60 * 60 AS \"time\", app, SUM(in_bytes + "
                 "out_bytes) * 8, "
                 "AVG(in_bytes), COUNT(*), COUNT(1), src_port FROM flows GROUP BY 1, app "
                 "HAVING COUNT(*) > 2 ORDER BY time, MAX(in_bytes) LIMIT 5, 10");
    assert_true(s->is_grouped);
    assert_int_equal(s->key_count, 2);
    assert_true(is_call(s->keys[0].expr, SL_FN_UNIX_BUCKET));
    assert_int_equal(s->outputs[0].expr->kind, SL_EXPR_KEY);
    assert_int_equal(s->outputs[1].expr->kind, SL_EXPR_KEY);
    assert_true(is_call(s->outputs[2].expr, SL_FN_MUL));
    assert_int_equal(s->outputs[2].expr->args[0]->type.type, SL_TYPE_DECIMAL);
    assert_int_equal(s->outputs[3].expr->type.type, SL_TYPE_DECIMAL);
    assert_int_equal(s->outputs[3].expr->type.scale, 4);
    assert_int_equal(s->outputs[4].expr->slot, s->outputs[5].expr->slot);
    assert_int_equal(s->aggregates[s->outputs[6].expr->slot].kind, SL_AGG_ANY);
    assert_int_equal(s->visible_count, 7);
    assert_int_equal(s->output_count, 8);
    assert_int_equal(s->orders[0].output, 0);
    assert_int_equal(s->orders[1].output, 7);
    assert_int_equal(s->limit, 10);
    assert_int_equal(s->offset, 5);
    s = bind(&f,
             "SELECT LAST_SWITCHED DIV 300 * 300 AS \"time\", COUNT(*) FROM nfflows GROUP BY 1");
    assert_true(is_call(s->keys[0].expr, SL_FN_UNIX_BUCKET));
    assert_int_equal(s->keys[0].expr->args[0]->kind, SL_EXPR_INPUT);
    assert_int_equal(s->keys[0].expr->args[1]->value.as.i64, 300);
    s = bind(
        &f,
        "SELECT COUNT(DISTINCT src_addr, dst_port), QUANTILE(in_bytes, 0.9), "
        "PERCENTILE(in_bytes, 90), MEDIAN(in_bytes), GROUP_CONCAT(app SEPARATOR '/') FROM flows");
    assert_int_equal(s->aggregate_count, 4); /* QUANTILE and PERCENTILE are the same */
    assert_true(is_call(s->aggregates[0].argument, SL_FN_TUPLE));
    s = bind(&f,
             "SELECT GROUP_CONCAT(app ORDER BY in_bytes DESC, app), GROUP_CONCAT(DISTINCT app), "
             "GROUP_CONCAT(app), COUNT(*) FILTER (WHERE app = 'x'), COUNT(*) FROM flows");
    assert_int_equal(s->aggregate_count, 5);
    assert_true(is_call(s->aggregates[0].argument, SL_FN_SORTED) && s->aggregates[0].is_ordered);
    assert_int_equal(s->aggregates[0].argument->args[1]->value.as.i64, 1);
    assert_true(s->aggregates[1].is_distinct && !s->aggregates[2].is_distinct);
    assert_int_equal(s->aggregates[3].kind, SL_AGG_COUNT);
    assert_true(is_call(s->aggregates[3].argument, SL_FN_IF));
    assert_int_equal(s->aggregates[4].kind, SL_AGG_COUNT_STAR);
    front_close(&f);
}

static void
joins_are_taken_apart(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    const struct sl_select *s = bind(
        &f,
        "SELECT a.src_addr, b.n FROM (SELECT dst_addr AS d, COUNT(*) AS n FROM flows GROUP BY 1) b "
        "JOIN flows a ON a.src_addr = b.d AND a.dst_port = 443 WHERE b.n > 5 AND a.in_bytes > b.n");
    assert_int_equal(s->source, SL_SOURCE_JOIN);
    assert_int_equal(s->join_count, 2);
    assert_int_equal(s->joins[0].table, 1); /* flows pass by */
    assert_true(is_call(s->joins[0].select->where, SL_FN_EQ));
    assert_int_equal(s->joins[1].key_count, 1);
    assert_int_equal(s->joins[1].keys[0].type.type, SL_TYPE_ADDR);
    assert_true(is_call(s->joins[1].select->where, SL_FN_GT));
    assert_true(is_call(s->joins[1].condition, SL_FN_GT)); /* about both */
    s = bind(
        &f,
        "SELECT a.app FROM flows a LEFT JOIN flows b ON a.src_port = b.dst_port AND b.app = 'x' "
        "AND a.app = 'y' WHERE b.app IS NULL AND a.in_bytes > 1");
    assert_true(s->joins[1].kind == SL_JOIN_LEFT && s->joins[1].table == 1);
    assert_int_equal(s->joins[1].key_count, 2); /* the second one: what ON says of the left side */
    assert_true(is_call(s->joins[1].select->where, SL_FN_EQ));
    assert_true(is_call(s->joins[0].select->where, SL_FN_GT));
    assert_true(is_call(s->where, SL_FN_IS_NULL));
    s = bind(&f, "SELECT n.x FROM (SELECT 1 AS x) n LEFT JOIN flows f ON f.in_packets = n.x AND "
                 "f.app = 'x' AND n.x > 2 RIGHT JOIN flows g ON g.app = f.app AND n.x = 1");
    assert_true(s->joins[0].table == 1 && s->joins[1].kind == SL_JOIN_RIGHT);
    assert_true(is_call(s->joins[0].select->where, SL_FN_EQ)); /* flows pass by, and match or not */
    assert_true(is_call(s->joins[1].condition, SL_FN_GT));
    assert_true(s->joins[2].kind == SL_JOIN_RIGHT && s->joins[2].key_count == 1);
    assert_non_null(s->joins[1].select->where); /* other rows find none of g */
    s = bind(&f,
             "SELECT * FROM (SELECT 1 AS x, 2 AS y) a JOIN (SELECT 3 AS z, 1 AS x) b USING (x)");
    assert_int_equal(s->visible_count, 3);
    assert_string_equal(s->outputs[2].name, "z");
    front_close(&f);
}

static void
the_other_clauses_bind(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    const struct sl_expr *w = bind(&f, "SELECT app FROM flows WHERE app = 'x' LAST 1h")->where;
    assert_true(is_call(w, SL_FN_AND) && is_call(w->args[1], SL_FN_GE));
    assert_true(w->args[1]->args[1]->value.as.i64 ==
                INT64_C(1795420800123456) - 3600 * INT64_C(1000000));
    assert_true(is_call(bind(&f, "SELECT app FROM flows LAST 5 MINUTES")->where, SL_FN_GE));
    const struct sl_select *s =
        bind(&f, "SELECT a, SUM(b) FROM (SELECT src_addr a, in_bytes b FROM flows UNION ALL "
                 "SELECT dst_addr, out_bytes FROM flows) t GROUP BY a ORDER BY 2 DESC LIMIT 3");
    assert_int_equal(s->source, SL_SOURCE_SELECT);
    assert_true(s->subselect->next_union->is_union_all);
    s = bind(&f, "(SELECT 1 AS x LIMIT 1) UNION SELECT 2.5 ORDER BY x DESC");
    assert_int_equal(s->outputs[0].expr->type.type, SL_TYPE_DECIMAL);
    assert_int_equal(s->order_count, 1);
    assert_true(bind(&f, "SELECT DISTINCT app FROM flows ORDER BY app")->is_distinct);
    (void)bind(&f, "EXPLAIN ANALYZE SELECT 1");
    assert_int_equal(f.statement.class, SL_CLASS_EXPLAIN_ANALYZE);
    (void)bind(&f, "DELETE FROM flows WHERE last_seen < NOW() - INTERVAL 30 DAY; SELECT 1");
    assert_int_equal(f.statement.class, SL_CLASS_DELETE);
    assert_int_equal(f.statement.consumed_bytes, 60);
    fails(&f, "SHOW COLUMNS FROM nosuch", SL_NAME, 1146, "unknown table \"nosuch\" at 1:1");
    assert_null(bind(&f, " -- nothing\n ;"));
    f.session.dialect = SL_DIALECT_MYSQL;
    (void)bind(&f,
               "SELECT /*!40001 SQL_NO_CACHE */ `app`, \"str\" FROM `flows`.`flows` # x\n/* y */");
    assert_string_equal(f.statement.select->outputs[0].name, "app");
    (void)bind(&f, "SELECT app FROM flows WHERE protocol = ? LIMIT ?");
    assert_int_equal(f.statement.parameter_count, 2);
    struct sl_value values[2] = {{.type = SL_TYPE_F64, .as.f64 = 6},
                                 {.type = SL_TYPE_F64, .as.f64 = 3}};
    f.session.parameters = values;
    f.session.parameter_count = 2;
    s = bind(&f, "SELECT app FROM flows WHERE protocol = ? LIMIT ?");
    assert_int_equal(s->where->args[1]->value.as.i64, 6);
    assert_int_equal(s->limit, 3);
    front_close(&f);
}

static void
the_zone_of_the_session_is_local_time(void **state)
{
    static const struct {
        const char *text;
        const char *value;
    } examples[] = {
        {"SELECT HOUR('2026-11-23 08:00:00')", "8"},
        {"SELECT UNIX_TIMESTAMP('2026-11-23 08:00:00')", "1795413600"},
        {"SELECT UNIX_TIMESTAMP('2026-11-23T08:00:00Z')", "1795420800"},
        {"SELECT CAST(FROM_UNIXTIME(1795420800) AS CHAR)", "2026-11-23 10:00:00"},
        {"SELECT DATE(FROM_UNIXTIME(1795472000))", "2026-11-24"},
        {"SELECT DATE_FORMAT(NOW(), '%H')", "10"},
        {"SELECT CAST(UTC_TIMESTAMP() AS CHAR)", "2026-11-23 08:00:00"},
    };
    struct front f;

    (void)state;
    front_open(&f);
    f.session.time_zone = "+02:00";
    for (size_t i = 0; i < SL_COUNTOF(examples); i++) {
        const struct sl_expr *e = bind(&f, examples[i].text)->outputs[0].expr;
        assert_string_equal(front_text(&f, &e->value), examples[i].value);
    }
    front_close(&f);
}

/* As MariaDB answers in 'Europe/Berlin'. */
static void
a_zone_has_summers(void **state)
{
    static const struct {
        const char *text;
        const char *value;
    } examples[] = {
        {"SELECT UNIX_TIMESTAMP('2026-10-25 02:30:00')", "1792888200"},
        {"SELECT UNIX_TIMESTAMP('2026-10-25 03:00:00')", "1792893600"},
        {"SELECT UNIX_TIMESTAMP('2026-03-29 02:30:00')", "1774746000"},
        {"SELECT CAST(FROM_UNIXTIME(1779000000) AS CHAR)", "2026-05-17 08:40:00"},
        {"SELECT CAST(FROM_UNIXTIME(1769000000) AS CHAR)", "2026-01-21 13:53:20"},
        {"SELECT HOUR(FROM_UNIXTIME(1779000000))", "8"},
        {"SELECT CAST(FROM_UNIXTIME(1779000000) + INTERVAL 6 MONTH AS CHAR)",
         "2026-11-17 08:40:00"},
        {"SELECT TIMESTAMPDIFF(HOUR, '2026-03-28 12:00:00', '2026-03-29 12:00:00')", "24"},
        {"SELECT CAST(CONVERT_TZ('2026-10-25 02:30:00', 'Europe/Berlin', 'UTC') AS CHAR)",
         "2026-10-25 00:30:00"},
        {"SELECT CAST(CONVERT_TZ('2026-03-29 02:30:00', 'Europe/Berlin', 'America/New_York') AS "
         "CHAR)",
         "2026-03-28 21:00:00"},
        {"SELECT CAST(CONVERT_TZ('2026-07-01 12:00:00.125', '+00:00', 'Asia/Kathmandu') AS "
         "CHAR(23))",
         "2026-07-01 17:45:00.125"},
        {"SELECT CONVERT_TZ('2026-07-01 12:00:00', '../UTC', 'UTC') IS NULL", "1"},
        {"SELECT CAST(UTC_TIMESTAMP() AS CHAR)", "2026-11-23 08:00:00"},
    };
    struct front f;

    (void)state;
    front_open(&f);
    f.session.time_zone = "Europe/Berlin";
    for (size_t i = 0; i < SL_COUNTOF(examples); i++) {
        const struct sl_expr *e = bind(&f, examples[i].text)->outputs[0].expr;
        assert_string_equal(front_text(&f, &e->value), examples[i].value);
    }
    front_close(&f);
}

static void
idx_finds_its_second(void **state)
{
    struct front f;

    (void)state;
    front_open(&f);
    const struct sl_expr *w = bind(&f, "SELECT app FROM flows WHERE idx = 4294967296000")->where;
    assert_true(is_call(w, SL_FN_AND) && is_call(w->args[0], SL_FN_BETWEEN));
    assert_true(w->args[0]->args[1]->value.as.i64 == (946684800 + 1000) * INT64_C(1000000));
    assert_true(is_call(bind(&f, "SELECT idx FROM flows")->outputs[0].expr, SL_FN_FLOW_IDX));
    front_close(&f);
}

static void
depth_and_size_are_bounded(void **state)
{
    struct front f;
    size_t size = 40000;
    char *text = malloc(size + 64);

    (void)state;
    assert_non_null(text);
    front_open(&f);
    memcpy(text, "SELECT ", 7);
    memset(text + 7, '(', size);
    text[7 + size] = '\0';
    assert_int_equal(front_bind(&f, text), SL_LIMIT);
    for (size_t i = 0; i < size; i += 2)
        memcpy(text + 7 + i, "1+", 2);
    text[7 + size - 1] = '\0';
    assert_int_equal(front_bind(&f, text), SL_LIMIT);
    assert_non_null(strstr(f.err.text, "a chain of operators"));
    for (size_t i = 0; i < size; i++)
        text[7 + i] = '-';
    for (size_t i = 1; i < size; i += 2)
        text[7 + i] = ' ';
    assert_int_equal(front_bind(&f, text), SL_LIMIT);
    front_close(&f);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_all_their_names),
        cmocka_unit_test(errors_point_and_suggest),
        cmocka_unit_test(select_limit_is_the_limit_of_a_select_without_one),
        cmocka_unit_test(set_and_use_are_changes_of_the_session),
        cmocka_unit_test(kill_names_a_connection),
        cmocka_unit_test(addresses_blocks_and_names_are_values),
        cmocka_unit_test(host_and_port_mean_either_side),
        cmocka_unit_test(groups_have_two_stages),
        cmocka_unit_test(joins_are_taken_apart),
        cmocka_unit_test(the_other_clauses_bind),
        cmocka_unit_test(the_zone_of_the_session_is_local_time),
        cmocka_unit_test(a_zone_has_summers),
        cmocka_unit_test(idx_finds_its_second),
        cmocka_unit_test(depth_and_size_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
