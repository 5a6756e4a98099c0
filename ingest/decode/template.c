/*
 * template.c - see template.h.
 */
#include "ingest/decode/template.h"

#include <stdio.h>

#include "ingest/decode/decoder_state.h"

/* What a field is for, beyond its column. */
static const struct {
    uint32_t pen;
    uint16_t id;
    uint16_t role;
} roles[] = {
    {0, 22, SL_ROLE_START_UPTIME},      {0, 21, SL_ROLE_END_UPTIME},
    {0, 160, SL_ROLE_INIT_TIME},        {0, 322, SL_ROLE_EVENT_TIME},
    {0, 323, SL_ROLE_EVENT_TIME},       {0, 324, SL_ROLE_EVENT_TIME},
    {0, 325, SL_ROLE_EVENT_TIME},       {0, 158, SL_ROLE_START_DELTA},
    {0, 159, SL_ROLE_END_DELTA},        {0, 161, SL_ROLE_DURATION_MS},
    {0, 162, SL_ROLE_DURATION_US},      {0, 32, SL_ROLE_ICMP_TYPE_CODE},
    {0, 139, SL_ROLE_ICMP_TYPE_CODE},   {0, 176, SL_ROLE_ICMP_TYPE},
    {0, 178, SL_ROLE_ICMP_TYPE},        {0, 177, SL_ROLE_ICMP_CODE},
    {0, 179, SL_ROLE_ICMP_CODE},        {0, 48, SL_ROLE_SAMPLER},
    {0, 302, SL_ROLE_SAMPLER},          {0, 34, SL_ROLE_SAMPLING_INTERVAL},
    {0, 50, SL_ROLE_SAMPLING_INTERVAL}, {0, 305, SL_ROLE_PACKET_INTERVAL},
    {0, 306, SL_ROLE_PACKET_SPACE},     {0, 309, SL_ROLE_SIZE},
    {0, 310, SL_ROLE_POPULATION},       {0, 311, SL_ROLE_PROBABILITY},
    {0, 95, SL_ROLE_APPLICATION},       {SL_PEN_NPROBE, 118, SL_ROLE_APPLICATION},
    {0, 96, SL_ROLE_APPLICATION_NAME},  {0, 94, SL_ROLE_APPLICATION_TEXT},
    {0, 10, SL_ROLE_INTERFACE},         {SL_PEN_V9_SCOPE, SL_V9_SCOPE_INTERFACE, SL_ROLE_INTERFACE},
    {0, 82, SL_ROLE_INTERFACE_NAME},    {0, 83, SL_ROLE_INTERFACE_TEXT},
};

/* Roles that need a look at every record of a flow template. */
static const uint16_t derived_roles[] = {
    SL_ROLE_START_DELTA, SL_ROLE_END_DELTA,         SL_ROLE_ICMP_TYPE_CODE,  SL_ROLE_ICMP_TYPE,
    SL_ROLE_SAMPLER,     SL_ROLE_SAMPLING_INTERVAL, SL_ROLE_PACKET_INTERVAL, SL_ROLE_SIZE,
    SL_ROLE_PROBABILITY, SL_ROLE_APPLICATION,
};

struct sl_template *
sl_template_create(uint16_t id, const struct sl_field *fields, uint32_t field_count,
                   uint32_t scope_count, bool is_options)
{
    SL_ASSERT(field_count <= SL_TEMPLATE_FIELDS_MAX);
    SL_ASSERT(scope_count <= field_count);
    uint64_t record_bytes = 0;
    bool is_variable = false;
    for (uint32_t i = 0; i < field_count; i++) {
        bool field_varies = fields[i].size_bytes == SL_FIELD_VARIABLE;
        is_variable = is_variable || field_varies;
        record_bytes += field_varies ? 1 : fields[i].size_bytes;
    }
    if (record_bytes == 0 || record_bytes > UINT16_MAX)
        return NULL;

    struct sl_template *t = sl_new(sizeof(*t));
    t->id = id;
    t->field_count = (uint16_t)field_count;
    t->scope_count = (uint16_t)scope_count;
    t->is_options = is_options;
    t->is_variable = is_variable;
    t->record_bytes = (uint32_t)record_bytes;
    t->fields = sl_new(field_count * sizeof(*t->fields));
    memcpy(t->fields, fields, field_count * sizeof(*t->fields));
    t->offsets = sl_new(field_count * sizeof(*t->offsets));
    uint32_t offset = 0;
    for (uint32_t i = 0; i < field_count && !is_variable; i++) {
        t->offsets[i] = offset;
        offset += fields[i].size_bytes;
    }
    for (uint32_t i = 0; i < SL_ROLE_COUNT; i++)
        t->roles[i] = SL_ROLE_NONE;
    return t;
}

