/*
 * batch_codec.c - see batch_codec.h. The layout, all integers little-endian:
 *
 *     1       version, 2
 *     varint  rows, 0 .. SL_BATCH_ROWS_MAX (a batch: 1 or more)
 *     varint  vectors, 0 .. SL_SQL_COLUMNS_MAX (a batch: .. SL_COLUMNS_MAX)
 *     vectors, each:
 *         varint  bytes of the name, .. SL_TEXT_BYTES_MAX
 *         n       the name, without NUL
 *         1       type, number of type.h
 *         1       scale: DECIMAL: 0 .. 38; other types: 0
 *         1       bits 0, 1: encoding (0 plain, 1 constant, 2 dictionary)
 *                 bit 2: there is a presence bitmap; bit 3: the dictionary is sorted; others zero
 *         1       width of a value in memory: as batch.h allows for the type
 *         varint  entries: plain: the rows; constant: 0 (all NULL) or 1; dictionary: .. the rows
 *         (rows + 7) / 8  presence: bit r % 8 of byte r / 8 is 1 when row r has a value;
 *                 further bits zero                                     only with bit 2
 *         values  TEXT, OCTETS: batch_ints.h of the lengths (width 4), then the bytes of all
 *                 ADDR 16 wide: batch_addrs.h
 *                 DECIMAL: 16 bytes each, low half first
 *                 other types: batch_ints.h; flip for I64, TIME, DATE, SPAN
 *                 none: when there are no entries
 *         codes   batch_ints.h (width 4), one for each row, below entries   only for dictionaries
 *
 * A dictionary with more entries than rows is written as plain values: what the rows do not use
 * would travel for nothing. A dictionary without entries has rows without values only.
 *
 * Entries of plain values may take no byte at all, so that a few bytes can claim a lot of
 * memory: the arena's budget is what bounds it.
 */
#include "storage/batch_codec.h"
#include "storage/base/cursor.h"
#include "storage/batch_addrs.h"
#include "storage/batch_ints.h"

enum {
    VERSION = 2,
    ENCODING_MASK = 3,
    FLAG_PRESENT = 4,
    FLAG_SORTED = 8,
    FLAGS_KNOWN = ENCODING_MASK | FLAG_PRESENT | FLAG_SORTED,
    WIDE_BYTES = 16,
    SCALE_MAX = 38, /* digits of the largest power of ten in 128 bits */
    /* What one decoded batch may take: its bytes, widened again. */
    ARENA_BYTES_MAX = 4 * SL_BATCH_BYTES_MAX,
};

_Static_assert(SL_PLAIN == 0, "encodings are written as their numbers");
_Static_assert(SL_CONSTANT == 1, "encodings are written as their numbers");
_Static_assert(SL_DICT == 2, "encodings are written as their numbers");
_Static_assert(sizeof(struct sl_addr) == WIDE_BYTES, "an address is two words");
_Static_assert(offsetof(struct sl_addr, high) == 8, "low half first");
_Static_assert(sizeof(sl_i128) == WIDE_BYTES, "a decimal is two words");
_Static_assert(SL_COLUMNS_MAX <= SL_SQL_COLUMNS_MAX, "a batch is vectors");

static uint64_t
flip_of(enum sl_type type)
{
    return sl_type_is_signed(type) ? UINT64_C(1) << 63 : 0;
}

/*
 * Encoding
 */

/* Lengths of the slices that `codes` name, or of all in order when it is NULL. */
static void
encode_slices(const struct sl_vector *v, const uint32_t *codes, uint32_t count, struct sl_buf *out)
{
    uint32_t *lengths = sl_try_alloc(((size_t)count + 1) * sizeof(*lengths));
    size_t total_bytes = 0;
    if (lengths == NULL) {
        out->bad = true;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        lengths[i] = sl_vector_entry_slice(v, codes == NULL ? i : codes[i]).size_bytes;
        total_bytes += lengths[i];
    }
    sl_ints_encode(lengths, sizeof(*lengths), 0, count, out);
    uint8_t *at = sl_buf_extend(out, total_bytes);
    for (uint32_t i = 0; at != NULL && codes != NULL && i < count; i++) {
        struct sl_slice slice = sl_vector_entry_slice(v, codes[i]);
        if (slice.size_bytes != 0)
            memcpy(at, slice.bytes, slice.size_bytes);
        at += slice.size_bytes;
    }
    if (at != NULL && codes == NULL && total_bytes != 0)
        memcpy(at, &v->bytes[v->offsets[0]], total_bytes);
    free(lengths);
}

