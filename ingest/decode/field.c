/*
 * field.c - see field.h.
 */
#include "ingest/decode/field.h"

#include <math.h>
#include <stdio.h>

#include "storage/base/clock.h"
#include "storage/value_text.h"

const struct sl_element *
sl_field_element(struct sl_field field)
{
    const struct sl_element *element = sl_element_find(field.pen, field.id);
    if (element == NULL && field.pen == SL_PEN_REVERSE)
        element = sl_element_find(0, field.id);
    return element;
}

bool
sl_wire_fits(enum sl_wire_form form, size_t size_bytes)
{
    switch (form) {
    case SL_WIRE_UNSIGNED:
    case SL_WIRE_SIGNED:
    case SL_WIRE_SECONDS:
    case SL_WIRE_MILLISECONDS:
    case SL_WIRE_UPTIME:
        return size_bytes >= 1 && size_bytes <= 8;
    case SL_WIRE_FLOAT:
        return size_bytes == 4 || size_bytes == 8;
    case SL_WIRE_BOOLEAN:
        return size_bytes == 1;
    case SL_WIRE_MAC:
        return size_bytes == 6;
    case SL_WIRE_IPV4:
        return size_bytes == 4;
    case SL_WIRE_IPV6:
        return size_bytes == 16;
    case SL_WIRE_MICROSECONDS:
    case SL_WIRE_NANOSECONDS:
        return size_bytes == 8;
    case SL_WIRE_STRING:
    case SL_WIRE_OCTETS:
    case SL_WIRE_LIST:
        return true;
    }
    return false;
}

int64_t
sl_wire_signed(const uint8_t *bytes, size_t size_bytes)
{
    uint64_t value = sl_read_be(bytes, size_bytes);
    unsigned unused_bits = (unsigned)(64 - 8 * size_bytes);
    return (int64_t)(value << unused_bits) >> unused_bits;
}

double
sl_wire_float(const uint8_t *bytes, size_t size_bytes)
{
    uint64_t raw = sl_read_be(bytes, size_bytes);
    if (size_bytes == 8) {
        double value;
        memcpy(&value, &raw, sizeof(value));
        return value;
    }
    uint32_t raw_32 = (uint32_t)raw;
    float value;
    memcpy(&value, &raw_32, sizeof(value));
    return (double)value;
}

uint64_t
sl_wire_mac(const uint8_t *bytes)
{
    return sl_read_be(bytes, 6);
}

/* NTP (RFC 5905): seconds since 1900 and a binary fraction. Era 0 ends in 2036; a value below
 * 1970 is taken to be of era 1. Microseconds lose the last 11 bits by RFC 7011, 6.1.9, so the
 * fraction is rounded to the nearest. */
static int64_t
ntp_us(const uint8_t *bytes)
{
    int64_t seconds = (int64_t)sl_read_be(bytes, 4) - INT64_C(2208988800);
    uint64_t fraction = sl_read_be(&bytes[4], 4);
    if (seconds < 0)
        seconds += INT64_C(1) << 32;
    return seconds * SL_US_PER_S + (int64_t)((fraction * SL_US_PER_S + (1U << 31)) >> 32);
}

static int64_t
scaled_us(uint64_t value, int64_t scale_us)
{
    return value > (uint64_t)(INT64_MAX / scale_us) ? INT64_MAX : (int64_t)value * scale_us;
}

int64_t
sl_wire_time_us(enum sl_wire_form form, const uint8_t *bytes, size_t size_bytes)
{
    if (form == SL_WIRE_SECONDS)
        return scaled_us(sl_read_be(bytes, size_bytes), SL_US_PER_S);
    if (form == SL_WIRE_MILLISECONDS || form == SL_WIRE_UPTIME)
        return scaled_us(sl_read_be(bytes, size_bytes), SL_US_PER_MS);
    SL_ASSERT(form == SL_WIRE_MICROSECONDS || form == SL_WIRE_NANOSECONDS);
    return ntp_us(bytes);
}

const uint8_t *
sl_field_take(struct sl_cursor *record, struct sl_field field, size_t *out_bytes)
{
    size_t size_bytes = field.size_bytes;
    if (size_bytes == SL_FIELD_VARIABLE) {
        size_bytes = sl_cursor_u8(record);
        if (size_bytes == 255)
            size_bytes = sl_cursor_u16be(record);
    }
    *out_bytes = size_bytes;
    return sl_cursor_take(record, size_bytes);
}