void
sl_template_destroy(struct sl_template *template)
{
    if (template == NULL)
        return;
    free(template->fields);
    free(template->offsets);
    free(template->steps);
    free(template->extra_fields);
    free(template);
}

bool
sl_template_equals(const struct sl_template *a, const struct sl_template *b)
{
    return a->id == b->id && a->field_count == b->field_count && a->scope_count == b->scope_count &&
           a->is_options == b->is_options &&
           memcmp(a->fields, b->fields, a->field_count * sizeof(*a->fields)) == 0;
}

/* State of one compilation. */
struct compile {
    struct sl_template *template;
    struct sl_decoder *decoder;
    struct sl_exporter *exporter;
    uint64_t used[(SL_COLUMNS_MAX + 63) / 64]; /* columns that a step fills, by schema index */
    uint32_t best_first;                       /* the finest clock of each side, as a field index */
    uint32_t best_last;
};

/* Finer is larger; 0 is no clock. */
static unsigned
clock_rank(const struct sl_element *element)
{
    switch (element->form) {
    case SL_WIRE_UPTIME:
        return 1;
    case SL_WIRE_SECONDS:
        return 2;
    case SL_WIRE_MILLISECONDS:
        return 3;
    case SL_WIRE_MICROSECONDS:
        return 4;
    case SL_WIRE_NANOSECONDS:
        return 5;
    default:
        return 0;
    }
}

/* The element by which the bytes of field `index` are read; NULL: as octets. */
static const struct sl_element *
field_element(const struct sl_template *t, uint32_t index)
{
    const struct sl_element *element = sl_field_element(t->fields[index]);
    if (element == NULL)
        return NULL;
    uint16_t size_bytes = t->fields[index].size_bytes;
    if (size_bytes != SL_FIELD_VARIABLE && !sl_wire_fits(element->form, size_bytes))
        return NULL;
    return element;
}

static uint32_t
find_clock(const struct sl_template *t, const char *column)
{
    uint32_t best = UINT32_MAX;
    unsigned best_rank = 0;
    for (uint32_t i = 0; i < t->field_count; i++) {
        const struct sl_element *element = field_element(t, i);
        if (element == NULL || t->fields[i].pen != 0 || t->fields[i].size_bytes == 0 ||
            strcmp(element->column, column) != 0)
            continue;
        if (clock_rank(element) > best_rank) {
            best_rank = clock_rank(element);
            best = i;
        }
    }
    return best;
}

static void
assign_role(struct sl_template *t, uint32_t index)
{
    struct sl_field field = t->fields[index];
    if (field.size_bytes == 0)
        return;
    for (size_t i = 0; i < SL_COUNTOF(roles); i++)
        if (roles[i].pen == field.pen && roles[i].id == field.id &&
            t->roles[roles[i].role] == SL_ROLE_NONE)
            t->roles[roles[i].role] = (uint16_t)index;
}

/* The column `name`. NULL: the value goes into `extra`. */
static const struct sl_column *
get_column(const struct compile *c, const char *name, enum sl_type type, enum sl_name_source source)
{
    return sl_added_get(&c->decoder->added, c->exporter->key.addr, name, type, source);
}

static uint32_t
count_before(const struct sl_template *t, uint32_t index)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < index; i++)
        count += t->fields[i].pen == t->fields[index].pen &&
                 t->fields[i].id == t->fields[index].id && t->fields[i].size_bytes != 0;
    return count;
}

/* Elements of these columns exclude each other in a record, or say the same. */
static bool
is_alternate_column(const struct sl_column *column)
{
    switch (column->index) {
    case SL_COLUMN_SRC_ADDR:
    case SL_COLUMN_DST_ADDR:
    case SL_COLUMN_SRC_PORT:
    case SL_COLUMN_DST_PORT:
    case SL_COLUMN_SRC_MASK:
    case SL_COLUMN_DST_MASK:
    case SL_COLUMN_NEXT_HOP:
    case SL_COLUMN_EXPORTER_ADDR:
        return true;
    default:
        return false;
    }
}

