/*
 * text_table.c - see text_table.h.
 */
#include "client/text_table.h"

enum { ROWS_WANTED_MIN = 8 };

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

void
sl_text_table_init(struct sl_text_table *table, struct sl_schema *schema)
{
    *table = (struct sl_text_table){.schema = schema};
    table->find_marks = sl_text_marks_best();
}

void
sl_text_table_fini(struct sl_text_table *table)
{
    free(table->separators);
    free(table->line_ends);
}

/* May both fill their column? One address of each family, and clocks of different fineness: nProbe
 * writes both, under different names. */
static bool
may_share(const struct sl_text_table *table, const struct sl_slice *names, uint32_t a, uint32_t b)
{
    const struct sl_field *field = &table->fields[a];
    struct sl_slice name = names[a];
    struct sl_slice other = names[b];
    bool is_clock =
        field->column->index == SL_COLUMN_FIRST_SEEN || field->column->index == SL_COLUMN_LAST_SEEN;
    bool is_family =
        field->form == SL_FIELD_ZERO_IS_NONE && table->fields[b].form == SL_FIELD_ZERO_IS_NONE;
    bool is_same = name.size_bytes == other.size_bytes &&
                   memcmp(name.bytes, other.bytes, name.size_bytes) == 0;
    return (is_clock || is_family) && !is_same;
}

/* Of two fields for one column the second would hide the first. */
static sl_status
refuse_twice(const struct sl_text_table *table, const struct sl_slice *names, uint32_t last,
             struct sl_error *err)
{
    for (uint32_t i = 0; i < last; i++)
        if (table->fields[i].column == table->fields[last].column &&
            !may_share(table, names, i, last))
            return sl_fail(err, SL_FORMAT,
                           "fields %u \"%.*s\" and %u \"%.*s\" are both %s; rename or remove one",
                           i + 1, (int)sl_min_size(names[i].size_bytes, 40),
                           (const char *)names[i].bytes, last + 1,
                           (int)sl_min_size(names[last].size_bytes, 40),
                           (const char *)names[last].bytes, table->fields[i].column->name);
    return SL_OK;
}

static sl_status
read_names(struct sl_text_table *table, char *line, size_t line_bytes, struct sl_error *err)
{
    char *at = line;
    char *end = line + line_bytes;
    struct sl_slice names[SL_TABLE_FIELDS_MAX];
    while (at <= end) {
        char *name = NULL;
        size_t name_bytes = 0;
        if (!next_field(&at, end, table->separator, &name, &name_bytes))
            return sl_fail(err, SL_FORMAT, "a quote does not end");
        while (name_bytes != 0 && (*name == ' ' || *name == '%'))
            name++, name_bytes--;
        while (name_bytes != 0 && name[name_bytes - 1] == ' ')
            name_bytes--;
        if (name_bytes == 0 && at > end)
            break; /* a separator at the end of the line */
        if (table->field_count == SL_TABLE_FIELDS_MAX)
            return sl_fail(err, SL_LIMIT, "more than %d columns", SL_TABLE_FIELDS_MAX);
        SL_TRY(sl_field_find(table->schema, name, name_bytes, &table->fields[table->field_count],
                             err));
        names[table->field_count] = (struct sl_slice){(const uint8_t *)name, (uint32_t)name_bytes};
        SL_TRY(refuse_twice(table, names, table->field_count++, err));
    }
    return SL_OK;
}