void
sl_field_name(struct sl_field field, char *text, size_t text_bytes)
{
    const struct sl_element *element = sl_element_find(field.pen, field.id);
    if (element != NULL) {
        (void)snprintf(text, text_bytes, "%s",
                       element->iana != NULL ? element->iana : element->name);
        return;
    }
    element = sl_field_element(field);
    if (element != NULL)
        (void)snprintf(text, text_bytes, "reverse_%s", element->column);
    else
        (void)snprintf(text, text_bytes, "pen%" PRIu32 "_%u", field.pen, (unsigned)field.id);
}

void
sl_json_string(const uint8_t *bytes, size_t size_bytes, struct sl_buf *out)
{
    sl_buf_u8(out, '"');
    for (size_t i = 0; i < size_bytes; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            sl_buf_u8(out, '\\');
        if (bytes[i] < 0x20)
            sl_buf_printf(out, "\\u%04x", bytes[i]);
        else
            sl_buf_u8(out, bytes[i]);
    }
    sl_buf_u8(out, '"');
}

static void
json_hex(const uint8_t *bytes, size_t size_bytes, struct sl_buf *out)
{
    sl_buf_u8(out, '"');
    for (size_t i = 0; i < size_bytes; i++)
        sl_buf_printf(out, "%02x", bytes[i]);
    sl_buf_u8(out, '"');
}

static void
json_addr(struct sl_addr addr, struct sl_buf *out)
{
    char text[SL_ADDR_TEXT_BYTES];
    (void)sl_addr_format(addr, text);
    sl_buf_printf(out, "\"%s\"", text);
}

static void json_value(struct sl_field field, const uint8_t *bytes, size_t size_bytes,
                       const struct sl_field_templates *templates, unsigned depth,
                       struct sl_buf *out);

static const char *
semantic_name(uint8_t semantic)
{
    static const char *const names[] = {"noneOf", "exactlyOneOf", "oneOrMoreOf", "allOf",
                                        "ordered"};
    return semantic < SL_COUNTOF(names) ? names[semantic] : "undefined";
}

/* basicList: semantic, field id, length, [enterprise], values. */
static bool
json_basic_list(struct sl_cursor *c, const struct sl_field_templates *templates, unsigned depth,
                struct sl_buf *out)
{
    char name[SL_COLUMN_NAME_BYTES_MAX + 32];
    uint8_t semantic = sl_cursor_u8(c);
    uint16_t id = sl_cursor_u16be(c);
    uint16_t size_bytes = sl_cursor_u16be(c);
    uint32_t pen = (id & 0x8000) != 0 ? sl_cursor_u32be(c) : 0;
    struct sl_field field = {.pen = pen, .id = id & 0x7fff, .size_bytes = size_bytes};
    if (c->bad || size_bytes == 0)
        return false;
    sl_field_name(field, name, sizeof(name));
    sl_buf_printf(out, "{\"list\":\"%s\",\"%s\":[", semantic_name(semantic), name);
    for (bool is_first = true; sl_cursor_left(c) != 0 && !out->bad; is_first = false) {
        size_t value_bytes = 0;
        const uint8_t *value = sl_field_take(c, field, &value_bytes);
        if (value == NULL)
            return false;
        if (!is_first)
            sl_buf_u8(out, ',');
        json_value(field, value, value_bytes, templates, depth + 1, out);
    }
    sl_buf_text(out, "]}");
    return true;
}

/* Records of one template, back to back, until the cursor is empty. */
static bool
json_records(struct sl_cursor *c, uint16_t template_id, const struct sl_field_templates *templates,
             unsigned depth, struct sl_buf *out)
{
    uint32_t field_count = 0;
    const struct sl_field *fields =
        templates == NULL ? NULL : templates->find(templates->context, template_id, &field_count);
    if (fields == NULL || field_count == 0)
        return false;
    sl_buf_u8(out, '[');
    for (bool is_first = true; sl_cursor_left(c) != 0 && !out->bad; is_first = false) {
        const uint8_t *before = c->next;
        sl_buf_text(out, is_first ? "{" : ",{");
        for (uint32_t i = 0; i < field_count; i++) {
            char name[SL_COLUMN_NAME_BYTES_MAX + 32];
            size_t value_bytes = 0;
            const uint8_t *value = sl_field_take(c, fields[i], &value_bytes);
            if (value == NULL)
                return false;
            sl_field_name(fields[i], name, sizeof(name));
            sl_buf_printf(out, "%s\"%s\":", i == 0 ? "" : ",", name);
            json_value(fields[i], value, value_bytes, templates, depth + 1, out);
        }
        sl_buf_u8(out, '}');
        if (c->next == before)
            return false; /* a template without bytes would go on for ever */
    }
    sl_buf_u8(out, ']');
    return true;
}

