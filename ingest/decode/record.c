/*
 * record.c - the records of one data set, copied into columns by their template's program.
 *
 * Records of fixed length are executed step by step, each step over all records of the set: one
 * tight loop over bytes that are a record apart. Records with variable fields are measured
 * first and then executed one at a time. Nothing is written before all bytes of a record are
 * known to be there, so no row is ever half a record.
 *
 * Afterwards every row gets what its message says (exporter, domain, origin, sampling), and
 * templates with fields of a meaning beyond their column get a second look (derive.c).
 */
#include "ingest/decode/record.h"
#include "storage/base/clock.h"

static uint64_t
load_be64(const uint8_t *p)
{
    uint64_t value;
    memcpy(&value, p, sizeof(value));
    return __builtin_bswap64(value);
}

static uint32_t
load_be32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof(value));
    return __builtin_bswap32(value);
}

static uint16_t
load_be16(const uint8_t *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof(value));
    return __builtin_bswap16(value);
}

static struct sl_addr
load_v4(const uint8_t *p)
{
    return sl_addr_from_v4(load_be32(p));
}

/* An integer of any width, cut to what its column holds. */
static void
set_unsigned(const struct sl_run *run, struct sl_builder_column *target, uint32_t row,
             uint64_t value)
{
    size_t width = sl_type_bytes(target->column->type);
    uint64_t max = width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
    if (value > max) {
        value = max;
        run->exporter->counts.clipped++;
    }
    switch (width) {
    case 1:
        target->values.u8[row] = (uint8_t)value;
        return;
    case 2:
        target->values.u16[row] = (uint16_t)value;
        return;
    case 4:
        target->values.u32[row] = (uint32_t)value;
        return;
    default:
        target->values.u64[row] = value;
        return;
    }
}

static const struct sl_field *
find_fields(void *context, uint16_t id, uint32_t *out_count)
{
    const struct sl_template *t = sl_exporter_template(context, id);
    *out_count = t == NULL ? 0 : t->field_count;
    return t == NULL ? NULL : t->fields;
}

/* Byte strings go through the builder, which appends: it is told the row for the moment. */
static void
run_bytes(const struct sl_run *run, const struct sl_step *s, const uint8_t *at, size_t size_bytes,
          size_t stride, uint32_t row, uint32_t count)
{
    struct sl_builder *b = run->builder;
    struct sl_field_templates templates = {.find = find_fields, .context = run->exporter};
    uint32_t saved = b->row_count;
    for (uint32_t i = 0; i < count; i++, at += stride) {
        b->row_count = row + i;
        if (s->kind == SL_STEP_STRING) {
            sl_builder_set_slice(b, s->target, at, sl_wire_string_bytes(at, size_bytes));
        } else if (s->kind == SL_STEP_OCTETS) {
            sl_builder_set_slice(b, s->target, at, size_bytes);
        } else {
            struct sl_buf *text = &run->decoder->scratch;
            sl_buf_clear(text);
            sl_field_json(run->template->fields[s->field_index], at, size_bytes, &templates, text);
            sl_builder_set_slice(b, s->target, text->bytes, text->size_bytes);
        }
    }
    b->row_count = saved;
}

/* Rare forms, one value at a time. */
static void
run_value(const struct sl_run *run, const struct sl_step *s, const uint8_t *at, size_t size_bytes,
          uint32_t row)
{
    struct sl_builder_column *target = s->target;
    switch (s->kind) {
    case SL_STEP_SIGNED:
        target->values.i64[row] = sl_wire_signed(at, size_bytes);
        return;
    case SL_STEP_FLOAT:
        target->values.f64[row] = sl_wire_float(at, size_bytes);
        return;
    case SL_STEP_BOOLEAN:
        target->values.u8[row] = at[0] == 1;
        return;
    case SL_STEP_MAC:
        target->values.u64[row] = sl_wire_mac(at);
        return;
    case SL_STEP_TIME:
        target->values.i64[row] = sl_wire_time_us(s->form, at, size_bytes);
        return;
    default:
        set_unsigned(run, target, row, sl_read_be(at, size_bytes));
        return;
    }
}

