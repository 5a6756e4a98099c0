/*
 * mysql_tables.c - see mysql_tables.h.
 */
#include "server/mysql_tables.h"

#include <stdio.h>

#include "server/registry.h"
#include "server/service.h"
#include "server/stats.h"
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

/* ---- information_schema.SESSION_STATUS, GLOBAL_STATUS: what the server knows of MySQL's ---- */

static const struct sl_virtual_column status_columns[] = {{"VARIABLE_NAME", TEXT(64)},
                                                          {"VARIABLE_VALUE", TEXT_NULL(2048)}};

static sl_status
emit_status(struct sl_virtual_sink *sink, const char *name, uint64_t number, struct sl_error *err)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, number);
    const struct sl_value values[SL_COUNTOF(status_columns)] = {value_text(name), value_text(text)};
    return sl_virtual_emit(sink, values, err);
}

static sl_status
count_running(void *context, const struct sl_entry_info *info, struct sl_error *err)
{
    uint64_t *running = context;
    (void)err;
    *running += info->started_us != 0;
    return SL_OK;
}

/* The same for every session. */
static sl_status
fill_session_status(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    const struct sl_service *service = context;
    const struct sl_stats *stats = service->stats;
    uint64_t refused = sl_stats_value(stats, SL_COUNTER_CONNECTIONS_REFUSED);
    uint64_t closed = sl_stats_value(stats, SL_COUNTER_CONNECTIONS_CLOSED);
    uint64_t opened = sl_stats_value(stats, SL_COUNTER_CONNECTIONS_OPENED);
    uint64_t up_s = (uint64_t)(sl_clock_now_us() - stats->started_us) / SL_US_PER_S;
    uint64_t running = 0;

    SL_TRY(sl_registry_walk(service->registry, count_running, &running, err));
    SL_TRY(emit_status(sink, "Connection_errors_max_connections", refused, err));
    SL_TRY(emit_status(sink, "Connections", opened, err));
    SL_TRY(emit_status(sink, "Threads_connected", opened < closed ? 0 : opened - closed, err));
    SL_TRY(emit_status(sink, "Threads_running", running, err));
    return emit_status(sink, "Uptime", up_s, err);
}

/* And what is counted for the whole server. */
static sl_status
fill_global_status(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    static const struct {
        const char *name;
        enum sl_counter counter;
    } counted[] = {
        {"Bytes_received", SL_COUNTER_BYTES_RECEIVED},
        {"Bytes_sent", SL_COUNTER_BYTES_SENT},
        {"Com_delete", SL_COUNTER_DELETES},
        {"Com_insert", SL_COUNTER_INSERTS},
        {"Com_load", SL_COUNTER_LOADS},
        {"Com_select", SL_COUNTER_SELECTS},
        {"Queries", SL_COUNTER_STATEMENTS},
        {"Questions", SL_COUNTER_STATEMENTS},
        {"Slow_queries", SL_COUNTER_STATEMENTS_SLOW},
    };
    const struct sl_service *service = context;

    for (size_t i = 0; i < SL_COUNTOF(counted); i++)
        SL_TRY(emit_status(sink, counted[i].name,
                           sl_stats_value(service->stats, counted[i].counter), err));
    return fill_session_status(context, sink, err);
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
    {.schema = "information_schema",
     .name = "SESSION_STATUS",
     .columns = status_columns,
     .column_count = SL_COUNTOF(status_columns),
     .fill = fill_session_status},
    {.schema = "information_schema",
     .name = "GLOBAL_STATUS",
     .columns = status_columns,
     .column_count = SL_COUNTOF(status_columns),
     .fill = fill_global_status},
    {.schema = "mysql",
     .name = "help_topic",
     .columns = topic_columns,
     .column_count = SL_COUNTOF(topic_columns),
     .fill = fill_nothing},
};