/* subTemplateList (292): semantic, template, records. subTemplateMultiList (293): semantic,
 * then template, length with its own four bytes, records, as often as there is room. */
static bool
json_template_list(uint16_t id, struct sl_cursor *c, const struct sl_field_templates *templates,
                   unsigned depth, struct sl_buf *out)
{
    uint8_t semantic = sl_cursor_u8(c);
    sl_buf_printf(out, "{\"list\":\"%s\"", semantic_name(semantic));
    if (id == 292) {
        uint16_t template_id = sl_cursor_u16be(c);
        sl_buf_text(out, ",\"records\":");
        if (c->bad || !json_records(c, template_id, templates, depth, out))
            return false;
        sl_buf_u8(out, '}');
        return true;
    }
    sl_buf_text(out, ",\"lists\":[");
    for (bool is_first = true; sl_cursor_left(c) != 0 && !out->bad; is_first = false) {
        uint16_t template_id = sl_cursor_u16be(c);
        uint16_t size_bytes = sl_cursor_u16be(c);
        struct sl_cursor records = sl_cursor_sub(c, size_bytes < 4 ? 0 : size_bytes - 4U);
        if (c->bad || size_bytes < 4)
            return false;
        if (!is_first)
            sl_buf_u8(out, ',');
        if (!json_records(&records, template_id, templates, depth, out))
            return false;
    }
    sl_buf_text(out, "]}");
    return true;
}

static void
json_list(uint16_t id, const uint8_t *bytes, size_t size_bytes,
          const struct sl_field_templates *templates, unsigned depth, struct sl_buf *out)
{
    size_t start = out->size_bytes;
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    bool is_whole = false;
    if (depth < SL_LIST_DEPTH_MAX)
        is_whole = id == 291 ? json_basic_list(&c, templates, depth, out)
                             : json_template_list(id, &c, templates, depth, out);
    if (is_whole || out->bad)
        return;
    out->size_bytes = start; /* take the half-written text back */
    json_hex(bytes, size_bytes, out);
}

/* Recursion is bounded by SL_LIST_DEPTH_MAX: only lists nest. */
static void
json_value(struct sl_field field, const uint8_t *bytes, size_t size_bytes,
           const struct sl_field_templates *templates, unsigned depth, struct sl_buf *out)
{
    const struct sl_element *element = sl_field_element(field);
    char time_text[SL_TIME_TEXT_BYTES];
    if (element == NULL || !sl_wire_fits(element->form, size_bytes)) {
        json_hex(bytes, size_bytes, out);
        return;
    }
    switch (element->form) {
    case SL_WIRE_UNSIGNED:
    case SL_WIRE_UPTIME:
        sl_buf_printf(out, "%" PRIu64, sl_read_be(bytes, size_bytes));
        return;
    case SL_WIRE_SIGNED:
        sl_buf_printf(out, "%" PRId64, sl_wire_signed(bytes, size_bytes));
        return;
    case SL_WIRE_FLOAT:
        if (isfinite(sl_wire_float(bytes, size_bytes)))
            sl_f64_format(sl_wire_float(bytes, size_bytes), out);
        else
            sl_buf_text(out, "null");
        return;
    case SL_WIRE_BOOLEAN:
        sl_buf_text(out, bytes[0] == 1 ? "true" : "false");
        return;
    case SL_WIRE_MAC:
        sl_buf_printf(out, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", bytes[0], bytes[1], bytes[2],
                      bytes[3], bytes[4], bytes[5]);
        return;
    case SL_WIRE_IPV4:
        json_addr(sl_addr_from_v4((uint32_t)sl_read_be(bytes, 4)), out);
        return;
    case SL_WIRE_IPV6:
        json_addr(sl_addr_from_v6(bytes), out);
        return;
    case SL_WIRE_STRING:
        sl_json_string(bytes, sl_wire_string_bytes(bytes, size_bytes), out);
        return;
    case SL_WIRE_OCTETS:
        json_hex(bytes, size_bytes, out);
        return;
    case SL_WIRE_SECONDS:
    case SL_WIRE_MILLISECONDS:
    case SL_WIRE_MICROSECONDS:
    case SL_WIRE_NANOSECONDS:
        (void)sl_time_format(sl_wire_time_us(element->form, bytes, size_bytes), time_text);
        sl_buf_printf(out, "\"%s\"", time_text);
        return;
    case SL_WIRE_LIST:
        json_list(element->id, bytes, size_bytes, templates, depth, out);
        return;
    }
}

void
sl_field_json(struct sl_field field, const uint8_t *bytes, size_t size_bytes,
              const struct sl_field_templates *templates, struct sl_buf *out)
{
    json_value(field, bytes, size_bytes, templates, 0, out);
}