/* Milliseconds of uptime: how long before (or after) the message, which knows both clocks. The
 * difference is taken modulo 2^32, so a wrap between the two does no harm. */
static void
run_uptime(const struct sl_run *run, const struct sl_step *s, const uint8_t *at, size_t size_bytes,
           size_t stride, uint32_t row, uint32_t count)
{
    int64_t export_us = run->message->export_us;
    uint32_t uptime_ms = run->message->uptime_ms;
    int64_t *values = s->target->values.i64 + row;
    for (uint32_t i = 0; i < count; i++, at += stride) {
        uint32_t then_ms = size_bytes == 4 ? load_be32(at) : (uint32_t)sl_read_be(at, size_bytes);
        values[i] = export_us + (int64_t)(int32_t)(then_ms - uptime_ms) * SL_US_PER_MS;
    }
}

/* Values as they are, or in a wider column. Where they go is kept at hand: the compiler cannot know
 * that a value written does not change it. */
#define COPY_AS(array, load)                               \
    {                                                      \
        __auto_type values = &target->values.array[row];   \
        for (uint32_t i = 0; i < count; i++, at += stride) \
            values[i] = load(at);                          \
    }

/* One step over `count` records that are `stride` bytes apart. */
static void
run_step(const struct sl_run *run, const struct sl_step *s, const uint8_t *at, size_t size_bytes,
         size_t stride, uint32_t row, uint32_t count)
{
    struct sl_builder_column *target = s->target;
    switch (s->kind) {
    case SL_STEP_U8:
        COPY_AS(u8, *)
        break;
    case SL_STEP_U16:
        COPY_AS(u16, load_be16)
        break;
    case SL_STEP_U32:
        COPY_AS(u32, load_be32)
        break;
    case SL_STEP_U64:
        COPY_AS(u64, load_be64)
        break;
    case SL_STEP_U16_TO_U32:
        COPY_AS(u32, load_be16)
        break;
    case SL_STEP_U32_TO_U64:
        COPY_AS(u64, load_be32)
        break;
    case SL_STEP_IPV4:
        COPY_AS(addr, load_v4)
        break;
    case SL_STEP_IPV6:
        COPY_AS(addr, sl_addr_from_v6)
        break;
    case SL_STEP_UPTIME:
        if (!run->message->has_uptime)
            return; /* derive_times knows another way */
        run_uptime(run, s, at, size_bytes, stride, row, count);
        break;
    case SL_STEP_STRING:
    case SL_STEP_OCTETS:
    case SL_STEP_LIST:
        run_bytes(run, s, at, size_bytes, stride, row, count);
        return; /* the builder has marked the rows */
    case SL_STEP_UNSIGNED:
    case SL_STEP_SIGNED:
    case SL_STEP_FLOAT:
    case SL_STEP_BOOLEAN:
    case SL_STEP_MAC:
    case SL_STEP_TIME:
        for (uint32_t i = 0; i < count; i++, at += stride)
            run_value(run, s, at, size_bytes, row + i);
        break;
    }
    sl_builder_mark_rows(target, row, count);
}

static bool
is_zero(const uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Does the column hold nothing, 0, 0.0.0.0 or :: in this row? */
static bool
is_blank(const struct sl_builder_column *column, uint32_t row)
{
    if (column->column->type == SL_TYPE_ADDR)
        return sl_addr_is_blank(column->values.addr[row]);
    size_t width = sl_type_bytes(column->column->type);
    return is_zero(&column->values.u8[row * width], width);
}

/* An alternate counts where it says something and nothing else did. */
static void
run_alternate(const struct sl_run *run, const struct sl_step *s, const uint8_t *at,
              size_t size_bytes, size_t stride, uint32_t row, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, at += stride)
        if (!is_zero(at, size_bytes) && is_blank(s->target, row + i))
            run_step(run, s, at, size_bytes, stride, row + i, 1);
}

