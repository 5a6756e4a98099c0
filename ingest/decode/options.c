/*
 * options.c - what an exporter says about itself: sampling, interfaces, applications, clocks.
 *
 * Options records are no flows. Each is read by the roles that its template's fields have; a
 * record may say several things at once.
 */
#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"

struct option {
    const struct sl_template *template;
    const uint8_t *const *values;
    const uint32_t *value_bytes;
};

static bool
option_u64(const struct option *o, enum sl_role role, uint64_t *out_value)
{
    uint16_t index = o->template->roles[role];
    if (index == SL_ROLE_NONE || o->value_bytes[index] == 0 || o->value_bytes[index] > 8)
        return false;
    *out_value = sl_read_be(o->values[index], o->value_bytes[index]);
    return true;
}

/* A copy as a C string, cut at its limit; NULL when the record has no such field. */
static const char *
option_text(const struct option *o, enum sl_role role, char text[SL_NAME_BYTES_MAX + 1])
{
    uint16_t index = o->template->roles[role];
    if (index == SL_ROLE_NONE)
        return NULL;
    size_t size_bytes = sl_min_size(o->value_bytes[index], SL_NAME_BYTES_MAX);
    const void *end = memchr(o->values[index], 0, size_bytes);
    if (end != NULL)
        size_bytes = (size_t)((const uint8_t *)end - o->values[index]);
    memcpy(text, o->values[index], size_bytes);
    text[size_bytes] = '\0';
    return text;
}

static void
apply_sampling(struct sl_exporter *exporter, const struct option *o)
{
    uint64_t id = 0;
    uint64_t a = 0;
    uint64_t b = 0;
    const uint64_t *sampler = option_u64(o, SL_ROLE_SAMPLER, &id) ? &id : NULL;
    uint16_t probability = o->template->roles[SL_ROLE_PROBABILITY];

    if (option_u64(o, SL_ROLE_PACKET_INTERVAL, &a) && option_u64(o, SL_ROLE_PACKET_SPACE, &b) &&
        a <= UINT32_MAX && b <= UINT32_MAX)
        sl_exporter_set_sampling(exporter, sampler, a + b, a);
    if (option_u64(o, SL_ROLE_SIZE, &a) && option_u64(o, SL_ROLE_POPULATION, &b))
        sl_exporter_set_sampling(exporter, sampler, b, a);
    if (probability != SL_ROLE_NONE && sl_wire_fits(SL_WIRE_FLOAT, o->value_bytes[probability])) {
        double p = sl_wire_float(o->values[probability], o->value_bytes[probability]);
        if (p >= 1e-6 && p <= 1)
            sl_exporter_set_sampling(exporter, sampler, 1000000, (uint64_t)(p * 1e6 + 0.5));
    }
    /* An interval of 0 is how some say that they do not sample. */
    if (option_u64(o, SL_ROLE_SAMPLING_INTERVAL, &a))
        sl_exporter_set_sampling(exporter, sampler, a == 0 ? 1 : a, 1);
}

void
sl_option_apply(struct sl_exporter *exporter, const struct sl_template *template,
                const uint8_t *const *values, const uint32_t *value_bytes)
{
    struct option o = {.template = template, .values = values, .value_bytes = value_bytes};
    char name[SL_NAME_BYTES_MAX + 1];
    char description[SL_NAME_BYTES_MAX + 1];
    uint64_t number = 0;

    apply_sampling(exporter, &o);

    bool names_interface = template->roles[SL_ROLE_INTERFACE_NAME] != SL_ROLE_NONE ||
                           template->roles[SL_ROLE_INTERFACE_TEXT] != SL_ROLE_NONE;
    if (names_interface && option_u64(&o, SL_ROLE_INTERFACE, &number) && number <= UINT32_MAX &&
        sl_names_set(&exporter->interfaces, number, option_text(&o, SL_ROLE_INTERFACE_NAME, name),
                     option_text(&o, SL_ROLE_INTERFACE_TEXT, description)))
        exporter->is_dirty = true;

    uint16_t application = template->roles[SL_ROLE_APPLICATION];
    if (application != SL_ROLE_NONE && value_bytes[application] != 0 &&
        template->roles[SL_ROLE_APPLICATION_NAME] != SL_ROLE_NONE)
        sl_exporter_name_application(exporter, values[application], value_bytes[application],
                                     option_text(&o, SL_ROLE_APPLICATION_NAME, name),
                                     option_text(&o, SL_ROLE_APPLICATION_TEXT, description));

    if (option_u64(&o, SL_ROLE_INIT_TIME, &number) &&
        number < (uint64_t)(INT64_MAX / SL_US_PER_MS)) {
        exporter->has_init_time = true;
        exporter->init_time_us = (int64_t)number * SL_US_PER_MS;
    }
}