static void
encode_entries(const struct sl_vector *v, uint32_t count, struct sl_buf *out)
{
    if (count == 0)
        return;
    if (sl_type_is_bytes(v->type))
        encode_slices(v, NULL, count, out);
    else if (v->type == SL_TYPE_ADDR && v->width == WIDE_BYTES)
        sl_addrs_encode(v->values, count, out);
    else if (v->width == WIDE_BYTES)
        sl_buf_append(out, v->values, (size_t)count * WIDE_BYTES);
    else
        sl_ints_encode(v->values, v->width, flip_of(v->type), count, out);
}

/* The entries that the rows' codes name, one for each row. */
static void
encode_gathered(const struct sl_vector *v, struct sl_buf *out)
{
    if (v->count == 0)
        return;
    if (sl_type_is_bytes(v->type)) {
        encode_slices(v, v->codes, v->count, out);
        return;
    }
    uint8_t *gathered = malloc((size_t)v->count * v->width);
    if (gathered == NULL) {
        out->bad = true;
        return;
    }
    const uint8_t *values = v->values;
    for (uint32_t row = 0; row < v->count; row++)
        memcpy(&gathered[(size_t)row * v->width], &values[(size_t)v->codes[row] * v->width],
               v->width);
    struct sl_vector plain = *v;
    plain.values = gathered;
    encode_entries(&plain, v->count, out);
    free(gathered);
}

static void
encode_present(const uint64_t *present, uint32_t count, struct sl_buf *out)
{
    uint8_t *at = sl_buf_extend(out, (count + 7) / 8);
    for (uint32_t i = 0; at != NULL && i < (count + 7) / 8; i++)
        at[i] = (uint8_t)(present[i / 8] >> (i % 8 * 8));
}

static void
encode_vector(const char *name, const struct sl_vector *v, struct sl_buf *out)
{
    size_t name_bytes = sl_min_size(strlen(name), SL_TEXT_BYTES_MAX);
    bool is_gathered = v->encoding == SL_DICT && v->value_count > v->count;
    bool has_present = v->present != NULL && !(v->encoding == SL_CONSTANT && v->value_count == 0);
    enum sl_encoding encoding = is_gathered ? SL_PLAIN : v->encoding;
    uint32_t entries = encoding == SL_PLAIN ? v->count : v->value_count;
    bool is_sorted = encoding == SL_DICT && v->is_sorted;

    sl_buf_varint(out, name_bytes);
    sl_buf_append(out, name, name_bytes);
    sl_buf_u8(out, (uint8_t)v->type);
    sl_buf_u8(out, v->type == SL_TYPE_DECIMAL ? v->scale : 0);
    sl_buf_u8(out, (uint8_t)(encoding | (has_present ? FLAG_PRESENT : 0) |
                             (is_sorted ? FLAG_SORTED : 0)));
    sl_buf_u8(out, v->width);
    sl_buf_varint(out, entries);
    if (has_present)
        encode_present(v->present, v->count, out);
    if (is_gathered)
        encode_gathered(v, out);
    else
        encode_entries(v, entries, out);
    if (encoding == SL_DICT)
        sl_ints_encode(v->codes, sizeof(*v->codes), 0, v->count, out);
}

static void
encode_head(uint32_t row_count, uint32_t vector_count, struct sl_buf *out)
{
    SL_ASSERT(row_count <= SL_BATCH_ROWS_MAX);
    SL_ASSERT(vector_count <= SL_SQL_COLUMNS_MAX);
    sl_buf_u8(out, VERSION);
    sl_buf_varint(out, row_count);
    sl_buf_varint(out, vector_count);
}