static bool
is_fitting(const struct sl_step *s, size_t size_bytes)
{
    return s->kind == SL_STEP_OCTETS || sl_wire_fits(s->form, size_bytes);
}

/* `sizes` and `offsets` of one record with variable fields. NULL: all records are alike. */
static void
run_steps(const struct sl_run *run, const struct sl_record *record, size_t stride, uint32_t row,
          uint32_t count)
{
    const struct sl_template *t = run->template;
    for (uint32_t k = 0; k < t->step_count; k++) {
        const struct sl_step *s = &t->steps[k];
        uint32_t offset = record->offsets[s->field_index];
        uint32_t size_bytes = record->sizes == NULL ? s->size_bytes : record->sizes[s->field_index];
        if (record->sizes != NULL && !is_fitting(s, size_bytes)) {
            /* A variable field of length 0 is one that is not there; any other is wrong. */
            if (size_bytes != 0)
                sl_exporter_malformed(run->exporter, "template %u: a value of %" PRIu32 " bytes",
                                      (unsigned)t->id, size_bytes);
            continue;
        }
        if (s->is_alternate)
            run_alternate(run, s, &record->bytes[offset], size_bytes, stride, row, count);
        else
            run_step(run, s, &record->bytes[offset], size_bytes, stride, row, count);
    }
}

/* Fields that found no column, as one JSON object. */
static void
run_extra(const struct sl_run *run, const struct sl_record *record, uint32_t row)
{
    const struct sl_template *t = run->template;
    struct sl_buf *text = &run->decoder->scratch;
    struct sl_field_templates templates = {.find = find_fields, .context = run->exporter};
    char name[2 * SL_COLUMN_NAME_BYTES_MAX];
    sl_buf_clear(text);
    for (uint32_t i = 0; i < t->extra_count; i++) {
        uint16_t index = t->extra_fields[i];
        uint32_t size_bytes =
            record->sizes == NULL ? t->fields[index].size_bytes : record->sizes[index];
        sl_field_name(t->fields[index], name, sizeof(name));
        sl_buf_printf(text, "%s\"%s\":", i == 0 ? "{" : ",", name);
        sl_field_json(t->fields[index], &record->bytes[record->offsets[index]], size_bytes,
                      &templates, text);
    }
    sl_buf_u8(text, '}');
    run->exporter->counts.extra += t->extra_count;
    if (text->bad || run->decoder->extra == NULL)
        return;
    uint32_t saved = run->builder->row_count;
    run->builder->row_count = row;
    sl_builder_set_slice(run->builder, run->decoder->extra, text->bytes, text->size_bytes);
    run->builder->row_count = saved;
}

static void
finish_rows(const struct sl_run *run, uint32_t first, uint32_t count)
{
    sl_rows_common(run->decoder, run->exporter, run->message, run->template, first, count);
    run->builder->row_count += count;
    run->exporter->counts.records += count;
    run->decoder->counts.rows += count;
}

/* `count` records of fixed length. */
static void
decode_fixed(const struct sl_run *run, const uint8_t *bytes, uint32_t count)
{
    const struct sl_template *t = run->template;
    uint32_t first = run->builder->row_count;
    struct sl_record record = {.bytes = bytes, .offsets = t->offsets};
    bool needs_uptimes = t->has_uptime && !run->message->has_uptime;
    run_steps(run, &record, t->record_bytes, first, count);
    if (t->has_derived || needs_uptimes || t->extra_count != 0)
        for (uint32_t i = 0; i < count; i++, record.bytes += t->record_bytes) {
            if (t->has_derived || needs_uptimes)
                sl_record_derive(run, &record, first + i);
            if (t->extra_count != 0)
                run_extra(run, &record, first + i);
        }
    finish_rows(run, first, count);
}

