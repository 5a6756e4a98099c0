/*
 * mysql_tables.c - see mysql_tables.h.
 */
#include "server/mysql_tables.h"

#include "server/registry.h"
#include "server/service.h"
#include "server/table_value.h"
#include "storage/base/clock.h"

#define TEXT_NULL(size)                                             \
    {                                                               \
        .type = SL_TYPE_TEXT, .length = (size), .is_nullable = true \
    }
#define NUMBER(size)                          \
    {                                         \
        .type = SL_TYPE_I64, .length = (size) \
    }

static struct sl_value
value_number(int64_t number)
{
    return (struct sl_value){.type = SL_TYPE_I64, .as.i64 = number};
}

static const struct sl_value no_text = {.type = SL_TYPE_TEXT, .is_null = true};

/* ---- information_schema.PROCESSLIST ---- */

static const struct sl_virtual_column process_columns[] = {
    {"ID", NUMBER(20)},       {"USER", TEXT(32)},       {"HOST", TEXT(261)},
    {"DB", TEXT_NULL(64)},    {"COMMAND", TEXT(16)},    {"TIME", NUMBER(7)},
    {"STATE", TEXT_NULL(64)}, {"INFO", TEXT_NULL(8192)}};

static sl_status
emit_process(void *context, const struct sl_entry_info *info, struct sl_error *err)
{
    bool is_idle = info->started_us == 0;
    int64_t since_us = is_idle ? info->connected_us : info->started_us;
    const struct sl_value values[SL_COUNTOF(process_columns)] = {
        value_number((int64_t)info->connection_id),
        value_text(info->user),
        value_text(info->peer),
        no_text, /* a statement brings its database along: the server keeps none */
        value_text(is_idle ? "Sleep" : "Query"),
        value_number((sl_clock_now_us() - since_us) / SL_US_PER_S),
        value_text(info->what),
        info->text[0] == '\0' ? no_text : value_text(info->text),
    };
    return sl_virtual_emit(context, values, err);
}

static sl_status
fill_processes(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    const struct sl_service *service = context;
    return sl_registry_walk(service->registry, emit_process, sink, err);
}

/* ---- mysql.help_topic: the server has no texts of help ---- */

static const struct sl_virtual_column topic_columns[] = {
    {"help_topic_id", NUMBER(10)}, {"name", TEXT(64)},      {"help_category_id", NUMBER(5)},
    {"description", TEXT(8192)},   {"example", TEXT(8192)}, {"url", TEXT(512)}};

static sl_status
fill_nothing(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    (void)context;
    (void)sink;
    (void)err;
    return SL_OK;
}

const struct sl_virtual_table sl_mysql_tables[SL_MYSQL_TABLE_COUNT] = {
    {.schema = "information_schema",
     .name = "PROCESSLIST",
     .columns = process_columns,
     .column_count = SL_COUNTOF(process_columns),
     .fill = fill_processes},
    {.schema = "mysql",
     .name = "help_topic",
     .columns = topic_columns,
     .column_count = SL_COUNTOF(topic_columns),
     .fill = fill_nothing},
};
