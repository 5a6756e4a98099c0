/*
 * import_text.c - nProbe's text dumps and CSV. See import.h.
 *
 * The first line names the columns; its separator is the first character in it that is neither
 * letter, digit, underscore, point, blank nor quote (nProbe's default is |). A field may be
 * quoted as RFC 4180 has it; a quoted field does not span lines.
 */
#include "client/import_job.h"

#include <stdio.h>

enum { FIELDS_MAX = 1024 };

struct text_reader {
    struct sl_import_job *job;
    char separator;
    uint32_t field_count;
    struct sl_field fields[FIELDS_MAX];
    struct sl_slice names[FIELDS_MAX]; /* borrowed from the first line, while it is read */
    struct sl_field exporter;
    bool has_exporter_field;
};

static char
find_separator(const char *line, size_t line_bytes)
{
    for (size_t i = 0; i < line_bytes; i++) {
        char c = line[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '_' && c != '.' && c != '"' && c != ' ' && c != '%' && c != '-')
            return c;
    }
    return ','; /* one column */
}

/*
 * The field that begins at *at; steps behind the separator that ends it. A quoted field is
 * unquoted in place. False when a quote does not end.
 */
static bool
next_field(char **at, char *end, char separator, char **out_text, size_t *out_bytes)
{
    char *start = *at;
    if (start < end && *start == '"') {
        char *to = start;
        char *from = start + 1;
        for (;;) {
            if (from == end)
                return false;
            if (*from == '"' && from + 1 < end && from[1] == '"')
                from++;
            else if (*from == '"')
                break;
            *to++ = *from++;
        }
        from++;
        if (from < end && *from != separator)
            return false;
        *out_text = start;
        *out_bytes = (size_t)(to - start);
        *at = from < end ? from + 1 : end + 1;
        return true;
    }
    char *stop = start;
    while (stop < end && *stop != separator)
        stop++;
    *out_text = start;
    *out_bytes = (size_t)(stop - start);
    *at = stop + 1;
    return true;
}

/* Rows without a time are no flows, and names that nobody knows are worth a word: a column src_ip
 * is kept, but `WHERE src_addr = ...` will not find it. */
static sl_status
check_head(struct text_reader *r, struct sl_error *err)
{
    char unknown[SL_IMPORT_REASON_BYTES / 2];
    size_t used = 0;
    bool has_time = false;
    unknown[0] = '\0';
    for (uint32_t i = 0; i < r->field_count; i++) {
        const struct sl_column *column = r->fields[i].column;
        has_time |= column->index == SL_COLUMN_FIRST_SEEN || column->index == SL_COLUMN_LAST_SEEN;
        if (r->fields[i].is_unknown && used < sizeof(unknown)) {
            int put = snprintf(&unknown[used], sizeof(unknown) - used, "%s%s",
                               used == 0 ? "" : ", ", column->name);
            used += put > 0 ? (size_t)put : 0;
        }
    }
    if (!has_time)
        return sl_fail(err, SL_FORMAT,
                       "%.100s: no column of the first line is a time: it must name one first_seen "
                       "or last_seen (or FIRST_SWITCHED ...)",
                       r->job->path);
    if (used != 0)
        sl_import_job_warn(r->job, "no field has these names, kept as text columns: %s%s", unknown,
                           used >= sizeof(unknown) ? " ..." : "");
    return SL_OK;
}

/* May both fill their column? One address of each family, and clocks of different fineness: nProbe
 * writes both, under different names. */
static bool
may_share(const struct text_reader *r, uint32_t a, uint32_t b)
{
    const struct sl_field *field = &r->fields[a];
    struct sl_slice name = r->names[a];
    struct sl_slice other = r->names[b];
    bool is_clock =
        field->column->index == SL_COLUMN_FIRST_SEEN || field->column->index == SL_COLUMN_LAST_SEEN;
    bool is_family =
        field->form == SL_FIELD_ZERO_IS_NONE && r->fields[b].form == SL_FIELD_ZERO_IS_NONE;
    bool is_same = name.size_bytes == other.size_bytes &&
                   memcmp(name.bytes, other.bytes, name.size_bytes) == 0;
    return (is_clock || is_family) && !is_same;
}