void
sl_batch_encode(const struct sl_batch *batch, struct sl_buf *out)
{
    encode_head(batch->row_count, batch->column_count, out);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        SL_ASSERT(batch->columns[i].vector.count == batch->row_count);
        encode_vector(batch->columns[i].column->name, &batch->columns[i].vector, out);
    }
}

void
sl_vectors_encode(const char *const *names, const struct sl_vector *vectors, uint32_t vector_count,
                  uint32_t row_count, struct sl_buf *out)
{
    encode_head(row_count, vector_count, out);
    for (uint32_t i = 0; i < vector_count; i++) {
        SL_ASSERT(vectors[i].count == row_count);
        encode_vector(names[i], &vectors[i], out);
    }
}

/*
 * Decoding
 */

struct decoder {
    struct sl_cursor c;
    const uint8_t *start; /* borrowed: offsets in messages count from here */
    struct sl_arena *arena;
    struct sl_error *err;
};

static sl_status
refuse(const struct decoder *d, const char *what)
{
    return sl_fail(d->err, SL_FORMAT, "batch: %s, before offset %zu", what,
                   (size_t)(d->c.next - d->start));
}

static sl_status
allocate(const struct decoder *d, size_t size_bytes, void *out_pointer)
{
    void *memory = sl_arena_alloc(d->arena, size_bytes);
    memcpy(out_pointer, &memory, sizeof(memory));
    if (memory == NULL)
        return sl_fail(d->err, SL_LIMIT, "batch: no memory for %zu bytes", size_bytes);
    return SL_OK;
}

/* May a vector of this type have this width? batch.h says. */
static bool
is_width(enum sl_type type, unsigned width)
{
    if (type == SL_TYPE_ADDR)
        return width == 4 || width == WIDE_BYTES;
    if (!sl_type_is_unsigned(type))
        return width == sl_type_bytes(type);
    return width <= sl_type_bytes(type) && (width == 1 || width == 2 || width == 4 || width == 8);
}

/* The largest value of a type in this width. */
static uint64_t
max_of(enum sl_type type, unsigned width)
{
    uint64_t max = UINT64_MAX >> (64 - 8 * width);
    if (type == SL_TYPE_BOOL)
        return 1;
    if (type == SL_TYPE_MAC && width == 8)
        return UINT64_MAX >> 16;
    return max;
}

static sl_status
decode_present(struct decoder *d, struct sl_vector *v)
{
    uint64_t *present = NULL;
    size_t size_bytes = (v->count + 7) / 8;
    const uint8_t *bytes = sl_cursor_take(&d->c, size_bytes);
    if (bytes == NULL)
        return refuse(d, "the presence bitmap is cut off");
    SL_TRY(allocate(d, sl_words_for(v->count) * sizeof(*present), &present));
    memset(present, 0, sl_words_for(v->count) * sizeof(*present));
    for (size_t i = 0; i < size_bytes; i++)
        present[i / 8] |= (uint64_t)bytes[i] << (i % 8 * 8);
    if (v->count % 64 != 0 && present[v->count / 64] >> (v->count % 64) != 0)
        return refuse(d, "the presence bitmap has rows beyond the last");
    v->present = present;
    return SL_OK;
}

static sl_status
decode_slices(struct decoder *d, struct sl_vector *v)
{
    uint32_t *offsets = NULL;
    uint8_t *bytes = NULL;
    uint64_t end = 0;

    SL_TRY(allocate(d, ((size_t)v->value_count + 1) * sizeof(*offsets), &offsets));
    offsets[0] = 0;
    if (v->value_count != 0 &&
        !sl_ints_decode(&d->c, sizeof(*offsets), 0, UINT32_MAX, v->value_count, &offsets[1]))
        return refuse(d, "lengths of strings are damaged");
    for (uint32_t i = 1; i <= v->value_count; i++) {
        if (offsets[i] > SL_TEXT_BYTES_MAX)
            return refuse(d, "a string is too long");
        end += offsets[i];
        offsets[i] = (uint32_t)end; /* at most 65,536 strings of 65,535 bytes */
    }
    const uint8_t *from = sl_cursor_take(&d->c, (size_t)end);
    if (from == NULL)
        return refuse(d, "strings are cut off");
    SL_TRY(allocate(d, (size_t)end, &bytes));
    if (end != 0)
        memcpy(bytes, from, (size_t)end);
    v->offsets = offsets;
    v->bytes = bytes;
    return SL_OK;
}