sl_status
sl_text_table_head(struct sl_text_table *table, char *line, size_t line_bytes, struct sl_error *err)
{
    table->separator = find_separator(line, line_bytes);
    SL_TRY(read_names(table, line, line_bytes, err));
    uint32_t fields = table->field_count;
    table->is_columnar = fields != 0 && table->separator != '\r' && table->separator != '\n' &&
                         sl_field_are_columns(table->fields, fields);
    table->rows_wanted = ROWS_WANTED_MIN;
    table->line_separators = fields;
    table->line_others = 2;
    /* One separator more than the lines have is looked for, so that the end of the last is found.
     * Lines end in up to two others; the end before the first line stands before them. */
    table->separators =
        sl_new(sizeof(uint32_t) * ((size_t)SL_TABLE_ROWS_MAX * fields + 1 + SL_MARKS_SLACK));
    table->line_ends = sl_new(sizeof(uint32_t) * (1 + 2 * SL_TABLE_ROWS_MAX + SL_MARKS_SLACK));
    return SL_OK;
}

void
sl_text_table_add_constant(struct sl_text_table *table, const struct sl_column *column,
                           const char *text)
{
    SL_ASSERT(table->constant_count < SL_COUNTOF(table->constants));
    struct sl_text_constant *constant = &table->constants[table->constant_count++];
    constant->field = (struct sl_field){.column = column};
    constant->text_bytes = (uint32_t)strlen(text);
    SL_ASSERT(constant->text_bytes <= 64);
    memcpy(constant->text, text, constant->text_bytes);
}

bool
sl_text_table_has(const struct sl_text_table *table, enum sl_core_column column)
{
    for (uint32_t i = 0; i < table->field_count; i++)
        if (table->fields[i].column->index == column)
            return true;
    return false;
}

sl_status
sl_text_table_row(const struct sl_text_table *table, struct sl_builder *builder, char *line,
                  size_t line_bytes, struct sl_error *err)
{
    char *at = line;
    char *end = line + line_bytes;
    uint32_t i = 0;
    for (; at <= end; i++) {
        char *text = NULL;
        size_t text_bytes = 0;
        if (!next_field(&at, end, table->separator, &text, &text_bytes))
            return sl_fail(err, SL_FORMAT, "a quote does not end");
        if (i == table->field_count && text_bytes == 0 && at > end)
            break;
        if (i >= table->field_count)
            return sl_fail(err, SL_FORMAT, "more than the %u fields of the first line",
                           table->field_count);
        SL_TRY(sl_field_set(&table->fields[i], table->schema, builder, text, text_bytes, err));
    }
    if (i < table->field_count)
        return sl_fail(err, SL_FORMAT, "%u fields, the first line has %u", i, table->field_count);
    for (uint32_t k = 0; k < table->constant_count; k++) {
        const struct sl_text_constant *constant = &table->constants[k];
        SL_TRY(sl_field_set(&constant->field, table->schema, builder, constant->text,
                            constant->text_bytes, err));
    }
    return SL_OK;
}

/* Many lines of the same shape: `separators` of them in each, then '\n' or "\r\n". */
struct lines {
    const char *text;
    const struct sl_text_marks *marks;
    uint32_t separators;
    uint32_t others; /* 1, or 2 where lines end in "\r\n" */
    uint32_t count;
};

/* Where line `line` begins, and where its end does. */
static uint32_t
line_start(const struct lines *l, uint32_t line)
{
    return line == 0 ? 0 : l->marks->others[line * l->others - 1] + 1;
}

/* The shape of the first line, which must be one that all lines may have. */
static bool
find_shape(struct lines *l, uint32_t field_count)
{
    const struct sl_text_marks *m = l->marks;
    if (m->other_count == 0)
        return false;
    uint32_t end = m->others[0];
    while (l->separators < m->separator_count && m->separators[l->separators] < end)
        l->separators++;
    l->others = l->text[end] == '\r' ? 2 : 1;
    return l->separators == field_count - 1 || l->separators == field_count;
}

