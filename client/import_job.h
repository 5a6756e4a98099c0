/*
 * import_job.h - one file on its way: what the readers of the formats share.
 *
 * A reader calls sl_import_job_row for each record after it has set the fields in job->builder;
 * the job completes or rejects the row, counts it, and sends full batches.
 *
 * Layer: client, internal to the import_*.c files.
 */
#ifndef SLUICE_CLIENT_IMPORT_JOB_H
#define SLUICE_CLIENT_IMPORT_JOB_H

#include "client/import.h"
#include "client/input.h"
#include "client/inserter.h"
#include "storage/field.h"

/* The origin of rows that name none. */
#define SL_IMPORT_ORIGIN "import"

struct sl_import_job {
    const struct sl_import_options *options;
    struct sl_import_totals *totals;
    const char *path;
    enum sl_import_type type; /* decided, not AUTO */
    struct sl_input *input;
    struct sl_inserter *inserter;
    struct sl_schema *schema;
    struct sl_builder *builder;
    bool has_identity; /* false for what can be read once only */
    struct sl_hash128 identity;
    uint64_t size_bytes;   /* decompressed; 0: unknown */
    uint64_t resume_bytes; /* decompressed offset behind which rows are sent */
    uint64_t line_bytes;   /* decompressed offset at which the current line begins */
    uint64_t done_bytes;   /* decompressed offset of what was read */
    uint64_t rows_read;    /* of this file, */
    uint64_t rows_sent;    /* of it in this run */
    int64_t next_progress_us;
    int64_t started_us;
};

/* A row is in the builder, or `st` and err say why not: complete it, or count it as rejected
 * (an error only when the import is strict). offset_bytes: where the import goes on after this
 * record; 0 when it cannot go on there, and then no batch ends there. */
SL_MUST_CHECK
sl_status sl_import_job_row(struct sl_import_job *job, uint64_t line, uint64_t offset_bytes,
                            sl_status st, struct sl_error *err);

/* Tell on standard error what is odd about the file as a whole; the first few such lines only. */
SL_PRINTF(2, 3) void sl_import_job_warn(struct sl_import_job *job, const char *format, ...);

/* SL_CANCELLED when the user wants the import to end. */
SL_MUST_CHECK
sl_status sl_import_check(const struct sl_import_options *options, struct sl_error *err);

/* Draw the bar when it is time. */
void sl_import_job_show(struct sl_import_job *job);

/* Send what is in the builder; the import goes on at offset_bytes after it. */
SL_MUST_CHECK
sl_status sl_import_job_send(struct sl_import_job *job, uint64_t offset_bytes,
                             struct sl_error *err);

/* Who takes the lines of an input. */
struct sl_import_line_reader {
    void *context;
    /* `line` without its end, `number` from 1, `offset_bytes` where the next one begins. */
    sl_status (*take)(void *context, char *line, size_t line_bytes, uint64_t number,
                      uint64_t offset_bytes, struct sl_error *err);
    /* Complete rows from whole lines at the start of the text, whatever follows them: how many lines,
     * each one row, and their bytes. 0: `take` is to look at the first one. NULL: always. */
    uint32_t (*take_many)(void *context, const char *text, size_t size_bytes, size_t *out_bytes);
};

enum { SL_IMPORT_PADDING_BYTES = 64 }; /* readable behind the text of take_many */

/* Give the lines of the input to the reader. A line longer than a megabyte is skipped and counted as
 * a bad row. */
SL_MUST_CHECK
sl_status sl_import_job_lines(struct sl_import_job *job, const struct sl_import_line_reader *reader,
                              struct sl_error *err);

/* The readers. */
SL_MUST_CHECK
sl_status sl_import_text(struct sl_import_job *job, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_import_json(struct sl_import_job *job, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_import_netflow(struct sl_import_job *job, struct sl_error *err);

#endif
