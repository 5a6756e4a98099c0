/*
 * print.c - see print.h.
 */
#include "client/print.h"

#include <math.h>

#include "storage/value_text.h"

enum { FLUSH_BYTES = 1 << 16, OUT_BYTES_MAX = 1 << 30 };

bool
sl_print_format_parse(const char *name, enum sl_print_format *out_format)
{
    static const char *const names[] = {"table", "csv", "tsv", "json", "vertical"};
    for (unsigned i = 0; i < SL_COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out_format = (enum sl_print_format)i;
            return true;
        }
    }
    return false;
}

/* Write what has gathered, when it is enough or `is_last`. */
static sl_status
drain(struct sl_buf *out, FILE *file, bool is_last, struct sl_error *err)
{
    if (out->bad)
        return sl_fail(err, SL_LIMIT, "a row is too large to print");
    if (out->size_bytes < FLUSH_BYTES && !is_last)
        return SL_OK;
    if (out->size_bytes != 0 && fwrite(out->bytes, 1, out->size_bytes, file) != out->size_bytes)
        return sl_fail_errno(err, "the output cannot be written");
    if (is_last && fflush(file) != 0)
        return sl_fail_errno(err, "the output cannot be written");
    sl_buf_clear(out);
    return SL_OK;
}

/* RFC 4180: quoted only where it must be. `start` is where the field begins in `out`. */
static void
quote_csv(struct sl_buf *out, size_t start)
{
    size_t quotes = 0;
    bool needs = false;
    for (size_t i = start; i < out->size_bytes; i++) {
        uint8_t c = out->bytes[i];
        quotes += c == '"';
        needs = needs || c == '"' || c == ',' || c == '\n' || c == '\r';
    }
    if (!needs || out->bad)
        return;
    size_t size_bytes = out->size_bytes - start;
    if (sl_buf_extend(out, quotes + 2) == NULL)
        return;
    uint8_t *to = out->bytes + out->size_bytes;
    *--to = '"';
    for (size_t i = size_bytes; i > 0; i--) {
        uint8_t c = out->bytes[start + i - 1];
        *--to = c;
        if (c == '"')
            *--to = '"';
    }
    *--to = '"';
}

static void
put_tsv_bytes(struct sl_buf *out, const uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        switch (bytes[i]) {
        case '\t':
            sl_buf_text(out, "\\t");
            break;
        case '\n':
            sl_buf_text(out, "\\n");
            break;
        case '\\':
            sl_buf_text(out, "\\\\");
            break;
        case '\0':
            sl_buf_text(out, "\\0");
            break;
        default:
            sl_buf_u8(out, bytes[i]);
        }
    }
}

