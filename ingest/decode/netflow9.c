/*
 * netflow9.c - NetFlow v9 (RFC 3954).
 *
 *   header   OFFSET SIZE FIELD           MEANING
 *                 0    2 version         9
 *                 2    2 count           records of all sorts; often wrong, not used
 *                 4    4 uptime ms       since the exporter booted
 *                 8    4 seconds         since 1970
 *                12    4 sequence        datagrams before this one
 *                16    4 source id       observation domain
 *
 *   set           0    2 id              0 templates, 1 options templates, from 256 data
 *                 2    2 length          with these four bytes; padded to four
 *
 *   template      0    2 id, 2 count, then for each field 2 type, 2 length
 *   options       0    2 id, 2 scope bytes, 2 option bytes, then fields as above; the types of
 *                        scope fields are 1 system, 2 interface, 3 line card, 4 cache, 5 template
 *
 * Types from 57472 on are nProbe's.
 */
#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"

struct context {
    struct sl_decoder *decoder;
    struct sl_exporter *exporter;
    struct sl_message message;
};

/* Fields from the cursor to fields[0 .. count). False when they are not all there. */
static bool
read_fields(struct sl_cursor *c, struct sl_field *fields, uint32_t count, uint32_t scope_count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint16_t type = sl_cursor_u16be(c);
        fields[i] = (struct sl_field){.id = type, .size_bytes = sl_cursor_u16be(c)};
        if (i < scope_count) {
            fields[i].pen = SL_PEN_V9_SCOPE;
        } else if (type >= SL_V9_NPROBE_BASE) {
            fields[i].pen = SL_PEN_NPROBE;
            fields[i].id = (uint16_t)(type - SL_V9_NPROBE_BASE);
        }
    }
    return !c->bad;
}

static sl_status
learn(const struct context *v9, uint16_t id, const struct sl_field *fields, uint32_t count,
      uint32_t scope_count, bool is_options, struct sl_error *err)
{
    struct sl_template *t = NULL;
    /* NetFlow v9 has no variable lengths: 65535 is a length that no record can have. */
    if (id >= SL_TEMPLATE_ID_MIN)
        t = sl_template_create(id, fields, count, scope_count, is_options);
    if (t == NULL || t->is_variable) {
        sl_exporter_malformed(v9->exporter, "template %u has records of no possible length",
                              (unsigned)id);
        sl_template_destroy(t);
        return SL_OK;
    }
    return sl_decoder_learn(v9->decoder, v9->exporter, &v9->message, t, err);
}

static sl_status
read_templates(const struct context *v9, struct sl_cursor *set, struct sl_error *err)
{
    struct sl_field fields[SL_TEMPLATE_FIELDS_MAX];
    while (sl_cursor_left(set) >= 4) {
        uint16_t id = sl_cursor_u16be(set);
        uint16_t count = sl_cursor_u16be(set);
        if (id == 0 && count == 0)
            return SL_OK; /* padding */
        if (count == 0 || count > SL_TEMPLATE_FIELDS_MAX || !read_fields(set, fields, count, 0)) {
            sl_exporter_malformed(v9->exporter, "template %u: %u fields are not there",
                                  (unsigned)id, (unsigned)count);
            return SL_OK;
        }
        SL_TRY(learn(v9, id, fields, count, 0, false, err));
    }
    return SL_OK;
}

static sl_status
read_options_templates(const struct context *v9, struct sl_cursor *set, struct sl_error *err)
{
    struct sl_field fields[SL_TEMPLATE_FIELDS_MAX];
    while (sl_cursor_left(set) >= 6) {
        uint16_t id = sl_cursor_u16be(set);
        uint16_t scope_bytes = sl_cursor_u16be(set);
        uint16_t option_bytes = sl_cursor_u16be(set);
        uint32_t scope_count = scope_bytes / 4U;
        uint32_t count = scope_count + option_bytes / 4U;
        if (id == 0)
            return SL_OK; /* padding */
        if (scope_bytes % 4 != 0 || option_bytes % 4 != 0 || count == 0 ||
            count > SL_TEMPLATE_FIELDS_MAX || !read_fields(set, fields, count, scope_count)) {
            sl_exporter_malformed(v9->exporter, "options template %u: %u + %u bytes of fields",
                                  (unsigned)id, (unsigned)scope_bytes, (unsigned)option_bytes);
            return SL_OK;
        }
        SL_TRY(learn(v9, id, fields, count, scope_count, true, err));
    }
    return SL_OK;
}

static sl_status
read_set(const struct context *v9, uint16_t id, struct sl_cursor *set, struct sl_error *err)
{
    uint32_t records = 0;
    if (id == 0)
        return read_templates(v9, set, err);
    if (id == 1)
        return read_options_templates(v9, set, err);
    if (id < SL_TEMPLATE_ID_MIN) {
        sl_exporter_malformed(v9->exporter, "a set has the reserved id %u", (unsigned)id);
        return SL_OK;
    }
    return sl_decoder_data(v9->decoder, v9->exporter, &v9->message, id, set->next,
                           sl_cursor_left(set), &records, err);
}

/* Sets fill the datagram; what is shorter than the head of one is padding. */
static sl_status
read_sets(const struct context *v9, struct sl_cursor *c, struct sl_error *err)
{
    while (sl_cursor_left(c) >= 4) {
        uint16_t id = sl_cursor_u16be(c);
        uint16_t set_bytes = sl_cursor_u16be(c);
        if (id == 0 && set_bytes == 0)
            return SL_OK; /* padding behind the last set */
        struct sl_cursor set = sl_cursor_sub(c, set_bytes < 4 ? SIZE_MAX : set_bytes - 4U);
        if (c->bad) {
            sl_exporter_malformed(v9->exporter, "set %u: %u bytes do not fit the datagram",
                                  (unsigned)id, (unsigned)set_bytes);
            return SL_OK;
        }
        SL_TRY(read_set(v9, id, &set, err));
    }
    return SL_OK;
}

sl_status
sl_netflow9_decode(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                   const uint8_t *bytes, size_t size_bytes, struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    (void)sl_cursor_u16be(&c); /* version */
    (void)sl_cursor_u16be(&c); /* count */
    uint32_t uptime_ms = sl_cursor_u32be(&c);
    uint32_t seconds = sl_cursor_u32be(&c);
    uint32_t sequence = sl_cursor_u32be(&c);
    uint32_t source_id = sl_cursor_u32be(&c);
    if (c.bad) {
        sl_decoder_malformed(decoder, from, "version 9: %zu bytes hold no header", size_bytes);
        return SL_OK;
    }
    struct context v9 = {.decoder = decoder,
                         .exporter = sl_decoder_exporter(decoder, from, 9, source_id, size_bytes),
                         .message = {.origin = from->origin,
                                     .received_us = from->received_us,
                                     .export_us = (int64_t)seconds * SL_US_PER_S,
                                     .uptime_ms = uptime_ms,
                                     .has_uptime = true}};
    if (v9.exporter == NULL)
        return SL_OK;
    bool is_restart = sl_exporter_sequence(v9.exporter, sequence, 1);
    is_restart |= sl_exporter_uptime(v9.exporter, uptime_ms, v9.message.export_us);
    if (is_restart)
        sl_exporter_drop_restored(&decoder->exporters, v9.exporter);
    return read_sets(&v9, &c, err);
}