/* The name that field `index` has when it does not fill a core column. */
static enum sl_name_source
own_name(const struct sl_template *t, uint32_t index, const struct sl_element *element, char *name)
{
    struct sl_field field = t->fields[index];
    char own[SL_COLUMN_NAME_BYTES_MAX + 1];
    uint32_t count = count_before(t, index);
    if (element == NULL)
        (void)snprintf(own, sizeof(own), "pen%" PRIu32 "_%u", field.pen, (unsigned)field.id);
    else
        sl_added_name(element, field.pen == SL_PEN_REVERSE && element->pen == 0, own);
    if (count == 0)
        (void)snprintf(name, SL_COLUMN_NAME_BYTES_MAX + 1, "%s", own);
    else /* names end at 60 characters: the number of a field fits */
        (void)snprintf(name, SL_COLUMN_NAME_BYTES_MAX + 1, "%.60s_%" PRIu32, own, count + 1);
    return element != NULL && count == 0 ? SL_NAME_OF_ELEMENT : SL_NAME_OTHER;
}

/* The name of the column that field `index` would like best. */
static const char *
preferred_name(const struct compile *c, uint32_t index, const struct sl_element *element)
{
    const struct sl_template *t = c->template;
    struct sl_field field = t->fields[index];
    if (element == NULL || count_before(t, index) != 0)
        return NULL;
    if (field.pen == SL_PEN_REVERSE && element->pen == 0)
        return NULL;
    if (field.pen == 0 && t->is_nprobe && field.id == 23)
        return "out_bytes";
    if (field.pen == 0 && t->is_nprobe && field.id == 24)
        return "out_packets";
    if (strcmp(element->column, "first_seen") == 0 && index != c->best_first)
        return NULL;
    if (strcmp(element->column, "last_seen") == 0 && index != c->best_last)
        return NULL;
    return element->column;
}

static enum sl_step_kind
unsigned_kind(enum sl_type type, uint16_t size_bytes)
{
    if (type == SL_TYPE_U8 && size_bytes == 1)
        return SL_STEP_U8;
    if (type == SL_TYPE_U16 && size_bytes == 2)
        return SL_STEP_U16;
    if (type == SL_TYPE_U32 && size_bytes == 4)
        return SL_STEP_U32;
    if (type == SL_TYPE_U64 && size_bytes == 8)
        return SL_STEP_U64;
    if (type == SL_TYPE_U32 && size_bytes == 2)
        return SL_STEP_U16_TO_U32;
    if (type == SL_TYPE_U64 && size_bytes == 4)
        return SL_STEP_U32_TO_U64;
    return SL_STEP_UNSIGNED;
}

static enum sl_step_kind
step_kind(const struct sl_element *element, enum sl_type type, uint16_t size_bytes)
{
    if (element == NULL)
        return SL_STEP_OCTETS;
    switch (element->form) {
    case SL_WIRE_UNSIGNED:
        return unsigned_kind(type, size_bytes);
    case SL_WIRE_SIGNED:
        return SL_STEP_SIGNED;
    case SL_WIRE_FLOAT:
        return SL_STEP_FLOAT;
    case SL_WIRE_BOOLEAN:
        return SL_STEP_BOOLEAN;
    case SL_WIRE_MAC:
        return SL_STEP_MAC;
    case SL_WIRE_IPV4:
        return SL_STEP_IPV4;
    case SL_WIRE_IPV6:
        return SL_STEP_IPV6;
    case SL_WIRE_STRING:
        return SL_STEP_STRING;
    case SL_WIRE_OCTETS:
        return SL_STEP_OCTETS;
    case SL_WIRE_SECONDS:
    case SL_WIRE_MILLISECONDS:
    case SL_WIRE_MICROSECONDS:
    case SL_WIRE_NANOSECONDS:
        return SL_STEP_TIME;
    case SL_WIRE_UPTIME:
        return SL_STEP_UPTIME;
    case SL_WIRE_LIST:
        return SL_STEP_LIST;
    }
    return SL_STEP_OCTETS;
}

static void
add_step(struct compile *c, uint32_t index, const struct sl_element *element,
         const struct sl_column *column, bool is_alternate)
{
    struct sl_template *t = c->template;
    uint16_t size_bytes = t->fields[index].size_bytes;
    t->steps[t->step_count++] = (struct sl_step){
        .kind = step_kind(element, column->type, size_bytes),
        .form = element == NULL ? SL_WIRE_OCTETS : element->form,
        .is_alternate = is_alternate,
        .field_index = (uint16_t)index,
        .offset = t->offsets[index],
        .size_bytes = size_bytes,
        .target = sl_builder_column(c->decoder->builder, column),
    };
    sl_bit_set(c->used, column->index);
    t->has_first = t->has_first || column->index == SL_COLUMN_FIRST_SEEN;
    t->has_last = t->has_last || column->index == SL_COLUMN_LAST_SEEN;
    t->has_uptime = t->has_uptime || (element != NULL && element->form == SL_WIRE_UPTIME);
}

