/*
 * system_tables.c - see system_tables.h.
 *
 * A table is a list of columns and a fill function. A fill function hands over rows of values in
 * the order of its columns; visitors that cannot fail note the first failure in their walk.
 */
#include "server/system_tables.h"

#include <stdio.h>

#include "ingest/ingest.h"
#include "server/mysql_tables.h"
#include "server/registry.h"
#include "server/service.h"
#include "server/stats.h"
#include "server/table_value.h"
#include "server/user_tables.h"
#include "storage/base/clock.h"
#include "storage/store.h"

#define U64_COLUMN                        \
    {                                     \
        .type = SL_TYPE_U64, .length = 20 \
    }
#define F64_COLUMN                        \
    {                                     \
        .type = SL_TYPE_F64, .length = 22 \
    }
#define BOOL_COLUMN                       \
    {                                     \
        .type = SL_TYPE_BOOL, .length = 1 \
    }
#define TEXT_COLUMN TEXT(1024)
#define ADDR_COLUMN                                             \
    {                                                           \
        .type = SL_TYPE_ADDR, .is_nullable = true, .length = 45 \
    }
#define TIME_COLUMN                                                         \
    {                                                                       \
        .type = SL_TYPE_TIME, .scale = 6, .is_nullable = true, .length = 26 \
    }

struct walk {
    const struct sl_service *service;
    struct sl_virtual_sink *sink;
    sl_status status;
    struct sl_error *err;
};

static struct sl_value
value_u64(uint64_t number)
{
    return (struct sl_value){.type = SL_TYPE_U64, .as.u64 = number};
}

static struct sl_value
value_bool(bool truth)
{
    return (struct sl_value){.type = SL_TYPE_BOOL, .as.u64 = truth};
}

static struct sl_value
value_f64(double number)
{
    return (struct sl_value){.type = SL_TYPE_F64, .as.f64 = number};
}

static struct sl_value
value_addr(struct sl_addr addr)
{
    return (struct sl_value){.type = SL_TYPE_ADDR, .as.addr = addr};
}

/* 0 is "never". */
static struct sl_value
value_time(int64_t time_us)
{
    return (struct sl_value){.type = SL_TYPE_TIME, .is_null = time_us == 0, .as.i64 = time_us};
}

static void
emit(struct walk *walk, const struct sl_value *values)
{
    if (walk->status == SL_OK)
        walk->status = sl_virtual_emit(walk->sink, values, walk->err);
}

/* ---- system.segments ---- */

static const struct sl_virtual_column segment_columns[] = {
    {"name", TEXT_COLUMN},           {"rows", U64_COLUMN},
    {"dead_rows", U64_COLUMN},       {"bytes", U64_COLUMN},
    {"index_bytes", U64_COLUMN},     {"bytes_per_row", F64_COLUMN},
    {"groups", U64_COLUMN},          {"level", U64_COLUMN},
    {"generation", U64_COLUMN},      {"partition_first", TIME_COLUMN},
    {"partition_last", TIME_COLUMN}, {"last_seen_min", TIME_COLUMN},
    {"last_seen_max", TIME_COLUMN},
};

static void
emit_segment(void *context, const struct sl_segment_info *info)
{
    const struct sl_value values[SL_COUNTOF(segment_columns)] = {
        value_text(info->name),
        value_u64(info->rows),
        value_u64(info->dead_rows),
        value_u64(info->bytes),
        value_u64(info->index_bytes),
        value_f64(info->rows == 0 ? 0 : (double)info->bytes / (double)info->rows),
        value_u64(info->groups),
        value_u64(info->level),
        value_u64(info->generation),
        value_time(info->partition_first_us),
        value_time(info->partition_last_us),
        value_time(info->last_seen_min_us),
        value_time(info->last_seen_max_us),
    };
    emit(context, values);
}

static sl_status
fill_segments(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    sl_store_segments(walk.service->store, emit_segment, &walk);
    return walk.status;
}

/* ---- system.columns ---- */