_Static_assert((uint64_t)SL_BATCH_ROWS_MAX *SL_TEXT_BYTES_MAX <= UINT32_MAX,
               "offsets of the strings of a batch fit 32 bits");

static sl_status
decode_entries(struct decoder *d, struct sl_vector *v)
{
    uint8_t *values = NULL;
    size_t size_bytes = (size_t)v->value_count * v->width;

    if (sl_type_is_bytes(v->type))
        return decode_slices(d, v);
    SL_TRY(allocate(d, size_bytes, &values));
    v->values = values;
    if (v->value_count == 0)
        return SL_OK;
    if (v->type == SL_TYPE_ADDR && v->width == WIDE_BYTES) {
        if (!sl_addrs_decode(&d->c, v->value_count, (struct sl_addr *)(void *)values))
            return refuse(d, "addresses are damaged");
        return SL_OK;
    }
    if (v->width == WIDE_BYTES) {
        const uint8_t *from = sl_cursor_take(&d->c, size_bytes);
        if (from == NULL)
            return refuse(d, "values are cut off");
        memcpy(values, from, size_bytes);
        return SL_OK;
    }
    if (!sl_ints_decode(&d->c, v->width, flip_of(v->type), max_of(v->type, v->width),
                        v->value_count, values))
        return refuse(d, "values are damaged");
    return SL_OK;
}

static sl_status
decode_codes(struct decoder *d, struct sl_vector *v)
{
    uint32_t *codes = NULL;
    bool is_beyond = false;

    SL_TRY(allocate(d, (size_t)v->count * sizeof(*codes), &codes));
    if (!sl_ints_decode(&d->c, sizeof(*codes), 0, UINT32_MAX, v->count, codes))
        return refuse(d, "codes are damaged");
    for (uint32_t row = 0; row < v->count; row++)
        is_beyond |= codes[row] >= v->value_count && (codes[row] != 0 || v->value_count != 0);
    if (is_beyond)
        return refuse(d, "a code lies outside its dictionary");
    for (uint32_t row = 0; row < v->count && v->value_count == 0; row++)
        if (v->present == NULL || sl_bit_get(v->present, row))
            return refuse(d, "a row has a value of an empty dictionary");
    v->codes = codes;
    return SL_OK;
}

/* Entry `entry` is greater than the one before it, in the order of the type. */
static bool
is_ascending(const struct sl_vector *v, uint32_t entry)
{
    if (sl_type_is_bytes(v->type)) {
        struct sl_slice a = sl_vector_entry_slice(v, entry - 1);
        struct sl_slice b = sl_vector_entry_slice(v, entry);
        size_t common = sl_min_size(a.size_bytes, b.size_bytes);
        int order = common == 0 ? 0 : memcmp(a.bytes, b.bytes, common);
        return order < 0 || (order == 0 && a.size_bytes < b.size_bytes);
    }
    if (v->type == SL_TYPE_ADDR)
        return sl_addr_compare(sl_vector_entry_addr(v, entry - 1), sl_vector_entry_addr(v, entry)) <
               0;
    if (v->type == SL_TYPE_DECIMAL)
        return ((const sl_i128 *)v->values)[entry - 1] < ((const sl_i128 *)v->values)[entry];
    if (v->type == SL_TYPE_F64)
        return ((const double *)v->values)[entry - 1] < ((const double *)v->values)[entry];
    uint64_t flip = flip_of(v->type);
    return (sl_vector_entry_u64(v, entry - 1) ^ flip) < (sl_vector_entry_u64(v, entry) ^ flip);
}

