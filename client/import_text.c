/*
 * import_text.c - nProbe's text dumps and CSV. See import.h; text_table.h says how they are written.
 */
#include "client/import_job.h"
#include "client/text_table.h"

#include <stdio.h>

_Static_assert((int)SL_IMPORT_PADDING_BYTES >= (int)SL_TABLE_PADDING_BYTES,
               "a table is read with its padding");

struct text_reader {
    struct sl_import_job *job;
    struct sl_text_table table;
};

/* Rows without a time are no flows, and names that nobody knows are worth a word: a column src_ip
 * is kept, but `WHERE src_addr = ...` will not find it. */
static sl_status
check_head(const struct text_reader *r, struct sl_error *err)
{
    char unknown[SL_IMPORT_REASON_BYTES / 2];
    size_t used = 0;
    unknown[0] = '\0';
    for (uint32_t i = 0; i < r->table.field_count; i++) {
        const struct sl_field *field = &r->table.fields[i];
        if (field->is_unknown && used < sizeof(unknown)) {
            int put = snprintf(&unknown[used], sizeof(unknown) - used, "%s%s",
                               used == 0 ? "" : ", ", field->column->name);
            used += put > 0 ? (size_t)put : 0;
        }
    }
    if (!sl_text_table_has(&r->table, SL_COLUMN_FIRST_SEEN) &&
        !sl_text_table_has(&r->table, SL_COLUMN_LAST_SEEN))
        return sl_fail(err, SL_FORMAT,
                       "%.100s: no column of the first line is a time: it must name one first_seen "
                       "or last_seen (or FIRST_SWITCHED ...)",
                       r->job->path);
    if (used != 0)
        sl_import_job_warn(r->job, "no field has these names, kept as text columns: %s%s", unknown,
                           used >= sizeof(unknown) ? " ..." : "");
    return SL_OK;
}

static sl_status
read_head(struct text_reader *r, char *line, size_t line_bytes, struct sl_error *err)
{
    const struct sl_schema *schema = r->job->schema;
    const char *exporter = r->job->options->exporter;
    sl_status st = sl_text_table_head(&r->table, line, line_bytes, err);
    if (st != SL_OK) {
        sl_error_prefix(err, "%.100s:1", r->job->path);
        return st;
    }
    if (exporter != NULL && !sl_text_table_has(&r->table, SL_COLUMN_EXPORTER_ADDR))
        sl_text_table_add_constant(&r->table, sl_schema_at(schema, SL_COLUMN_EXPORTER_ADDR),
                                   exporter);
    if (!sl_text_table_has(&r->table, SL_COLUMN_ORIGIN))
        sl_text_table_add_constant(&r->table, sl_schema_at(schema, SL_COLUMN_ORIGIN),
                                   SL_IMPORT_ORIGIN);
    else
        r->table.is_columnar = false; /* rows that name none get one, row by row */
    return check_head(r, err);
}

static sl_status
take_line(void *context, char *line, size_t line_bytes, uint64_t number, uint64_t offset_bytes,
          struct sl_error *err)
{
    struct text_reader *r = context;
    struct sl_import_job *job = r->job;
    if (line_bytes == 0)
        return SL_OK;
    if (r->table.field_count == 0)
        return read_head(r, line, line_bytes, err);
    if (job->line_bytes < job->resume_bytes)
        return SL_OK; /* durable since an earlier run, also when the line has grown since */
    sl_status st = sl_text_table_row(&r->table, job->builder, line, line_bytes, err);
    return sl_import_job_row(job, number, offset_bytes, st, err);
}

static uint32_t
take_many(void *context, const char *text, size_t size_bytes, size_t *out_bytes)
{
    struct text_reader *r = context;
    return sl_text_table_rows(&r->table, r->job->builder, text, size_bytes,
                              sl_inserter_oldest_us(r->job->inserter), out_bytes);
}

sl_status
sl_import_text(struct sl_import_job *job, struct sl_error *err)
{
    struct text_reader *r = sl_new(sizeof(*r));
    r->job = job;
    sl_text_table_init(&r->table, job->schema);
    const struct sl_import_line_reader reader = {
        .context = r, .take = take_line, .take_many = take_many};
    sl_status st = sl_import_job_lines(job, &reader, err);
    sl_text_table_fini(&r->table);
    free(r);
    return st;
}