/* A JSON string. Bytes that are not UTF-8 become U+FFFD, so that what leaves is JSON. */
static void
put_json_string(struct sl_buf *out, const uint8_t *bytes, size_t size_bytes)
{
    sl_buf_u8(out, '"');
    for (size_t i = 0; i < size_bytes;) {
        uint8_t c = bytes[i];
        size_t length = c < 0x80                ? 1
                        : c >= 0xf0 && c < 0xf5 ? 4
                        : c >= 0xe0             ? 3
                        : c >= 0xc2             ? 2
                                                : 0;
        bool is_whole = length != 0 && c < 0xf5 && length <= size_bytes - i;
        for (size_t j = 1; is_whole && j < length; j++)
            is_whole = (bytes[i + j] & 0xc0) == 0x80;
        if (!is_whole) {
            sl_buf_text(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            sl_buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            sl_buf_printf(out, "\\u%04x", c);
        else
            sl_buf_append(out, &bytes[i], length);
        i += length;
    }
    sl_buf_u8(out, '"');
}

static bool
is_json_number(const struct sl_vector *v, uint32_t row)
{
    switch (v->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_I64:
    case SL_TYPE_BOOL:
    case SL_TYPE_DECIMAL:
        return true;
    case SL_TYPE_F64:
        return isfinite(sl_vector_f64(v, row));
    default:
        return false;
    }
}

static void
put_json_value(struct sl_buf *out, const struct sl_vector *v, uint32_t row)
{
    if (sl_vector_is_null(v, row) || (v->type == SL_TYPE_F64 && !is_json_number(v, row))) {
        sl_buf_text(out, "null");
        return;
    }
    if (is_json_number(v, row)) {
        sl_value_format(v, row, out);
        return;
    }
    struct sl_buf text = sl_buf_empty(OUT_BYTES_MAX);
    sl_value_format(v, row, &text);
    put_json_string(out, text.bytes, text.size_bytes);
    sl_buf_fini(&text);
}

struct printer {
    enum sl_print_format format;
    const struct sl_wire_column *columns;
    uint32_t column_count;
    uint64_t rows;
    struct sl_buf out;
};

static void
put_head(struct printer *p)
{
    for (uint32_t i = 0; i < p->column_count; i++) {
        const char *name = p->columns[i].name;
        if (p->format == SL_PRINT_CSV) {
            if (i != 0)
                sl_buf_u8(&p->out, ',');
            size_t start = p->out.size_bytes;
            sl_buf_text(&p->out, name);
            quote_csv(&p->out, start);
        } else {
            if (i != 0)
                sl_buf_u8(&p->out, '\t');
            put_tsv_bytes(&p->out, (const uint8_t *)name, strlen(name));
        }
    }
    sl_buf_text(&p->out, p->format == SL_PRINT_CSV ? "\r\n" : "\n");
}

static void
put_csv_row(struct printer *p, const struct sl_vector *vectors, uint32_t row)
{
    for (uint32_t i = 0; i < p->column_count; i++) {
        if (i != 0)
            sl_buf_u8(&p->out, ',');
        if (sl_vector_is_null(&vectors[i], row))
            continue;
        size_t start = p->out.size_bytes;
        sl_value_format(&vectors[i], row, &p->out);
        /* An empty text is quoted, so that it is not taken for NULL. */
        if (sl_type_is_bytes(vectors[i].type) && p->out.size_bytes == start)
            sl_buf_text(&p->out, "\"\"");
        else if (vectors[i].type == SL_TYPE_TEXT)
            quote_csv(&p->out, start);
    }
    sl_buf_text(&p->out, "\r\n");
}

static void
put_tsv_row(struct printer *p, const struct sl_vector *vectors, uint32_t row)
{
    for (uint32_t i = 0; i < p->column_count; i++) {
        if (i != 0)
            sl_buf_u8(&p->out, '\t');
        if (sl_vector_is_null(&vectors[i], row)) {
            sl_buf_text(&p->out, "\\N");
        } else if (vectors[i].type == SL_TYPE_TEXT) {
            struct sl_slice slice = sl_vector_slice(&vectors[i], row);
            put_tsv_bytes(&p->out, slice.bytes, slice.size_bytes);
        } else {
            sl_value_format(&vectors[i], row, &p->out);
        }
    }
    sl_buf_u8(&p->out, '\n');
}

static void
put_json_row(struct printer *p, const struct sl_vector *vectors, uint32_t row)
{
    sl_buf_text(&p->out, p->rows == 0 ? "{" : ",\n{");
    for (uint32_t i = 0; i < p->column_count; i++) {
        const char *name = p->columns[i].name;
        if (i != 0)
            sl_buf_u8(&p->out, ',');
        put_json_string(&p->out, (const uint8_t *)name, strlen(name));
        sl_buf_u8(&p->out, ':');
        put_json_value(&p->out, &vectors[i], row);
    }
    sl_buf_u8(&p->out, '}');
}

static void
put_vertical_row(struct printer *p, const struct sl_vector *vectors, uint32_t row)
{
    size_t widest = 0;
    for (uint32_t i = 0; i < p->column_count; i++)
        widest = sl_max_size(widest, strlen(p->columns[i].name));
    sl_buf_printf(&p->out,
                  "*************************** %" PRIu64 ". row ***************************\n",
                  p->rows + 1);
    for (uint32_t i = 0; i < p->column_count; i++) {
        sl_buf_printf(&p->out, "%*s: ", (int)widest, p->columns[i].name);
        if (sl_vector_is_null(&vectors[i], row))
            sl_buf_text(&p->out, "NULL");
        else
            sl_value_format(&vectors[i], row, &p->out);
        sl_buf_u8(&p->out, '\n');
    }
}

static void
put_row(struct printer *p, const struct sl_vector *vectors, uint32_t row)
{
    switch (p->format) {
    case SL_PRINT_CSV:
        put_csv_row(p, vectors, row);
        break;
    case SL_PRINT_TSV:
        put_tsv_row(p, vectors, row);
        break;
    case SL_PRINT_JSON:
        put_json_row(p, vectors, row);
        break;
    case SL_PRINT_VERTICAL:
        put_vertical_row(p, vectors, row);
        break;
    case SL_PRINT_TABLE: /* laid out by print_table.c */
        break;
    }
    p->rows++;
}

static sl_status
print_rows(struct printer *p, struct sl_result *result, FILE *file, struct sl_error *err)
{
    for (;;) {
        const struct sl_vector *vectors = NULL;
        uint32_t count = 0;
        SL_TRY(sl_result_next(result, &vectors, &count, err));
        if (count == 0)
            return SL_OK;
        for (uint32_t row = 0; row < count; row++) {
            put_row(p, vectors, row);
            SL_TRY(drain(&p->out, file, false, err));
        }
    }
}

sl_status
sl_print_result(struct sl_result *result, enum sl_print_format format, FILE *file,
                uint64_t *out_rows, struct sl_error *err)
{
    *out_rows = 0;
    if (format == SL_PRINT_TABLE)
        return sl_print_table(result, file, out_rows, err);
    struct printer p = {.format = format, .out = sl_buf_empty(OUT_BYTES_MAX)};
    p.columns = sl_result_columns(result, &p.column_count);
    bool has_head = format == SL_PRINT_CSV || format == SL_PRINT_TSV;
    if (has_head && p.column_count != 0)
        put_head(&p);
    if (format == SL_PRINT_JSON)
        sl_buf_u8(&p.out, '[');
    sl_status st = print_rows(&p, result, file, err);
    if (format == SL_PRINT_JSON)
        sl_buf_text(&p.out, "]\n");
    if (st == SL_OK)
        st = drain(&p.out, file, true, err);
    *out_rows = p.rows;
    sl_buf_fini(&p.out);
    return st;
}