/* Of two fields for one column the second would hide the first. */
static sl_status
refuse_twice(const struct text_reader *r, uint32_t last, struct sl_error *err)
{
    for (uint32_t i = 0; i < last; i++)
        if (r->fields[i].column == r->fields[last].column && !may_share(r, i, last))
            return sl_fail(err, SL_FORMAT,
                           "fields %u \"%.*s\" and %u \"%.*s\" are both %s; rename or remove one",
                           i + 1, (int)sl_min_size(r->names[i].size_bytes, 40),
                           (const char *)r->names[i].bytes, last + 1,
                           (int)sl_min_size(r->names[last].size_bytes, 40),
                           (const char *)r->names[last].bytes, r->fields[i].column->name);
    return SL_OK;
}

static sl_status
read_head(struct text_reader *r, char *line, size_t line_bytes, struct sl_error *err)
{
    char *at = line;
    char *end = line + line_bytes;
    r->separator = find_separator(line, line_bytes);
    while (at <= end) {
        char *name = NULL;
        size_t name_bytes = 0;
        if (!next_field(&at, end, r->separator, &name, &name_bytes))
            return sl_fail(err, SL_FORMAT, "%s:1: a quote does not end", r->job->path);
        while (name_bytes != 0 && (*name == ' ' || *name == '%'))
            name++, name_bytes--;
        while (name_bytes != 0 && name[name_bytes - 1] == ' ')
            name_bytes--;
        if (name_bytes == 0 && at > end)
            break; /* a separator at the end of the line */
        if (r->field_count == FIELDS_MAX)
            return sl_fail(err, SL_LIMIT, "%s:1: more than %d columns", r->job->path, FIELDS_MAX);
        struct sl_field *field = &r->fields[r->field_count];
        r->names[r->field_count] = (struct sl_slice){(const uint8_t *)name, (uint32_t)name_bytes};
        sl_status st = sl_field_find(r->job->schema, name, name_bytes, field, err);
        if (st == SL_OK)
            st = refuse_twice(r, r->field_count++, err);
        if (st != SL_OK) {
            sl_error_prefix(err, "%.100s:1", r->job->path);
            return st;
        }
        r->has_exporter_field |= field->column->index == SL_COLUMN_EXPORTER_ADDR;
    }
    return check_head(r, err);
}

static sl_status
read_row(struct text_reader *r, char *line, size_t line_bytes, struct sl_error *err)
{
    struct sl_import_job *job = r->job;
    char *at = line;
    char *end = line + line_bytes;
    uint32_t i = 0;
    for (; at <= end; i++) {
        char *text = NULL;
        size_t text_bytes = 0;
        if (!next_field(&at, end, r->separator, &text, &text_bytes))
            return sl_fail(err, SL_FORMAT, "a quote does not end");
        if (i == r->field_count && text_bytes == 0 && at > end)
            break;
        if (i >= r->field_count)
            return sl_fail(err, SL_FORMAT, "more than the %u fields of the first line",
                           r->field_count);
        SL_TRY(sl_field_set(&r->fields[i], job->schema, job->builder, text, text_bytes, err));
    }
    if (i < r->field_count)
        return sl_fail(err, SL_FORMAT, "%u fields, the first line has %u", i, r->field_count);
    if (job->options->exporter != NULL && !r->has_exporter_field)
        return sl_field_set(&r->exporter, job->schema, job->builder, job->options->exporter,
                            strlen(job->options->exporter), err);
    return SL_OK;
}

static sl_status
take_line(void *context, char *line, size_t line_bytes, uint64_t number, uint64_t offset_bytes,
          struct sl_error *err)
{
    struct text_reader *r = context;
    if (line_bytes == 0)
        return SL_OK;
    if (r->field_count == 0)
        return read_head(r, line, line_bytes, err);
    if (r->job->line_bytes < r->job->resume_bytes)
        return SL_OK; /* durable since an earlier run, also when the line has grown since */
    sl_status st = read_row(r, line, line_bytes, err);
    return sl_import_job_row(r->job, number, offset_bytes, st, err);
}

sl_status
sl_import_text(struct sl_import_job *job, struct sl_error *err)
{
    struct text_reader *r = sl_new(sizeof(*r));
    r->job = job;
    r->exporter.column = sl_schema_at(job->schema, SL_COLUMN_EXPORTER_ADDR);
    sl_status st = sl_import_job_lines(job, take_line, r, err);
    free(r);
    return st;
}