static void
compile_field(struct compile *c, uint32_t index)
{
    struct sl_template *t = c->template;
    char name[SL_COLUMN_NAME_BYTES_MAX + 1];
    if (t->fields[index].size_bytes == 0)
        return;
    if (t->fields[index].pen == 0 && t->fields[index].id == 210)
        return;
    const struct sl_element *element = field_element(t, index);
    enum sl_type type = element == NULL ? SL_TYPE_OCTETS : element->type;
    const char *preferred = preferred_name(c, index, element);
    const struct sl_column *column =
        preferred == NULL ? NULL : get_column(c, preferred, type, SL_NAME_OF_ELEMENT);
    if (column != NULL && sl_bit_get(c->used, column->index)) {
        if (is_alternate_column(column)) {
            add_step(c, index, element, column, true);
            return;
        }
        column = NULL;
    }
    if (column == NULL) {
        enum sl_name_source source = own_name(t, index, element, name);
        column = get_column(c, name, type, source);
    }
    if (column == NULL || sl_bit_get(c->used, column->index)) {
        t->extra_fields[t->extra_count++] = (uint16_t)index;
        return;
    }
    add_step(c, index, element, column, false);
}

/* A running total is all that some exporters send: it is the flow's counter then. */
static void
compile_totals(struct compile *c)
{
    static const struct {
        uint32_t pen;
        uint16_t id;
        uint16_t column;
    } totals[] = {
        {0, 85, SL_COLUMN_IN_BYTES},
        {0, 86, SL_COLUMN_IN_PACKETS},
        {SL_PEN_REVERSE, 85, SL_COLUMN_OUT_BYTES},
        {SL_PEN_REVERSE, 86, SL_COLUMN_OUT_PACKETS},
    };
    struct sl_template *t = c->template;
    for (size_t k = 0; k < SL_COUNTOF(totals); k++)
        for (uint32_t i = 0; i < t->field_count; i++) {
            const struct sl_element *element = field_element(t, i);
            if (element == NULL || t->fields[i].pen != totals[k].pen ||
                t->fields[i].id != totals[k].id || t->fields[i].size_bytes == 0 ||
                sl_bit_get(c->used, totals[k].column))
                continue;
            add_step(c, i, element, sl_schema_at(c->decoder->schema, totals[k].column), false);
        }
}

/* nProbe gives itself away by its own elements, here or in an earlier template. */
static bool
decide_nprobe(const struct sl_template *t, struct sl_exporter *exporter)
{
    enum sl_exporter_kind kind = exporter->rule == NULL ? SL_EXPORTER_AUTO : exporter->rule->kind;
    for (uint32_t i = 0; i < t->field_count; i++)
        exporter->is_nprobe = exporter->is_nprobe || t->fields[i].pen == SL_PEN_NPROBE;
    if (kind != SL_EXPORTER_AUTO)
        return kind == SL_EXPORTER_NPROBE;
    /* A restored template brings its decision along: it never flips within a template. */
    return t->is_restored ? t->is_nprobe : exporter->is_nprobe;
}

void
sl_template_compile(struct sl_template *template, struct sl_decoder *decoder,
                    struct sl_exporter *exporter)
{
    SL_ASSERT(template->steps == NULL);
    struct compile c = {.template = template, .decoder = decoder, .exporter = exporter};
    for (uint32_t i = 0; i < template->field_count; i++)
        assign_role(template, i);
    template->is_nprobe = decide_nprobe(template, exporter);
    if (template->is_options)
        return; /* options.c reads them by role */

    /* Every field makes one step, a total one more. */
    template->steps = sl_new((template->field_count + 4U) * sizeof(*template->steps));
    template->extra_fields = sl_new(template->field_count * sizeof(*template->extra_fields));
    c.best_first = find_clock(template, "first_seen");
    c.best_last = find_clock(template, "last_seen");
    for (uint32_t i = 0; i < template->field_count; i++)
        compile_field(&c, i);
    compile_totals(&c);
    template->has_derived = !template->has_first || !template->has_last;
    for (size_t i = 0; i < SL_COUNTOF(derived_roles); i++)
        if (template->roles[derived_roles[i]] != SL_ROLE_NONE)
            template->has_derived = true;
}