/* Type, encoding, width and entries, each as batch.h allows. */
static sl_status
decode_vector_head(struct decoder *d, struct sl_vector *v, uint8_t *out_flags)
{
    uint8_t type = sl_cursor_u8(&d->c);
    v->scale = sl_cursor_u8(&d->c);
    uint8_t flags = sl_cursor_u8(&d->c);
    v->width = sl_cursor_u8(&d->c);
    uint64_t entries = sl_cursor_varint(&d->c);
    uint8_t encoding = flags & ENCODING_MASK;

    if (d->c.bad || type >= SL_TYPE_COUNT)
        return refuse(d, "a vector has no type");
    v->type = (enum sl_type)type;
    if ((flags & ~FLAGS_KNOWN) != 0 || encoding > SL_DICT)
        return refuse(d, "a vector has an unknown encoding");
    v->encoding = (enum sl_encoding)encoding;
    if (!is_width(v->type, v->width))
        return refuse(d, "a vector has a width that its type has not");
    if (v->scale > (v->type == SL_TYPE_DECIMAL ? SCALE_MAX : 0))
        return refuse(d, "a vector has a scale that its type has not");
    bool is_count_good = (encoding == SL_PLAIN && entries == v->count) ||
                         (encoding == SL_CONSTANT && entries <= 1) ||
                         (encoding == SL_DICT && entries <= v->count);
    if (!is_count_good || (v->type == SL_TYPE_NULL && (encoding != SL_CONSTANT || entries != 0)))
        return refuse(d, "a vector has a number of entries that does not fit");
    if ((flags & FLAG_SORTED) != 0 && encoding != SL_DICT)
        return refuse(d, "only a dictionary is sorted");
    v->value_count = (uint32_t)entries;
    *out_flags = flags;
    return SL_OK;
}

static sl_status
decode_vector(struct decoder *d, struct sl_vector *v)
{
    uint8_t flags = 0;

    SL_TRY(decode_vector_head(d, v, &flags));
    if ((flags & FLAG_PRESENT) != 0)
        SL_TRY(decode_present(d, v));
    SL_TRY(decode_entries(d, v));
    if (v->encoding == SL_DICT)
        SL_TRY(decode_codes(d, v));
    v->is_sorted = (flags & FLAG_SORTED) != 0;
    for (uint32_t entry = 1; v->is_sorted && entry < v->value_count; entry++)
        if (!is_ascending(v, entry))
            return refuse(d, "a sorted dictionary is not in order");
    return SL_OK;
}

static sl_status
decode_name(struct decoder *d, const char **out_name)
{
    uint64_t name_bytes = sl_cursor_varint(&d->c);
    if (name_bytes > SL_TEXT_BYTES_MAX)
        return refuse(d, "a name is too long");
    const uint8_t *name = sl_cursor_take(&d->c, (size_t)name_bytes);
    if (name == NULL || (name_bytes != 0 && memchr(name, 0, (size_t)name_bytes) != NULL))
        return refuse(d, "a name is damaged");
    *out_name = sl_arena_string(d->arena, (const char *)name, (size_t)name_bytes);
    if (*out_name == NULL)
        return sl_fail(d->err, SL_LIMIT, "batch: no memory for a name");
    return SL_OK;
}

static sl_status
decode_all(struct decoder *d, struct sl_vector **out_vectors, const char ***out_names,
           uint32_t *out_vector_count, uint32_t *out_row_count)
{
    struct sl_vector *vectors = NULL;
    const char **names = NULL;
    uint8_t version = sl_cursor_u8(&d->c);
    uint64_t rows = sl_cursor_varint(&d->c);
    uint64_t count = sl_cursor_varint(&d->c);

    if (d->c.bad || version != VERSION)
        return refuse(d, "it is of an unknown version");
    if (rows > SL_BATCH_ROWS_MAX || count > SL_SQL_COLUMNS_MAX)
        return refuse(d, "it has too many rows or columns");
    SL_TRY(allocate(d, (size_t)count * sizeof(*vectors), &vectors));
    SL_TRY(allocate(d, (size_t)count * sizeof(*names), &names));
    for (uint64_t i = 0; i < count; i++) {
        vectors[i] = (struct sl_vector){.count = (uint32_t)rows};
        SL_TRY(decode_name(d, &names[i]));
        SL_TRY(decode_vector(d, &vectors[i]));
    }
    if (sl_cursor_left(&d->c) != 0)
        return refuse(d, "bytes follow the last column");
    *out_vectors = vectors;
    *out_names = names;
    *out_vector_count = (uint32_t)count;
    *out_row_count = (uint32_t)rows;
    return SL_OK;
}

