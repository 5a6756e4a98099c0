/*
 * field_cells.c - see field_cells.h.
 *
 * A loop stops at the first cell that it does not understand; that one goes to sl_field_set and the
 * loop starts again behind it. Eight characters are a word: exclusive or with '0' makes digits of
 * them, a shift drops what follows the cell, and three multiplications make the number.
 */
#include "storage/field_cells.h"

#include "storage/base/clock.h"
#include "storage/field_addrs.h"

enum {
    WORD_DIGITS = 8,
    SECONDS_DIGITS = 10, /* of seconds since 1970, from 2001 to 2286 */
    MILLISECONDS_DIGITS = 13,
    MINUTE_BYTES = 17, /* "2026-11-23T08:15:" */
    COPY_BYTES = 16,   /* short text is copied as so many bytes */
};

_Static_assert((int)COPY_BYTES <= (int)SL_CELLS_PADDING_BYTES,
               "a short text is read with its padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first character is the low byte");

static const uint64_t zeros = UINT64_C(0x3030303030303030);

/* Not 0 where a byte of `digits` is no digit's value. A carry only comes from such a byte. */
static inline uint64_t
not_digits(uint64_t digits)
{
    return ((digits + UINT64_C(0x7676767676767676)) | digits) & UINT64_C(0x8080808080808080);
}

