/*
 * front_support.h - what the tests of the front share: bind a text, show a value as text.
 */
#ifndef SLUICE_TESTS_UNIT_QUERY_FRONT_SUPPORT_H
#define SLUICE_TESTS_UNIT_QUERY_FRONT_SUPPORT_H

#include <stdio.h>

#include "query/front.h"
#include "query/value.h"
#include "storage/base/clock.h"
#include "tests/support/test.h"

struct front {
    struct sl_arena *arena;
    struct sl_schema *schema;
    struct sl_query_env env;
    struct sl_session session;
    struct sl_statement statement;
    struct sl_error err;
};

static inline void
front_open(struct front *f)
{
    *f = (struct front){0};
    f->arena = sl_arena_create((size_t)64 << 20);
    f->schema = sl_schema_create();
    f->env.schema = f->schema;
    f->session = (struct sl_session){
        .dialect = SL_DIALECT_NATIVE, .database = "flows", .time_zone = "UTC", .user = "root"};
    sl_clock_set_us(INT64_C(1795420800123456)); /* 2026-11-23 08:00:00.123456 */
}

static inline void
front_close(struct front *f)
{
    sl_clock_set_us(INT64_MIN);
    sl_schema_destroy(f->schema);
    sl_arena_destroy(f->arena);
}

static inline sl_status
front_bind(struct front *f, const char *text)
{
    f->err = (struct sl_error){0};
    return sl_statement_bind(&f->env, &f->session, text, strlen(text), f->arena, &f->statement,
                             &f->err);
}

/* The value as CAST(... AS CHAR) shows it. */
static inline const char *
front_text(struct front *f, const struct sl_value *value)
{
    struct sl_eval eval = {.arena = f->arena, .err = &f->err};
    struct sl_sql_type text = {.type = SL_TYPE_TEXT};
    struct sl_value out;

    if (value->is_null)
        return "NULL";
    TEST_OK(sl_value_cast(&eval, value, &text, &out), &f->err);
    return sl_arena_string(f->arena, (const char *)out.as.slice.bytes, out.as.slice.size_bytes);
}

#endif