static const struct sl_virtual_column column_columns[] = {
    {"name", TEXT_COLUMN},     {"type", TEXT_COLUMN},      {"is_core", BOOL_COLUMN},
    {"nullable", BOOL_COLUMN}, {"data_bytes", U64_COLUMN}, {"index_bytes", U64_COLUMN},
    {"help", TEXT_COLUMN},
};

struct column_sizes {
    const struct sl_schema *schema;
    uint32_t count;
    uint64_t *data_bytes;
    uint64_t *index_bytes;
};

static void
note_column(void *context, const char *name, uint64_t data_bytes, uint64_t index_bytes)
{
    struct column_sizes *sizes = context;
    const struct sl_column *column = sl_schema_find(sizes->schema, name, strlen(name));
    if (column == NULL || column->index >= sizes->count)
        return; /* added since the walk began */
    sizes->data_bytes[column->index] = data_bytes;
    sizes->index_bytes[column->index] = index_bytes;
}

static sl_status
fill_columns(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    const struct sl_schema *schema = walk.service->schema;
    struct column_sizes sizes = {.schema = schema, .count = sl_schema_count(schema)};
    sizes.data_bytes = sl_try_alloc((size_t)2 * sizes.count * sizeof(uint64_t));
    if (sizes.data_bytes == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the list of columns");
    sizes.index_bytes = sizes.data_bytes + sizes.count;

    walk.status = sl_store_column_bytes(walk.service->store, note_column, &sizes, err);
    for (uint32_t i = 0; i < sizes.count && walk.status == SL_OK; i++) {
        const struct sl_column *column = sl_schema_at(schema, i);
        const struct sl_value values[SL_COUNTOF(column_columns)] = {
            value_text(column->name),       value_text(sl_type_name(column->type)),
            value_bool(column->is_core),    value_bool(column->is_nullable),
            value_u64(sizes.data_bytes[i]), value_u64(sizes.index_bytes[i]),
            value_text(column->text),
        };
        emit(&walk, values);
    }
    free(sizes.data_bytes);
    return walk.status;
}

/* ---- system.exporters, .templates, .interfaces, .sources ---- */

static const struct sl_virtual_column exporter_columns[] = {
    {"exporter_addr", ADDR_COLUMN},
    {"port", U64_COLUMN},
    {"version", U64_COLUMN},
    {"observation_domain", U64_COLUMN},
    {"kind", TEXT_COLUMN},
    {"first_time", TIME_COLUMN},
    {"last_time", TIME_COLUMN},
    {"sampling_known", BOOL_COLUMN},
    {"sampling_rate", U64_COLUMN},
    {"sampling_divisor", U64_COLUMN},
    {"datagrams", U64_COLUMN},
    {"bytes", U64_COLUMN},
    {"records", U64_COLUMN},
    {"option_records", U64_COLUMN},
    {"gaps", U64_COLUMN},
    {"lost", U64_COLUMN},
    {"reordered", U64_COLUMN},
    {"restarts", U64_COLUMN},
    {"malformed", U64_COLUMN},
    {"unknown", U64_COLUMN},
    {"pending_lost", U64_COLUMN},
    {"templates", U64_COLUMN},
    {"template_changes", U64_COLUMN},
    {"times_outside", U64_COLUMN},
    {"clipped", U64_COLUMN},
    {"extra", U64_COLUMN},
};

static const char *
kind_text(enum sl_exporter_kind kind)
{
    switch (kind) {
    case SL_EXPORTER_AUTO:
        return "auto";
    case SL_EXPORTER_NPROBE:
        return "nprobe";
    case SL_EXPORTER_OTHER:
        return "other";
    }
    return "";
}

static void
emit_exporter(void *context, const struct sl_exporter_info *info)
{
    const struct sl_exporter_counts *counts = &info->counts;
    const struct sl_value values[SL_COUNTOF(exporter_columns)] = {
        value_addr(info->addr),
        value_u64(info->port),
        value_u64(info->version),
        value_u64(info->domain),
        value_text(kind_text(info->kind)),
        value_time(info->first_us),
        value_time(info->last_us),
        value_bool(info->has_sampling),
        value_u64(info->sampling_rate),
        value_u64(info->sampling_divisor),
        value_u64(counts->datagrams),
        value_u64(counts->bytes),
        value_u64(counts->records),
        value_u64(counts->option_records),
        value_u64(counts->gaps),
        value_u64(counts->lost),
        value_u64(counts->reordered),
        value_u64(counts->restarts),
        value_u64(counts->malformed),
        value_u64(counts->unknown),
        value_u64(counts->pending_lost),
        value_u64(counts->templates),
        value_u64(counts->template_changes),
        value_u64(counts->times_outside),
        value_u64(counts->clipped),
        value_u64(counts->extra),
    };
    emit(context, values);
}

static sl_status
fill_exporters(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    const struct sl_exporter_visitor visitor = {.exporter = emit_exporter, .context = &walk};
    sl_ingest_visit(walk.service->ingest, &visitor);
    return walk.status;
}

static const struct sl_virtual_column template_columns[] = {
    {"exporter_addr", ADDR_COLUMN},
    {"port", U64_COLUMN},
    {"version", U64_COLUMN},
    {"observation_domain", U64_COLUMN},
    {"id", U64_COLUMN},
    {"is_options", BOOL_COLUMN},
    {"is_nprobe", BOOL_COLUMN},
    {"restored", BOOL_COLUMN},
    {"field_count", U64_COLUMN},
    {"records", U64_COLUMN},
    {"last_time", TIME_COLUMN},
    {"fields", TEXT_COLUMN},
};

static void
emit_template(void *context, const struct sl_exporter_info *exporter,
              const struct sl_template_info *info)
{
    const struct sl_value values[SL_COUNTOF(template_columns)] = {
        value_addr(exporter->addr),  value_u64(exporter->port),     value_u64(exporter->version),
        value_u64(exporter->domain), value_u64(info->id),           value_bool(info->is_options),
        value_bool(info->is_nprobe), value_bool(info->is_restored), value_u64(info->field_count),
        value_u64(info->records),    value_time(info->seen_us),     value_text(info->text),
    };
    emit(context, values);
}

static sl_status
fill_templates(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    const struct sl_exporter_visitor visitor = {.template = emit_template, .context = &walk};
    sl_ingest_visit(walk.service->ingest, &visitor);
    return walk.status;
}

static const struct sl_virtual_column interface_columns[] = {
    {"exporter_addr", ADDR_COLUMN}, {"observation_domain", U64_COLUMN}, {"id", U64_COLUMN},
    {"name", TEXT_COLUMN},          {"description", TEXT_COLUMN},
};

static void
emit_interface(void *context, const struct sl_exporter_info *exporter,
               const struct sl_interface_info *info)
{
    const struct sl_value values[SL_COUNTOF(interface_columns)] = {
        value_addr(exporter->addr), value_u64(exporter->domain),   value_u64(info->index),
        value_text(info->name),     value_text(info->description),
    };
    emit(context, values);
}

static sl_status
fill_interfaces(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    const struct sl_exporter_visitor visitor = {.interface = emit_interface, .context = &walk};
    sl_ingest_visit(walk.service->ingest, &visitor);
    return walk.status;
}

static const struct sl_virtual_column source_columns[] = {
    {"origin", TEXT_COLUMN},      {"datagrams", U64_COLUMN},    {"bytes", U64_COLUMN},
    {"kernel_drops", U64_COLUMN}, {"refused", U64_COLUMN},      {"cut", U64_COLUMN},
    {"ring_waits", U64_COLUMN},   {"socket_bytes", U64_COLUMN},
};

static void
emit_source(void *context, const char *origin, const struct sl_source_counts *counts)
{
    const struct sl_value values[SL_COUNTOF(source_columns)] = {
        value_text(origin),
        value_u64(counts->datagrams),
        value_u64(counts->bytes),
        value_u64(counts->kernel_drops),
        value_u64(counts->refused),
        value_u64(counts->cut),
        value_u64(counts->ring_waits),
        value_u64(counts->socket_bytes),
    };
    emit(context, values);
}

static sl_status
fill_sources(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    sl_ingest_sources(walk.service->ingest, emit_source, &walk);
    return walk.status;
}

/* ---- system.imports ---- */

static const struct sl_virtual_column import_columns[] = {
    {"id", TEXT_COLUMN}, /* XXH3-128 of the content, as 32 hexadecimal digits */
    {"offset", U64_COLUMN},       {"rows", U64_COLUMN},
    {"is_finished", BOOL_COLUMN}, {"newest", TIME_COLUMN},
};

static void
emit_import(void *context, const struct sl_import_info *info)
{
    char id[33];
    (void)snprintf(id, sizeof(id), "%016" PRIx64 "%016" PRIx64, info->id.high, info->id.low);
    const struct sl_value values[SL_COUNTOF(import_columns)] = {
        value_text(id),
        value_u64(info->offset),
        value_u64(info->rows),
        value_bool(info->is_finished),
        value_time(info->newest_us == INT64_MIN ? 0 : info->newest_us),
    };
    emit(context, values);
}

static sl_status
fill_imports(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    sl_status st = sl_store_imports(walk.service->store, emit_import, &walk, err);
    return st != SL_OK ? st : walk.status;
}

/* ---- system.queries ---- */

static const struct sl_virtual_column query_columns[] = {
    {"connection_id", U64_COLUMN}, {"user", TEXT_COLUMN},        {"peer", TEXT_COLUMN},
    {"connected", TIME_COLUMN},    {"state", TEXT_COLUMN},       {"started", TIME_COLUMN},
    {"seconds", F64_COLUMN},       {"rows_total", U64_COLUMN},   {"rows_done", U64_COLUMN},
    {"bytes_read", U64_COLUMN},    {"memory_bytes", U64_COLUMN}, {"statement", TEXT_COLUMN},
};

static sl_status
emit_query(void *context, const struct sl_entry_info *info, struct sl_error *err)
{
    struct walk *walk = context;
    int64_t run_us = info->started_us == 0 ? 0 : sl_clock_now_us() - info->started_us;
    const struct sl_value values[SL_COUNTOF(query_columns)] = {
        value_u64(info->connection_id),
        value_text(info->user),
        value_text(info->peer),
        value_time(info->connected_us),
        value_text(info->what[0] == '\0' ? "idle" : info->what),
        value_time(info->started_us),
        value_f64((double)run_us / SL_US_PER_S),
        value_u64(info->progress.rows_total),
        value_u64(info->progress.rows_done),
        value_u64(info->progress.bytes_read),
        value_u64(info->progress.memory_bytes),
        value_text(info->text),
    };
    return sl_virtual_emit(walk->sink, values, err);
}

static sl_status
fill_queries(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    return sl_registry_walk(walk.service->registry, emit_query, &walk, err);
}

/* ---- system.metrics, .settings ---- */

static const struct sl_virtual_column metric_columns[] = {
    {"name", TEXT_COLUMN},
    {"value", U64_COLUMN},
    {"rate", F64_COLUMN},
    {"help", TEXT_COLUMN},
};

static void
emit_metric(struct walk *walk, const char *name, uint64_t value, double rate, const char *help)
{
    const struct sl_value values[SL_COUNTOF(metric_columns)] = {value_text(name), value_u64(value),
                                                                value_f64(rate), value_text(help)};
    emit(walk, values);
}

static void
emit_store_metrics(struct walk *walk)
{
    struct sl_store_status s = {0};
    sl_store_status(walk->service->store, &s);
    const struct {
        const char *name;
        uint64_t value;
        const char *help;
    } metrics[] = {
        {"rows_memory", s.rows_memory, "flows that are not sealed yet"},
        {"rows_sealed", s.rows_sealed, "flows in segments"},
        {"rows_dead", s.rows_dead, "deleted flows that a merge has not removed yet"},
        {"rows_appended", s.rows_appended, "flows taken in since the start"},
        {"rows_dropped_retention", s.rows_dropped_retention, "flows dropped by age or disk cap"},
        {"segments", s.segment_count, "live segments"},
        {"segment_bytes", s.segment_bytes, "bytes of live segments"},
        {"index_bytes", s.index_bytes, "bytes of indexes in live segments"},
        {"journal_bytes", s.journal_bytes, "bytes of the journal"},
        {"catalog_bytes", s.catalog_bytes, "bytes of the catalog"},
        {"bytes_written_journal", s.bytes_written_journal, "bytes written to the journal"},
        {"bytes_written_seal", s.bytes_written_seal, "bytes written by seals"},
        {"bytes_written_merge", s.bytes_written_merge, "bytes written by merges"},
        {"seals", s.seals, "seals since the start"},
        {"merges", s.merges, "merges since the start"},
        {"merge_backlog_bytes", s.merge_backlog_bytes, "bytes that wait to be merged"},
        {"readonly", s.is_readonly, "1: the store takes no flows"},
    };
    for (size_t i = 0; i < SL_COUNTOF(metrics); i++)
        emit_metric(walk, metrics[i].name, metrics[i].value, 0, metrics[i].help);
}

static sl_status
fill_metrics(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    const struct sl_stats *stats = walk.service->stats;
    for (unsigned i = 0; i < SL_COUNTER_COUNT; i++) {
        enum sl_counter counter = (enum sl_counter)i;
        emit_metric(&walk, sl_counter_name(counter), sl_stats_value(stats, counter),
                    sl_stats_rate(stats, counter, 10), sl_counter_help(counter));
    }
    emit_store_metrics(&walk);
    return walk.status;
}

static const struct sl_virtual_column setting_columns[] = {
    {"name", TEXT_COLUMN},
    {"value", TEXT_COLUMN},
    {"default", TEXT_COLUMN},
    {"help", TEXT_COLUMN},
};

static sl_status
fill_settings(void *context, struct sl_virtual_sink *sink, struct sl_error *err)
{
    struct walk walk = {.service = context, .sink = sink, .err = err};
    for (unsigned i = 0; i < SL_OPTION_COUNT; i++) {
        enum sl_option option = (enum sl_option)i;
        const struct sl_value values[SL_COUNTOF(setting_columns)] = {
            value_text(sl_option_key(option)),
            value_text(sl_config_text(walk.service->config, option)),
            value_text(sl_option_default(option)),
            value_text(sl_option_help(option)),
        };
        emit(&walk, values);
    }
    return walk.status;
}

/* ---- the list ---- */

#define TABLE(table, list, function)                                                              \
    {                                                                                             \
        .schema = "system", .name = (table), .columns = (list), .column_count = SL_COUNTOF(list), \
        .fill = (function),                                                                       \
    }

static const struct sl_virtual_table table_list[] = {
    TABLE("segments", segment_columns, fill_segments),
    TABLE("columns", column_columns, fill_columns),
    TABLE("exporters", exporter_columns, fill_exporters),
    TABLE("templates", template_columns, fill_templates),
    TABLE("interfaces", interface_columns, fill_interfaces),
    TABLE("sources", source_columns, fill_sources),
    TABLE("imports", import_columns, fill_imports),
    TABLE("queries", query_columns, fill_queries),
    TABLE("metrics", metric_columns, fill_metrics),
    TABLE("settings", setting_columns, fill_settings),
};

static const struct sl_virtual_table *const tables[] = {
    &table_list[0],
    &table_list[1],
    &table_list[2],
    &table_list[3],
    &table_list[4],
    &table_list[5],
    &table_list[6],
    &table_list[7],
    &table_list[8],
    &table_list[9],
    &sl_user_tables[0],
    &sl_user_tables[1],
    &sl_mysql_tables[0],
    &sl_mysql_tables[1],
    &sl_mysql_tables[2],
    &sl_mysql_tables[3],
    NULL,
};

_Static_assert(SL_COUNTOF(tables) ==
                   SL_COUNTOF(table_list) + SL_USER_TABLE_COUNT + SL_MYSQL_TABLE_COUNT + 1,
               "every table is in the list");

const struct sl_virtual_table *const *
sl_system_tables(void)
{
    return tables;
}