/* The number of up to 8 characters; *bad is not 0 when one of them is no digit. */
static inline uint64_t
word_number(const char *text, uint32_t size_bytes, uint64_t *bad)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    word = (word ^ zeros) << (64 - 8 * size_bytes);
    *bad |= not_digits(word);
    word = word * 10 + (word >> 8);
    return ((word & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
            (word >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* The number of 1 to 16 characters. */
static inline uint64_t
long_number(const char *text, uint32_t size_bytes, uint64_t *bad)
{
    if (size_bytes <= WORD_DIGITS)
        return word_number(text, size_bytes, bad);
    uint32_t head_bytes = size_bytes - WORD_DIGITS;
    return word_number(text, head_bytes, bad) * 100000000 +
           word_number(text + head_bytes, WORD_DIGITS, bad);
}

/* Cells of at most 8 digits, and no more than `max`; those of U64 may have 16, and any value. */
#define NUMBERS_AS(type, array, number, digits_max, max)       \
    for (; i < cells->count; i++) {                            \
        uint32_t size_bytes;                                   \
        uint64_t bad = 0;                                      \
        const char *text = sl_cells_at(cells, i, &size_bytes); \
        if (size_bytes - 1 >= (digits_max))                    \
            break;                                             \
        uint64_t value = number(text, size_bytes, &bad);       \
        if (bad != 0 || value > (max))                         \
            break;                                             \
        column->values.array[row + i] = (type)value;           \
    }

static uint32_t
set_numbers(struct sl_builder_column *column, uint32_t row, const struct sl_cells *cells)
{
    uint64_t long_max = column->column->type == SL_TYPE_U32 ? UINT32_MAX : UINT64_MAX;
    uint32_t i = 0;
    switch (column->column->type) {
    case SL_TYPE_U8:
        NUMBERS_AS(uint8_t, u8, word_number, WORD_DIGITS, UINT8_MAX)
        break;
    case SL_TYPE_U16:
        NUMBERS_AS(uint16_t, u16, word_number, WORD_DIGITS, UINT16_MAX)
        break;
    case SL_TYPE_U32:
        NUMBERS_AS(uint32_t, u32, long_number, 2 * WORD_DIGITS, long_max)
        break;
    default:
        NUMBERS_AS(uint64_t, u64, long_number, 2 * WORD_DIGITS, long_max)
        break;
    }
    return i;
}

/* A minute, as written, and its time. */
struct minute {
    bool is_known;
    char text[MINUTE_BYTES];
    int64_t time_us;
};

/* Digits behind a point, at most 6, as microseconds. */
static inline int64_t
fraction_us(const char *text, uint32_t size_bytes, uint64_t *bad)
{
    static const int64_t units_us[] = {0, 100000, 10000, 1000, 100, 10, 1};
    if (size_bytes - 1 >= 6) {
        *bad = 1;
        return 0;
    }
    return (int64_t)word_number(text, size_bytes, bad) * units_us[size_bytes];
}

/* "2026-11-23T08:15:30.250Z", also with a blank for T, without Z or without a fraction. */
static inline bool
take_iso(const char *text, uint32_t size_bytes, struct minute *known, int64_t *out_us)
{
    uint64_t bad = 0;
    if (size_bytes < MINUTE_BYTES + 2)
        return false;
    if (!known->is_known || memcmp(text, known->text, MINUTE_BYTES) != 0) {
        char whole[MINUTE_BYTES + 2];
        memcpy(whole, text, MINUTE_BYTES);
        whole[MINUTE_BYTES] = whole[MINUTE_BYTES + 1] = '0';
        known->is_known = sl_time_parse(whole, sizeof(whole), &known->time_us);
        if (!known->is_known)
            return false;
        memcpy(known->text, text, MINUTE_BYTES);
    }
    uint64_t second = word_number(text + MINUTE_BYTES, 2, &bad);
    const char *at = text + MINUTE_BYTES + 2;
    const char *end = text + size_bytes - (text[size_bytes - 1] == 'Z');
    *out_us = known->time_us + (int64_t)second * SL_US_PER_S;
    if (at < end && *at == '.')
        *out_us += fraction_us(at + 1, (uint32_t)(end - at - 1), &bad);
    else
        bad |= at != end;
    return bad == 0 && second < 60;
}

/* "1795421730", "1795421730.250"; "1795421730250" are milliseconds. */
static inline bool
take_seconds(const char *text, uint32_t size_bytes, int64_t *out_us)
{
    uint64_t bad = 0;
    if (size_bytes < SECONDS_DIGITS)
        return false;
    if (size_bytes == MILLISECONDS_DIGITS) {
        *out_us = (int64_t)long_number(text, MILLISECONDS_DIGITS, &bad) * SL_US_PER_MS;
        if (bad == 0)
            return true;
        bad = 0;
    }
    *out_us = (int64_t)long_number(text, SECONDS_DIGITS, &bad) * SL_US_PER_S;
    if (size_bytes > SECONDS_DIGITS) {
        bad |= text[SECONDS_DIGITS] != '.';
        *out_us += fraction_us(text + SECONDS_DIGITS + 1, size_bytes - SECONDS_DIGITS - 1, &bad);
    }
    return bad == 0;
}

static uint32_t
set_times(struct sl_builder_column *column, uint32_t row, const struct sl_cells *cells)
{
    struct minute known = {.is_known = false};
    uint32_t i = 0;
    for (; i < cells->count; i++) {
        uint32_t size_bytes;
        const char *text = sl_cells_at(cells, i, &size_bytes);
        int64_t *time_us = &column->values.i64[row + i];
        if (!take_seconds(text, size_bytes, time_us) &&
            !take_iso(text, size_bytes, &known, time_us))
            break;
    }
    return i;
}

static uint32_t
set_texts(struct sl_builder *b, struct sl_builder_column *column, uint32_t row,
          const struct sl_cells *cells)
{
    uint32_t first_bytes;
    uint32_t last_bytes;
    const char *first = sl_cells_at(cells, 0, &first_bytes);
    const char *last = sl_cells_at(cells, cells->count - 1, &last_bytes);
    /* Cells do not overlap, so all of them are no longer than what they span, or all the same. */
    size_t span_bytes = cells->after_step == 0 ? (size_t)first_bytes * cells->count
                                               : (size_t)(last - first) + last_bytes;
    uint8_t *bytes = sl_builder_open_slices(column, row, span_bytes + COPY_BYTES);
    size_t used = column->bytes_used;
    uint32_t i = 0;
    for (; i < cells->count; i++) {
        uint32_t size_bytes;
        const char *text = sl_cells_at(cells, i, &size_bytes);
        if (size_bytes - 1 >= SL_TEXT_BYTES_MAX || (size_bytes == 2 && memcmp(text, "\\N", 2) == 0))
            break;
        memcpy(&bytes[used], text, size_bytes <= COPY_BYTES ? COPY_BYTES : size_bytes);
        used += size_bytes;
        column->values.u32[row + i + 1] = (uint32_t)used;
    }
    sl_builder_close_slices(b, column, row + i, used);
    return i;
}

/* "91", or "5.91" whose head is another column's; so is a name. */
static uint32_t
set_l7(struct sl_schema *schema, struct sl_builder *b, struct sl_builder_column *column,
       uint32_t row, const struct sl_cells *cells)
{
    struct sl_builder_column *masters =
        sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_L7_MASTER));
    uint32_t i = 0;
    for (; i < cells->count; i++) {
        uint32_t size_bytes;
        uint64_t bad = 0;
        const char *text = sl_cells_at(cells, i, &size_bytes);
        const char *point = size_bytes == 0 ? NULL : memchr(text, '.', size_bytes);
        uint32_t head_bytes = point == NULL ? 0 : (uint32_t)(point - text);
        uint32_t tail_bytes = size_bytes - head_bytes - (point != NULL);
        if (tail_bytes - 1 >= WORD_DIGITS || (point != NULL && head_bytes - 1 >= WORD_DIGITS))
            break;
        uint64_t app = word_number(text + size_bytes - tail_bytes, tail_bytes, &bad);
        uint64_t master = point == NULL ? 0 : word_number(text, head_bytes, &bad);
        if (bad != 0 || app > UINT16_MAX || master > UINT16_MAX)
            break;
        column->values.u16[row + i] = (uint16_t)app;
        if (point != NULL) {
            masters->values.u16[row + i] = (uint16_t)master;
            sl_builder_mark_rows(masters, row + i, 1);
        }
    }
    return i;
}

/* As many cells as one loop understands. */
static uint32_t
set_usual(const struct sl_field *field, struct sl_schema *schema, struct sl_builder *b,
          struct sl_builder_column *column, uint32_t row, const struct sl_cells *cells)
{
    if (field->form == SL_FIELD_HEX)
        return 0;
    if (field->form == SL_FIELD_L7)
        return set_l7(schema, b, column, row, cells);
    switch (column->column->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
        return set_numbers(column, row, cells);
    case SL_TYPE_ADDR:
        return sl_field_addrs_best()(cells, field->form == SL_FIELD_ZERO_IS_NONE,
                                     &column->values.addr[row]);
    case SL_TYPE_TIME:
        return set_times(column, row, cells);
    case SL_TYPE_TEXT:
        return set_texts(b, column, row, cells);
    default:
        return 0;
    }
}

bool
sl_field_are_columns(const struct sl_field *fields, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!sl_type_is_bytes(fields[i].column->type))
            continue;
        for (uint32_t k = 0; k < count; k++)
            if (k != i && fields[k].column == fields[i].column)
                return false;
    }
    return true;
}

