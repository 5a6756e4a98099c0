/*
 * field.c - see field.h.
 */
#include "storage/field.h"

#include <stdio.h>

#include "storage/base/clock.h"

/* Names whose meaning in a dump differs from the plain element's: nProbe's OUT_* count the way
 * back, also where the element of that number means something else to other exporters. */
static const struct {
    const char *name;
    enum sl_core_column column;
} special_names[] = {
    {"OUT_BYTES", SL_COLUMN_OUT_BYTES},
    {"OUT_PKTS", SL_COLUMN_OUT_PACKETS},
    {"DST_TO_SRC_BYTES", SL_COLUMN_OUT_BYTES},
    {"DST_TO_SRC_PKTS", SL_COLUMN_OUT_PACKETS},
    {"SRC_TO_DST_BYTES", SL_COLUMN_IN_BYTES},
    {"SRC_TO_DST_PKTS", SL_COLUMN_IN_PACKETS},
    {"EXPORTER_IPV4_ADDRESS", SL_COLUMN_EXPORTER_ADDR},
    {"EXPORTER_IPV6_ADDRESS", SL_COLUMN_EXPORTER_ADDR},
    {"L7_PROTO_NAME", SL_COLUMN_APP},
    {"L7_PROTO", SL_COLUMN_L7_PROTO},
    {"SRC_VLAN", SL_COLUMN_VLAN},
};

