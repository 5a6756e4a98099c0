/*
 * load.c - see load.h.
 */
#include "query/load.h"

enum { INPUT_BYTES_MAX = 16 << 20, TEXT_BYTES_MAX = 16 << 20 };

/* Where a scan is, and what it reads. */
struct scan {
    const struct sl_load_format *format;
    const uint8_t *at;
    const uint8_t *end;
    bool is_ended;
};

enum stop { STOP_NONE, STOP_FIELD, STOP_LINE, STOP_SHORT };

void
sl_load_init(struct sl_load *load, const struct sl_load_format *format)
{
    *load = (struct sl_load){.format = *format, .skip_lines = format->skip_lines};
    load->input = sl_buf_empty(INPUT_BYTES_MAX);
    load->text = sl_buf_empty(TEXT_BYTES_MAX);
}

void
sl_load_fini(struct sl_load *load)
{
    sl_buf_fini(&load->input);
    sl_buf_fini(&load->text);
}

sl_status
sl_load_feed(struct sl_load *load, const void *bytes, size_t size_bytes, struct sl_error *err)
{
    size_t left_bytes = load->input.size_bytes - load->offset_bytes;
    SL_ASSERT(!load->is_ended);
    if (left_bytes > SL_LOAD_LINE_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "a line of the file is longer than %d bytes",
                       (int)SL_LOAD_LINE_BYTES_MAX);
    if (left_bytes != 0)
        memmove(load->input.bytes, load->input.bytes + load->offset_bytes, left_bytes);
    load->input.size_bytes = left_bytes;
    load->offset_bytes = 0;
    load->is_ended = size_bytes == 0;
    if (size_bytes != 0)
        sl_buf_append(&load->input, bytes, size_bytes);
    return load->input.bad ? sl_fail(err, SL_LIMIT, "too much of a file at once") : SL_OK;
}

static bool
starts_with(const struct scan *s, struct sl_slice what)
{
    return what.size_bytes != 0 && what.size_bytes <= (size_t)(s->end - s->at) &&
           memcmp(s->at, what.bytes, what.size_bytes) == 0;
}

/* Could more bytes make a terminator of what is left? */
static bool
is_cut(const struct scan *s, struct sl_slice what)
{
    size_t left_bytes = (size_t)(s->end - s->at);
    return !s->is_ended && left_bytes < what.size_bytes &&
           memcmp(s->at, what.bytes, left_bytes) == 0;
}

/* What stands here: the end of a field or line, stepped over, or neither. */
static enum stop
read_stop(struct scan *s)
{
    const struct sl_load_format *f = s->format;
    if (s->at == s->end)
        return s->is_ended ? STOP_LINE : STOP_SHORT;
    if (starts_with(s, f->line_end)) {
        s->at += f->line_end.size_bytes;
        return STOP_LINE;
    }
    if (starts_with(s, f->field_end)) {
        s->at += f->field_end.size_bytes;
        return STOP_FIELD;
    }
    return is_cut(s, f->line_end) || is_cut(s, f->field_end) ? STOP_SHORT : STOP_NONE;
}

static uint8_t
unescape(uint8_t c)
{
    switch (c) {
    case '0':
        return 0;
    case 'b':
        return '\b';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'Z':
        return 26;
    default:
        return c;
    }
}

/* A field of the text buffer by its offset; the pointer is set when the buffer is complete. */
static struct sl_cell
cell_of(size_t offset_bytes, size_t end_bytes)
{
    return (struct sl_cell){.kind = SL_CELL_TEXT,
                            .as.offset = (uint32_t)offset_bytes,
                            .size_bytes = (uint32_t)(end_bytes - offset_bytes)};
}

/* One field into `text`; *out_cell tells where. */
static enum stop
read_field(struct scan *s, struct sl_buf *text, struct sl_cell *out_cell)
{
    const struct sl_load_format *f = s->format;
    size_t start_bytes = text->size_bytes;
    bool is_enclosed = f->has_enclosure && s->at < s->end && *s->at == f->enclosure;
    bool is_null = false;
    enum stop stop = STOP_NONE;
    s->at += is_enclosed;
    for (;;) {
        bool is_quote = is_enclosed && s->at < s->end && *s->at == f->enclosure;
        if (is_quote && s->end - s->at < 2 && !s->is_ended)
            return STOP_SHORT;
        bool is_doubled = is_quote && s->end - s->at >= 2 && s->at[1] == f->enclosure;
        if (is_quote && !is_doubled) {
            is_enclosed = false; /* what follows up to the terminator belongs to the field */
            s->at++;
            continue;
        }
        s->at += is_doubled;
        stop = is_enclosed ? (s->at < s->end ? STOP_NONE
                              : s->is_ended  ? STOP_LINE
                                             : STOP_SHORT)
                           : read_stop(s);
        if (stop != STOP_NONE)
            break;
        uint8_t c = *s->at++;
        if (f->has_escape && c == f->escape && !is_doubled) {
            if (s->at == s->end && !s->is_ended)
                return STOP_SHORT;
            is_null = s->at < s->end && *s->at == 'N' && text->size_bytes == start_bytes;
            c = s->at < s->end ? unescape(*s->at++) : f->escape;
        }
        sl_buf_u8(text, c);
    }
    *out_cell = cell_of(start_bytes, text->size_bytes);
    bool is_word = f->has_enclosure && out_cell->size_bytes == 4 &&
                   memcmp(text->bytes + start_bytes, "NULL", 4) == 0;
    if ((is_null && out_cell->size_bytes == 1) || is_word)
        out_cell->kind = SL_CELL_NONE;
    return stop;
}

/* A line into cells; false when it is not all there. */
static bool
read_line(struct scan *s, struct sl_buf *text, struct sl_cell *cells, uint32_t width,
          uint32_t *out_fields)
{
    uint32_t count = 0;
    enum stop stop = STOP_FIELD;
    sl_buf_clear(text);
    for (; stop == STOP_FIELD; count++) {
        struct sl_cell cell;
        stop = read_field(s, text, &cell);
        if (stop == STOP_SHORT)
            return false;
        if (count < width)
            cells[count] = cell;
    }
    *out_fields = text->bad ? 0 : count;
    for (uint32_t i = 0; i < width; i++) {
        if (i >= count || text->bad)
            cells[i].kind = SL_CELL_NONE;
        else if (cells[i].kind == SL_CELL_TEXT && cells[i].size_bytes == 0)
            cells[i].as.bytes = (const uint8_t *)"";
        else if (cells[i].kind == SL_CELL_TEXT)
            cells[i].as.bytes = text->bytes + cells[i].as.offset;
    }
    return true;
}

void
sl_load_row(struct sl_load *load, struct sl_cell *cells, uint32_t width, bool *out_found,
            uint32_t *out_fields)
{
    *out_found = false;
    while (load->offset_bytes < load->input.size_bytes) {
        struct scan scan = {.format = &load->format,
                            .at = load->input.bytes + load->offset_bytes,
                            .end = load->input.bytes + load->input.size_bytes,
                            .is_ended = load->is_ended};
        if (!read_line(&scan, &load->text, cells, width, out_fields))
            return;
        load->offset_bytes = (size_t)(scan.at - load->input.bytes);
        if (load->skip_lines != 0) {
            load->skip_lines--;
            continue;
        }
        *out_found = true;
        return;
    }
}