uint32_t
sl_field_set_cells(const struct sl_field *field, struct sl_schema *schema,
                   struct sl_builder *builder, const struct sl_cells *cells)
{
    struct sl_builder_column *column = sl_builder_column(builder, field->column);
    struct sl_cells rest = *cells;
    uint32_t base = builder->row_count;
    uint32_t done = 0;
    SL_ASSERT(cells->count <= builder->capacity - base);
    for (;;) {
        uint32_t taken = set_usual(field, schema, builder, column, base + done, &rest);
        sl_builder_mark_rows(column, base + done, taken);
        done += taken;
        if (done == cells->count)
            return done;
        uint32_t size_bytes;
        const char *text = sl_cells_at(&rest, taken, &size_bytes);
        if (field->form == SL_FIELD_L7 && size_bytes != 0)
            return done; /* a name may be another field's too */
        builder->row_count = base + done;
        sl_status st = sl_field_set(field, schema, builder, text, size_bytes, NULL);
        builder->row_count = base;
        if (st != SL_OK)
            return done;
        done++;
        rest.before += (taken + 1) * rest.before_step;
        rest.after += (taken + 1) * rest.after_step;
        rest.count -= taken + 1;
        if (rest.count == 0)
            return done;
    }
}

/* Rows from the builder's current one on that have a value in the column. */
static uint32_t
count_set(const struct sl_builder *b, const struct sl_builder_column *column, uint32_t count)
{
    uint32_t set_count = 0;
    for (uint32_t row = b->row_count; row < b->row_count + count;) {
        uint32_t shift = row % 64;
        uint32_t bits =
            64 - shift < b->row_count + count - row ? 64 - shift : b->row_count + count - row;
        uint64_t word = column->present[row / 64] >> shift << (64 - bits);
        set_count += (uint32_t)__builtin_popcountll(word);
        row += bits;
    }
    return set_count;
}

/* Rows that have all that sl_field_end_row looks at, or lack the sampling rate alone. */
static bool
are_usual(struct sl_schema *schema, struct sl_builder *b, uint32_t count, int64_t oldest_us)
{
    const struct sl_builder_column *first =
        sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_FIRST_SEEN));
    const struct sl_builder_column *last =
        sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_LAST_SEEN));
    const struct sl_builder_column *rate =
        sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SAMPLING_RATE));
    uint32_t old = 0;
    if (count_set(b, first, count) != count || count_set(b, last, count) != count ||
        count_set(b, rate, count) != 0)
        return false;
    for (uint32_t i = 0; i < count; i++)
        old += last->values.i64[b->row_count + i] < oldest_us;
    return old == 0;
}

uint32_t
sl_field_end_rows(struct sl_schema *schema, struct sl_builder *builder, uint32_t count,
                  uint32_t set_count, int64_t oldest_us)
{
    uint32_t base = builder->row_count;
    uint32_t done = 0;
    SL_ASSERT(count <= set_count);
    if (are_usual(schema, builder, count, oldest_us)) {
        struct sl_builder_column *rate =
            sl_builder_column(builder, sl_schema_at(schema, SL_COLUMN_SAMPLING_RATE));
        for (; done < count; done++)
            rate->values.u32[base + done] = 1;
        sl_builder_mark_rows(rate, base, count);
        builder->row_count = base + count;
    }
    while (done < count && sl_field_end_row(schema, builder, oldest_us, NULL) == SL_OK)
        done++;
    if (done < set_count) {
        builder->row_count = base + set_count;
        sl_builder_truncate(builder, base + done);
    }
    return done;
}