/* Measure one record: offsets and sizes of its fields. Its length, or 0 when it is cut off. */
static size_t
measure(const struct sl_template *t, const uint8_t *bytes, size_t left_bytes, uint32_t *offsets,
        uint32_t *sizes)
{
    struct sl_cursor c = sl_cursor_over(bytes, left_bytes);
    for (uint32_t i = 0; i < t->field_count; i++) {
        size_t size_bytes = 0;
        const uint8_t *at = sl_field_take(&c, t->fields[i], &size_bytes);
        if (at == NULL)
            return 0;
        offsets[i] = (uint32_t)(at - bytes);
        sizes[i] = (uint32_t)size_bytes;
    }
    return (size_t)(c.next - bytes);
}

static void
decode_variable(const struct sl_run *run, const struct sl_record *record)
{
    uint32_t row = run->builder->row_count;
    run_steps(run, record, 0, row, 1);
    if (run->template->has_derived || run->template->has_uptime)
        sl_record_derive(run, record, row);
    if (run->template->extra_count != 0)
        run_extra(run, record, row);
    finish_rows(run, row, 1);
}

static void
decode_option(const struct sl_run *run, const struct sl_record *record)
{
    const uint8_t *values[SL_TEMPLATE_FIELDS_MAX];
    uint32_t sizes[SL_TEMPLATE_FIELDS_MAX];
    const struct sl_template *t = run->template;
    for (uint32_t i = 0; i < t->field_count; i++) {
        values[i] = &record->bytes[record->offsets[i]];
        sizes[i] = record->sizes == NULL ? t->fields[i].size_bytes : record->sizes[i];
    }
    run->exporter->counts.option_records++;
    sl_option_apply(run->exporter, t, values, sizes);
}

/* Records that are taken one by one: of variable length, or of options. */
static sl_status
decode_each(const struct sl_run *run, const uint8_t *bytes, size_t size_bytes,
            uint32_t *out_records, struct sl_error *err)
{
    uint32_t offsets[SL_TEMPLATE_FIELDS_MAX];
    uint32_t sizes[SL_TEMPLATE_FIELDS_MAX];
    const struct sl_template *t = run->template;
    size_t at = 0;
    while (size_bytes - at >= t->record_bytes) {
        struct sl_record record = {.bytes = &bytes[at], .offsets = offsets, .sizes = sizes};
        uint32_t room_rows = 0;
        size_t record_bytes = measure(t, &bytes[at], size_bytes - at, offsets, sizes);
        if (record_bytes == 0) {
            /* Padding that is as long as the shortest record looks like this; other bytes do
             * not end here. */
            if (!is_zero(&bytes[at], size_bytes - at))
                sl_exporter_malformed(run->exporter, "template %u: the last record is cut off",
                                      (unsigned)t->id);
            return SL_OK;
        }
        if (t->is_options) {
            decode_option(run, &record);
        } else {
            SL_TRY(sl_decoder_make_room(run->decoder, run->message->received_us, &room_rows, err));
            decode_variable(run, &record);
        }
        at += record_bytes;
        (*out_records)++;
    }
    return SL_OK;
}

sl_status
sl_records_decode(struct sl_decoder *decoder, struct sl_exporter *exporter,
                  const struct sl_message *message, struct sl_template *template,
                  const uint8_t *bytes, size_t size_bytes, uint32_t *out_records,
                  struct sl_error *err)
{
    struct sl_run run = {.decoder = decoder,
                         .builder = decoder->builder,
                         .exporter = exporter,
                         .message = message,
                         .template = template};
    uint32_t before = *out_records;
    sl_status st = SL_OK;
    SL_ASSERT(template->record_bytes != 0);
    if (template->is_variable || template->is_options) {
        st = decode_each(&run, bytes, size_bytes, out_records, err);
    } else {
        uint32_t left = (uint32_t)(size_bytes / template->record_bytes);
        while (left != 0 && st == SL_OK) {
            uint32_t room_rows = 0;
            st = sl_decoder_make_room(decoder, message->received_us, &room_rows, err);
            if (st != SL_OK)
                break;
            uint32_t count = left < room_rows ? left : room_rows;
            decode_fixed(&run, bytes, count);
            bytes += (size_t)count * template->record_bytes;
            left -= count;
            *out_records += count;
        }
    }
    template->records += *out_records - before;
    return st;
}