/* Has line `line` the shape? A separator more than fields is the end of the last one. */
static bool
has_shape(const struct lines *l, uint32_t line, uint32_t field_count)
{
    const struct sl_text_marks *m = l->marks;
    uint32_t first = line * l->separators;
    uint32_t next = first + l->separators;
    uint32_t other = line * l->others;
    if (next > m->separator_count || other + l->others > m->other_count)
        return false;
    uint32_t start = line_start(l, line);
    uint32_t end = m->others[other];
    uint32_t feed = m->others[other + l->others - 1];
    if (l->text[feed] != '\n' || feed - end != l->others - 1 || end == start ||
        (l->others == 2 && l->text[end] != '\r'))
        return false;
    if (l->separators == field_count && m->separators[next - 1] + 1 != end)
        return false;
    return (l->separators == 0 || m->separators[next - 1] < end) &&
           (next == m->separator_count || m->separators[next] > feed);
}

static struct lines
find_lines(struct sl_text_table *table, const char *text, size_t size_bytes, uint32_t rows_max,
           struct sl_text_marks *marks)
{
    struct lines l = {.text = text, .marks = marks};
    uint32_t fields = table->field_count;
    table->find_marks(text, (uint32_t)sl_min_size(size_bytes, SL_TABLE_LINES_BYTES_MAX),
                      table->separator, rows_max * table->line_separators + 1,
                      rows_max * table->line_others, marks);
    if (!find_shape(&l, fields))
        return l;
    table->line_separators = l.separators == 0 ? 1 : l.separators;
    table->line_others = l.others;
    while (l.count < rows_max && has_shape(&l, l.count, fields))
        l.count++;
    return l;
}

/* The cells of a column of the lines. */
static struct sl_cells
column_cells(const struct lines *l, uint32_t field)
{
    const struct sl_text_marks *m = l->marks;
    struct sl_cells cells = {.text = l->text, .count = l->count};
    bool is_first = field == 0;
    bool is_last = field == l->separators;
    cells.before = is_first ? m->others - 1 : m->separators + field - 1;
    cells.before_step = is_first ? l->others : l->separators;
    cells.after = is_last ? m->others : m->separators + field;
    cells.after_step = is_last ? l->others : l->separators;
    return cells;
}

static struct sl_cells
constant_cells(const struct sl_text_constant *constant, uint32_t count)
{
    static const uint32_t before = UINT32_MAX;
    return (struct sl_cells){
        .text = constant->text, .before = &before, .after = &constant->text_bytes, .count = count};
}

uint32_t
sl_text_table_rows(struct sl_text_table *table, struct sl_builder *builder, const char *text,
                   size_t size_bytes, int64_t oldest_us, size_t *out_bytes)
{
    struct sl_text_marks marks = {.separators = table->separators, .others = table->line_ends + 1};
    uint32_t room = builder->capacity - builder->row_count;
    uint32_t rows_max = table->rows_wanted < room ? table->rows_wanted : room;
    *out_bytes = 0;
    if (!table->is_columnar || rows_max == 0)
        return 0;
    table->line_ends[0] = UINT32_MAX; /* the first line begins one behind it, modulo 2^32 */
    struct lines l = find_lines(table, text, size_bytes, rows_max, &marks);
    uint32_t set_count = l.count;
    for (uint32_t i = 0; i < table->field_count && l.count != 0; i++) {
        struct sl_cells cells = column_cells(&l, i);
        l.count = sl_field_set_cells(&table->fields[i], table->schema, builder, &cells);
    }
    for (uint32_t i = 0; i < table->constant_count && l.count != 0; i++) {
        struct sl_cells cells = constant_cells(&table->constants[i], l.count);
        l.count = sl_field_set_cells(&table->constants[i].field, table->schema, builder, &cells);
    }
    if (set_count != 0)
        l.count = sl_field_end_rows(table->schema, builder, l.count, set_count, oldest_us);
    *out_bytes = line_start(&l, l.count);
    /* An odd line costs what was found behind it; where there are many, less is looked for. */
    if (l.count < rows_max)
        table->rows_wanted = ROWS_WANTED_MIN;
    else if (table->rows_wanted < SL_TABLE_ROWS_MAX)
        table->rows_wanted *= 2;
    return l.count;
}
