/*
 * ipfix.c - IPFIX (RFC 7011).
 *
 *   header   OFFSET SIZE FIELD           MEANING
 *                 0    2 version         10
 *                 2    2 length          of the message, with this header
 *                 4    4 seconds         since 1970, of the export
 *                 8    4 sequence        data records before this message
 *                12    4 domain          observation domain
 *
 *   set           0    2 id              2 templates, 3 options templates, from 256 data
 *                 2    2 length          with these four bytes
 *
 *   template      0    2 id, 2 count, then fields: 2 element, 2 length, and with bit 15 of the
 *                        element 4 enterprise. A count of 0 withdraws the template, and all of
 *                        the sort when the id is that of the set.
 *   options       0    2 id, 2 count, 2 scope count, fields
 */
#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"

enum { IPFIX_HEADER_BYTES = 16, SET_TEMPLATES = 2, SET_OPTIONS = 3 };

struct context {
    struct sl_decoder *decoder;
    struct sl_exporter *exporter;
    struct sl_message message;
    uint32_t records; /* data records so far; UINT32_MAX: some could not be counted */
};

static bool
read_fields(struct sl_cursor *c, struct sl_field *fields, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint16_t element = sl_cursor_u16be(c);
        uint16_t size_bytes = sl_cursor_u16be(c);
        fields[i] = (struct sl_field){.id = element & 0x7fff, .size_bytes = size_bytes};
        if ((element & 0x8000) != 0)
            fields[i].pen = sl_cursor_u32be(c);
    }
    return !c->bad;
}

static void
withdraw(const struct context *m, uint16_t set_id, uint16_t id)
{
    if (id == set_id)
        sl_exporter_drop_templates(&m->decoder->exporters, m->exporter, set_id == SET_OPTIONS);
    else if (id >= SL_TEMPLATE_ID_MIN)
        sl_exporter_drop_template(&m->decoder->exporters, m->exporter, id);
    else
        sl_exporter_malformed(m->exporter, "template %u cannot be withdrawn", (unsigned)id);
}

static sl_status
read_templates(const struct context *m, uint16_t set_id, struct sl_cursor *set,
               struct sl_error *err)
{
    struct sl_field fields[SL_TEMPLATE_FIELDS_MAX];
    while (sl_cursor_left(set) >= 4) {
        uint16_t id = sl_cursor_u16be(set);
        uint16_t count = sl_cursor_u16be(set);
        uint16_t scope_count = 0;
        if (id == 0)
            return SL_OK; /* padding */
        if (count == 0) {
            withdraw(m, set_id, id);
            continue;
        }
        if (set_id == SET_OPTIONS)
            scope_count = sl_cursor_u16be(set);
        if (id < SL_TEMPLATE_ID_MIN || count > SL_TEMPLATE_FIELDS_MAX || scope_count > count ||
            !read_fields(set, fields, count)) {
            sl_exporter_malformed(m->exporter, "template %u: %u fields are not there", (unsigned)id,
                                  (unsigned)count);
            return SL_OK;
        }
        struct sl_template *t =
            sl_template_create(id, fields, count, scope_count, set_id == SET_OPTIONS);
        if (t == NULL) {
            sl_exporter_malformed(m->exporter, "template %u has records of no possible length",
                                  (unsigned)id);
            continue;
        }
        SL_TRY(sl_decoder_learn(m->decoder, m->exporter, &m->message, t, err));
    }
    return SL_OK;
}

static sl_status
read_set(struct context *m, uint16_t id, struct sl_cursor *set, struct sl_error *err)
{
    uint32_t records = 0;
    if (id == SET_TEMPLATES || id == SET_OPTIONS)
        return read_templates(m, id, set, err);
    if (id < SL_TEMPLATE_ID_MIN) {
        sl_exporter_malformed(m->exporter, "a set has the reserved id %u", (unsigned)id);
        m->records = UINT32_MAX;
        return SL_OK;
    }
    sl_status st = sl_decoder_data(m->decoder, m->exporter, &m->message, id, set->next,
                                   sl_cursor_left(set), &records, err);
    if (records == UINT32_MAX || m->records == UINT32_MAX)
        m->records = UINT32_MAX;
    else
        m->records += records;
    return st;
}

static sl_status
read_sets(struct context *m, struct sl_cursor *c, struct sl_error *err)
{
    while (sl_cursor_left(c) >= 4) {
        uint16_t id = sl_cursor_u16be(c);
        uint16_t set_bytes = sl_cursor_u16be(c);
        struct sl_cursor set = sl_cursor_sub(c, set_bytes < 4 ? SIZE_MAX : set_bytes - 4U);
        if (c->bad) {
            sl_exporter_malformed(m->exporter, "set %u: %u bytes do not fit the message",
                                  (unsigned)id, (unsigned)set_bytes);
            m->records = UINT32_MAX;
            return SL_OK;
        }
        SL_TRY(read_set(m, id, &set, err));
    }
    return SL_OK;
}

/* One message at the front of `bytes`; *out_bytes is how long it was, all of them when it cannot
 * be told. */
static sl_status
read_message(struct sl_decoder *decoder, const struct sl_datagram_from *from, const uint8_t *bytes,
             size_t size_bytes, size_t *out_bytes, struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    uint16_t version = sl_cursor_u16be(&c);
    uint16_t message_bytes = sl_cursor_u16be(&c);
    uint32_t seconds = sl_cursor_u32be(&c);
    uint32_t sequence = sl_cursor_u32be(&c);
    uint32_t domain = sl_cursor_u32be(&c);
    *out_bytes = size_bytes;
    if (c.bad || version != 10 || message_bytes < IPFIX_HEADER_BYTES ||
        message_bytes > size_bytes) {
        sl_decoder_malformed(decoder, from, "no message of version 10 in %zu bytes", size_bytes);
        return SL_OK;
    }
    *out_bytes = message_bytes;
    struct context m = {.decoder = decoder,
                        .exporter = sl_decoder_exporter(decoder, from, 10, domain, message_bytes),
                        .message = {.origin = from->origin,
                                    .received_us = from->received_us,
                                    .export_us = (int64_t)seconds * SL_US_PER_S}};
    if (m.exporter == NULL)
        return SL_OK;
    c.end = &bytes[message_bytes];
    /* The restart must be known before the data is read, the number of records is known after:
     * the first call only compares, the last line sets what comes next. */
    if (sl_exporter_sequence(m.exporter, sequence, 0))
        sl_exporter_drop_restored(&decoder->exporters, m.exporter);
    sl_status st = read_sets(&m, &c, err);
    if (m.records == UINT32_MAX)
        m.exporter->has_sequence = false;
    else if (m.exporter->has_sequence && m.exporter->next_sequence == sequence)
        m.exporter->next_sequence = sequence + m.records;
    return st;
}

/* Messages say how long they are, so that several may stand back to back, as in files. */
sl_status
sl_ipfix_decode(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                const uint8_t *bytes, size_t size_bytes, struct sl_error *err)
{
    while (size_bytes != 0) {
        size_t message_bytes = 0;
        SL_TRY(read_message(decoder, from, bytes, size_bytes, &message_bytes, err));
        bytes += message_bytes;
        size_bytes -= message_bytes;
    }
    return SL_OK;
}