sl_status
sl_vectors_decode(const void *bytes, size_t size_bytes, struct sl_arena *arena,
                  struct sl_vector **out_vectors, const char ***out_names,
                  uint32_t *out_vector_count, uint32_t *out_row_count, struct sl_error *err)
{
    const char **names = NULL;
    struct decoder d = {
        .c = sl_cursor_over(bytes, size_bytes), .start = bytes, .arena = arena, .err = err};
    *out_vectors = NULL;
    *out_vector_count = 0;
    *out_row_count = 0;
    if (out_names != NULL)
        *out_names = NULL;
    SL_TRY(decode_all(&d, out_vectors, &names, out_vector_count, out_row_count));
    if (out_names != NULL)
        *out_names = names;
    return SL_OK;
}

/* The schema's columns of the names; new ones are added only now, when all bytes are proven. */
static sl_status
bind_columns(struct sl_schema *schema, const char *const *names, const struct sl_vector *vectors,
             uint32_t count, struct sl_batch_column *columns, struct sl_error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (!sl_type_is_storable(vectors[i].type))
            return sl_fail(err, SL_TYPE,
                           "batch: column \"%s\" has type %s, which no column can have", names[i],
                           sl_type_name(vectors[i].type));
    for (uint32_t i = 0; i < count; i++) {
        columns[i].vector = vectors[i];
        SL_TRY(sl_schema_add(schema, names[i], vectors[i].type, SL_UNIT_NONE, &columns[i].column,
                             err));
        for (uint32_t k = 0; k < i; k++)
            if (columns[k].column == columns[i].column)
                return sl_fail(err, SL_FORMAT, "batch: column \"%s\" comes twice", names[i]);
    }
    return SL_OK;
}

sl_status
sl_batch_decode(const void *bytes, size_t size_bytes, struct sl_schema *schema,
                struct sl_batch **out_batch, struct sl_error *err)
{
    struct sl_vector *vectors = NULL;
    const char **names = NULL;
    uint32_t column_count = 0;
    uint32_t row_count = 0;
    sl_status st = SL_OK;

    *out_batch = NULL;
    /* Values are as wide in memory as in the encoding, or somewhat wider. */
    struct sl_arena *arena = sl_arena_create_in_slabs(ARENA_BYTES_MAX, size_bytes + size_bytes / 2);
    struct decoder d = {
        .c = sl_cursor_over(bytes, size_bytes), .start = bytes, .arena = arena, .err = err};
    st = decode_all(&d, &vectors, &names, &column_count, &row_count);
    if (st != SL_OK)
        goto fail;
    if (row_count == 0 || column_count > SL_COLUMNS_MAX) {
        st = refuse(&d, "it has no rows or too many columns");
        goto fail;
    }
    struct sl_batch *batch = sl_arena_calloc(arena, 1, sizeof(*batch));
    struct sl_batch_column *columns = sl_arena_calloc(arena, column_count, sizeof(*columns));
    if (batch == NULL || columns == NULL) {
        st = sl_fail(err, SL_LIMIT, "batch: no memory for %u columns", column_count);
        goto fail;
    }
    st = bind_columns(schema, names, vectors, column_count, columns, err);
    if (st != SL_OK)
        goto fail;
    batch->row_count = row_count;
    batch->column_count = column_count;
    batch->columns = columns;
    batch->references = 1;
    batch->arena = arena;
    *out_batch = batch;
    return SL_OK;
fail:
    sl_arena_destroy(arena);
    return st;
}