static const struct {
    const char *name;
    uint8_t number;
} protocol_names[] = {
    {"icmp", 1},  {"igmp", 2},  {"ipip", 4},   {"tcp", 6},        {"udp", 17},    {"ipv6", 41},
    {"gre", 47},  {"esp", 50},  {"ah", 51},    {"ipv6-icmp", 58}, {"icmpv6", 58}, {"icmp6", 58},
    {"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"sctp", 132},
};

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
equals_folded(const char *known, const char *text, size_t size_bytes)
{
    if (strlen(known) != size_bytes)
        return false;
    for (size_t i = 0; i < size_bytes; i++)
        if (lower(known[i]) != lower(text[i]))
            return false;
    return true;
}

/* Digits only, at most `max`. */
static bool
parse_number(const char *text, size_t size_bytes, uint64_t max, uint64_t *out_value)
{
    uint64_t value = 0;
    if (size_bytes == 0 || size_bytes > 20)
        return false;
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out_value = value;
    return value <= max;
}

/* "8" or "35632.118": an element by its numbers. */
static const struct sl_element *
find_by_number(const char *name, size_t name_bytes, uint32_t *out_pen, uint16_t *out_id)
{
    uint64_t pen = 0;
    uint64_t id = 0;
    const char *point = memchr(name, '.', name_bytes);
    size_t head_bytes = point == NULL ? 0 : (size_t)(point - name);
    const char *id_text = point == NULL ? name : point + 1;
    size_t id_bytes = name_bytes - (size_t)(id_text - name);
    *out_id = 0;
    *out_pen = 0;
    if (point != NULL && !parse_number(name, head_bytes, UINT32_MAX, &pen))
        return NULL;
    if (!parse_number(id_text, id_bytes, UINT16_MAX, &id) || id == 0)
        return NULL;
    *out_pen = (uint32_t)pen;
    *out_id = (uint16_t)id;
    return sl_element_find((uint32_t)pen, (uint16_t)id);
}

/* A column name out of any text: [a-z0-9_], not starting with a digit. */
static void
fold_name(const char *name, size_t name_bytes, char folded[SL_COLUMN_NAME_BYTES_MAX + 1])
{
    size_t at = 0;
    if (name_bytes == 0 || (name[0] >= '0' && name[0] <= '9'))
        folded[at++] = '_';
    for (size_t i = 0; i < name_bytes && at < SL_COLUMN_NAME_BYTES_MAX; i++) {
        char c = lower(name[i]);
        bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        folded[at++] = is_word ? c : '_';
    }
    folded[at] = '\0';
}

/* A field by whose name a query would find something else, not what is stored. */
static sl_status
refuse_derived(const char *folded, struct sl_error *err)
{
    static const struct {
        const char *name;
        const char *sources;
    } derived[] = {
#define SL_DERIVED(id, name, sources) {name, sources},
#include "storage/schema_derived.def"
#undef SL_DERIVED
    };
    for (size_t i = 0; i < SL_COUNTOF(derived); i++)
        if (strcmp(derived[i].name, folded) == 0)
            return sl_fail(err, SL_FORMAT,
                           "\"%s\" is computed from %s and cannot be stored; rename the field",
                           folded, derived[i].sources);
    return SL_OK;
}

static enum sl_field_form
form_of(const struct sl_column *column, const char *name, size_t name_bytes)
{
    if (column->index == SL_COLUMN_PROTOCOL)
        return SL_FIELD_PROTOCOL;
    if (column->index == SL_COLUMN_L7_PROTO)
        return SL_FIELD_L7;
    bool says_family = name_bytes > 4 && (lower(name[3]) == '4' || lower(name[3]) == '6') &&
                       lower(name[0]) == 'i' && lower(name[1]) == 'p' && lower(name[2]) == 'v';
    bool is_exporter = column->index == SL_COLUMN_EXPORTER_ADDR;
    if (column->type == SL_TYPE_ADDR && (says_family || is_exporter))
        return SL_FIELD_ZERO_IS_NONE;
    return SL_FIELD_PLAIN;
}

sl_status
sl_field_find(struct sl_schema *schema, const char *name, size_t name_bytes,
              struct sl_field *out_field, struct sl_error *err)
{
    char folded[SL_COLUMN_NAME_BYTES_MAX + 1];
    uint32_t pen = 0;
    uint16_t id = 0;
    out_field->is_unknown = false;
    out_field->column = sl_schema_find(schema, name, name_bytes);
    for (size_t i = 0; i < SL_COUNTOF(special_names) && out_field->column == NULL; i++)
        if (equals_folded(special_names[i].name, name, name_bytes))
            out_field->column = sl_schema_at(schema, special_names[i].column);
    if (out_field->column == NULL) {
        const struct sl_element *element = sl_element_by_name(name, name_bytes);
        if (element == NULL)
            element = find_by_number(name, name_bytes, &pen, &id);
        if (element != NULL)
            SL_TRY(sl_schema_add_element(schema, element, element->pen, element->id,
                                         &out_field->column, err));
    }
    if (out_field->column == NULL) {
        fold_name(name, name_bytes, folded);
        out_field->column = sl_schema_find(schema, folded, strlen(folded));
        out_field->is_unknown = out_field->column == NULL;
        if (out_field->is_unknown) {
            SL_TRY(refuse_derived(folded, err));
            SL_TRY(
                sl_schema_add(schema, folded, SL_TYPE_TEXT, SL_UNIT_NONE, &out_field->column, err));
        }
    }
    out_field->form = form_of(out_field->column, name, name_bytes);
    return SL_OK;
}

struct sl_field
sl_field_of(const struct sl_column *column, const char *name, size_t name_bytes)
{
    return (struct sl_field){.column = column, .form = form_of(column, name, name_bytes)};
}

/* Seconds with a fraction, or an integer whose size tells its unit; ISO 8601 otherwise. */
static bool
parse_time(const char *text, size_t size_bytes, int64_t *out_us)
{
    const char *point = memchr(text, '.', size_bytes);
    size_t whole_bytes = point == NULL ? size_bytes : (size_t)(point - text);
    uint64_t whole = 0;
    if (!parse_number(text, whole_bytes, UINT64_MAX, &whole))
        return sl_time_parse(text, size_bytes, out_us);
    if (point == NULL && whole_bytes > 11) {
        if (whole_bytes <= 14)
            whole = whole_bytes > 18 ? UINT64_MAX : whole * SL_US_PER_MS;
        else if (whole_bytes >= 18)
            whole /= 1000;
        *out_us = (int64_t)whole;
        return whole <= INT64_MAX;
    }
    if (whole > INT64_MAX / SL_US_PER_S - 1)
        return false;
    int64_t us = (int64_t)whole * SL_US_PER_S;
    int64_t unit_us = SL_US_PER_S / 10;
    for (size_t i = whole_bytes + 1; i < size_bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        us += (text[i] - '0') * unit_us;
        unit_us /= 10;
    }
    *out_us = us;
    return true;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "00:11:22:aa:bb:cc", with '-' for ':' too. */
static bool
parse_mac(const char *text, size_t size_bytes, uint64_t *out_mac)
{
    uint64_t mac = 0;
    if (size_bytes != 17)
        return false;
    for (size_t i = 0; i < 17; i++) {
        if (i % 3 == 2) {
            if (text[i] != ':' && text[i] != '-')
                return false;
            continue;
        }
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        mac = mac << 4 | (unsigned)digit;
    }
    *out_mac = mac;
    return true;
}

/* IPv4 in four decimal parts, most of what a dump holds, or as one number in host order. */
static bool
parse_addr(const char *text, size_t size_bytes, struct sl_addr *out_addr)
{
    uint64_t number = 0;
    uint32_t addr = 0;
    size_t at = 0;
    if (parse_number(text, size_bytes, UINT32_MAX, &number)) {
        *out_addr = sl_addr_from_v4((uint32_t)number);
        return true;
    }
    for (unsigned part = 0; part < 4; part++) {
        unsigned value = 0;
        size_t start = at;
        while (at < size_bytes && at - start < 3 && (unsigned)(text[at] - '0') <= 9)
            value = value * 10 + (unsigned)(text[at++] - '0');
        bool is_last = part == 3;
        if (at == start || value > 255 || (is_last ? at != size_bytes : at == size_bytes) ||
            (!is_last && text[at] != '.'))
            return sl_addr_parse(text, size_bytes, out_addr);
        at += !is_last;
        addr = addr << 8 | value;
    }
    *out_addr = sl_addr_from_v4(addr);
    return true;
}

/* Digits of a number that is at most `max`. */
static bool
parse_hex(const char *text, size_t size_bytes, uint64_t max, uint64_t *out_value)
{
    uint64_t value = 0;
    if (size_bytes == 0 || size_bytes > 16)
        return false;
    for (size_t i = 0; i < size_bytes; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *out_value = value;
    return value <= max;
}

/* The greatest number of a column of unsigned integers or MACs; 0 for all others. */
static uint64_t
greatest(const struct sl_column *column)
{
    switch (column->type) {
    case SL_TYPE_U8:
        return UINT8_MAX;
    case SL_TYPE_U16:
        return UINT16_MAX;
    case SL_TYPE_U32:
        return UINT32_MAX;
    case SL_TYPE_U64:
        return UINT64_MAX;
    case SL_TYPE_MAC:
        return (UINT64_C(1) << 48) - 1;
    default:
        return 0;
    }
}

static bool
set_octets(struct sl_builder *b, struct sl_builder_column *c, const char *text, size_t size_bytes)
{
    uint8_t octets[SL_TEXT_BYTES_MAX];
    if (size_bytes % 2 != 0 || size_bytes / 2 > sizeof(octets))
        return false;
    for (size_t i = 0; i < size_bytes / 2; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        octets[i] = (uint8_t)(high << 4 | low);
    }
    sl_builder_set_slice(b, c, octets, size_bytes / 2);
    return true;
}

static bool
set_signed(struct sl_builder *b, struct sl_builder_column *c, const char *text, size_t size_bytes)
{
    uint64_t value = 0;
    bool is_negative = size_bytes != 0 && text[0] == '-';
    if (!parse_number(text + is_negative, size_bytes - is_negative,
                      (uint64_t)INT64_MAX + is_negative, &value))
        return false;
    sl_builder_set_u64(b, c, is_negative ? -value : value);
    return true;
}

static bool
set_float(struct sl_builder *b, struct sl_builder_column *c, const char *text, size_t size_bytes)
{
    char copy[64];
    char *end = NULL;
    if (size_bytes == 0 || size_bytes >= sizeof(copy))
        return false;
    memcpy(copy, text, size_bytes);
    copy[size_bytes] = '\0';
    double value = strtod(copy, &end);
    if (end != copy + size_bytes)
        return false;
    sl_builder_set_f64(b, c, value);
    return true;
}

static bool
set_bool(struct sl_builder *b, struct sl_builder_column *c, const char *text, size_t size_bytes)
{
    bool is_true = equals_folded("true", text, size_bytes) || equals_folded("1", text, size_bytes);
    bool is_false =
        equals_folded("false", text, size_bytes) || equals_folded("0", text, size_bytes);
    if (is_true || is_false)
        sl_builder_set_u64(b, c, is_true);
    return is_true || is_false;
}

static bool
set_addr(const struct sl_field *field, struct sl_builder *b, struct sl_builder_column *c,
         const char *text, size_t size_bytes)
{
    struct sl_addr addr;
    if (!parse_addr(text, size_bytes, &addr))
        return false;
    /* "::" is the key 2^32, "0.0.0.0" the key 0. */
    bool is_zero = addr.high == 0 && (addr.low == 0 || addr.low == UINT64_C(1) << 32);
    if (is_zero && field->form == SL_FIELD_ZERO_IS_NONE)
        return true;
    sl_builder_set_addr(b, c, addr);
    return true;
}

/* By the type of the column; false when the text is not such a value. */
static bool
set_plain(const struct sl_field *field, struct sl_builder *b, const char *text, size_t size_bytes)
{
    struct sl_builder_column *c = sl_builder_column(b, field->column);
    uint64_t value = 0;
    int64_t time_us = 0;
    switch (field->column->type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
        if (!parse_number(text, size_bytes, greatest(field->column), &value))
            return false;
        sl_builder_set_u64(b, c, value);
        return true;
    case SL_TYPE_I64:
        return set_signed(b, c, text, size_bytes);
    case SL_TYPE_F64:
        return set_float(b, c, text, size_bytes);
    case SL_TYPE_BOOL:
        return set_bool(b, c, text, size_bytes);
    case SL_TYPE_TIME:
        if (!parse_time(text, size_bytes, &time_us))
            return false;
        sl_builder_set_u64(b, c, (uint64_t)time_us);
        return true;
    case SL_TYPE_ADDR:
        return set_addr(field, b, c, text, size_bytes);
    case SL_TYPE_MAC:
        if (!parse_mac(text, size_bytes, &value))
            return false;
        sl_builder_set_u64(b, c, value);
        return true;
    case SL_TYPE_TEXT:
        sl_builder_set_slice(b, c, text, size_bytes);
        return true;
    case SL_TYPE_OCTETS:
        return set_octets(b, c, text, size_bytes);
    case SL_TYPE_NULL:
    case SL_TYPE_DECIMAL:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
    case SL_TYPE_COUNT:
        break;
    }
    return false;
}

static bool
set_protocol(const struct sl_field *field, struct sl_builder *b, const char *text,
             size_t size_bytes)
{
    for (size_t i = 0; i < SL_COUNTOF(protocol_names); i++) {
        if (equals_folded(protocol_names[i].name, text, size_bytes)) {
            sl_builder_set_u64(b, sl_builder_column(b, field->column), protocol_names[i].number);
            return true;
        }
    }
    return set_plain(field, b, text, size_bytes);
}

/* nDPI's two numbers, or a name, which is the application's. */
static bool
set_l7(const struct sl_field *field, struct sl_schema *schema, struct sl_builder *b,
       const char *text, size_t size_bytes)
{
    uint64_t master = 0;
    uint64_t app = 0;
    const char *point = memchr(text, '.', size_bytes);
    size_t head_bytes = point == NULL ? 0 : (size_t)(point - text);
    const char *tail = point == NULL ? text : point + 1;
    size_t tail_bytes = size_bytes - (size_t)(tail - text);
    if (point != NULL && !parse_number(text, head_bytes, UINT16_MAX, &master))
        point = NULL, tail = text, tail_bytes = size_bytes;
    if (!parse_number(tail, tail_bytes, UINT16_MAX, &app)) {
        const struct sl_column *name = sl_schema_at(schema, SL_COLUMN_APP);
        sl_builder_set_slice(b, sl_builder_column(b, name), text, size_bytes);
        return true;
    }
    sl_builder_set_u64(b, sl_builder_column(b, field->column), app);
    if (point != NULL) {
        const struct sl_column *column = sl_schema_at(schema, SL_COLUMN_L7_MASTER);
        sl_builder_set_u64(b, sl_builder_column(b, column), master);
    }
    return true;
}

/* Of a number; what other columns take is written as ever. */
static bool
set_hex(const struct sl_field *field, struct sl_builder *b, const char *text, size_t size_bytes)
{
    uint64_t max = greatest(field->column);
    uint64_t value = 0;
    if (max == 0 || !parse_hex(text, size_bytes, max, &value))
        return set_plain(field, b, text, size_bytes);
    sl_builder_set_u64(b, sl_builder_column(b, field->column), value);
    return true;
}

sl_status
sl_field_set(const struct sl_field *field, struct sl_schema *schema, struct sl_builder *builder,
             const char *text, size_t size_bytes, struct sl_error *err)
{
    bool is_none = size_bytes == 0 || (size_bytes == 2 && text[0] == '\\' && text[1] == 'N');
    if (is_none)
        return SL_OK;
    bool is_set = false;
    switch (field->form) {
    case SL_FIELD_PROTOCOL:
        is_set = set_protocol(field, builder, text, size_bytes);
        break;
    case SL_FIELD_L7:
        is_set = set_l7(field, schema, builder, text, size_bytes);
        break;
    case SL_FIELD_HEX:
        is_set = set_hex(field, builder, text, size_bytes);
        break;
    case SL_FIELD_PLAIN:
    case SL_FIELD_ZERO_IS_NONE:
        is_set = set_plain(field, builder, text, size_bytes);
        break;
    }
    if (is_set)
        return SL_OK;
    return sl_fail(err, SL_FORMAT, "\"%.*s\" is no %s for %s", (int)sl_min_size(size_bytes, 40),
                   text, sl_type_name(field->column->type), field->column->name);
}

sl_status
sl_field_end_row(struct sl_schema *schema, struct sl_builder *b, int64_t oldest_us,
                 struct sl_error *err)
{
    struct sl_builder_column *first =
        sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_FIRST_SEEN));
    struct sl_builder_column *last =
        sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_LAST_SEEN));
    bool has_first = sl_bit_get(first->present, b->row_count);
    bool has_last = sl_bit_get(last->present, b->row_count);
    if (!has_first && !has_last) {
        sl_builder_abandon(b);
        return sl_fail(err, SL_FORMAT,
                       "the row has no time: name one of its fields first_seen or last_seen");
    }
    if (!has_first)
        sl_builder_set_u64(b, first, last->values.u64[b->row_count]);
    if (!has_last)
        sl_builder_set_u64(b, last, first->values.u64[b->row_count]);
    if (last->values.i64[b->row_count] < oldest_us) {
        sl_builder_abandon(b);
        return sl_fail(err, SL_FORMAT, "the row is older than the retention");
    }
    struct sl_builder_column *rate =
        sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SAMPLING_RATE));
    if (!sl_bit_get(rate->present, b->row_count))
        sl_builder_set_u64(b, rate, 1);
    sl_builder_next(b);
    return SL_OK;
}
