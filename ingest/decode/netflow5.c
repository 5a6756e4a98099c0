/*
 * netflow5.c - NetFlow v1, v5 and v7: records of one shape, without templates.
 *
 * Each version is written down as the template that it would have sent, and then decoded like
 * v9. Layouts (Cisco, "NetFlow Export Datagram Formats"), all integers big-endian:
 *
 *   header   OFFSET SIZE FIELD           v1  v5  v7
 *                 0    2 version          x   x   x
 *                 2    2 count            x   x   x   1 .. 30 (v1: 24, v7: 28)
 *                 4    4 uptime ms        x   x   x
 *                 8    4 seconds          x   x   x
 *                12    4 nanoseconds      x   x   x
 *                16    4 sequence             x   x   flows before this datagram
 *                20    1 engine type          x       v7: reserved
 *                21    1 engine id            x
 *                22    2 sampling             x       2 bits of mode, 14 of interval
 *
 * Records of v1 have 48 bytes, or 52 with four more reserved ones: the length of the datagram tells.
 * The engine is the observation domain: each counts its own sequence.
 */
#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"

enum {
    V1_HEADER_BYTES = 16,
    V5_HEADER_BYTES = 24, /* v7 too */
    V1_RECORD_BYTES = 48,
    V1_LONG_RECORD_BYTES = 52,
    V5_RECORD_BYTES = 48,
    V7_RECORD_BYTES = 52,
    COUNT_MAX = 30,
};

#define F(id_, size_)                      \
    {                                      \
        .id = (id_), .size_bytes = (size_) \
    }

/* 210 is padding. */
static const struct sl_field v1_fields[] = {
    F(8, 4),  F(12, 4), F(15, 4), F(10, 2),  F(14, 2), F(2, 4), F(1, 4), F(22, 4),
    F(21, 4), F(7, 2),  F(11, 2), F(210, 2), F(4, 1),  F(5, 1), F(6, 1), F(210, 7),
};
static const struct sl_field v1_long_fields[] = {
    F(8, 4),  F(12, 4), F(15, 4), F(10, 2),  F(14, 2), F(2, 4), F(1, 4), F(22, 4),
    F(21, 4), F(7, 2),  F(11, 2), F(210, 2), F(4, 1),  F(5, 1), F(6, 1), F(210, 11),
};
static const struct sl_field v5_fields[] = {
    F(8, 4),  F(12, 4), F(15, 4), F(10, 2), F(14, 2),  F(2, 4),   F(1, 4),
    F(22, 4), F(21, 4), F(7, 2),  F(11, 2), F(210, 1), F(6, 1),   F(4, 1),
    F(5, 1),  F(16, 2), F(17, 2), F(9, 1),  F(13, 1),  F(210, 2),
};
static const struct sl_field v7_fields[] = {
    F(8, 4),  F(12, 4), F(15, 4), F(10, 2), F(14, 2),  F(2, 4),   F(1, 4),
    F(22, 4), F(21, 4), F(7, 2),  F(11, 2), F(210, 1), F(6, 1),   F(4, 1),
    F(5, 1),  F(16, 2), F(17, 2), F(9, 1),  F(13, 1),  F(210, 2), F(43, 4),
};

static const struct shape {
    uint16_t version;
    uint16_t template_id; /* below those that an exporter can send */
    uint16_t header_bytes;
    uint16_t record_bytes;
    uint16_t field_count;
    const struct sl_field *fields;
} shapes[] = {
    {1, 1, V1_HEADER_BYTES, V1_RECORD_BYTES, SL_COUNTOF(v1_fields), v1_fields},
    {1, 2, V1_HEADER_BYTES, V1_LONG_RECORD_BYTES, SL_COUNTOF(v1_long_fields), v1_long_fields},
    {5, 5, V5_HEADER_BYTES, V5_RECORD_BYTES, SL_COUNTOF(v5_fields), v5_fields},
    {7, 7, V5_HEADER_BYTES, V7_RECORD_BYTES, SL_COUNTOF(v7_fields), v7_fields},
};

/* The shape of which `count` records fill the datagram, else the shortest of the version. */
static const struct shape *
find_shape(uint16_t version, uint16_t count, size_t size_bytes)
{
    const struct shape *found = NULL;
    for (size_t i = 0; i < SL_COUNTOF(shapes); i++) {
        const struct shape *s = &shapes[i];
        bool fills = s->header_bytes + (size_t)count * s->record_bytes == size_bytes;
        if (s->version == version && (found == NULL || fills))
            found = s;
    }
    return found;
}

/* The template of a version is kept with the exporter, under an id that no exporter can send. */
static struct sl_template *
shape_template(struct sl_decoder *decoder, struct sl_exporter *exporter, const struct shape *shape)
{
    struct sl_template *t = sl_exporter_template(exporter, shape->template_id);
    if (t != NULL)
        return t;
    t = sl_template_create(shape->template_id, shape->fields, shape->field_count, 0, false);
    SL_ASSERT(t->record_bytes == shape->record_bytes);
    sl_template_compile(t, decoder, exporter);
    return sl_exporter_put_template(&decoder->exporters, exporter, t) ? t : NULL;
}

sl_status
sl_netflow5_decode(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                   const uint8_t *bytes, size_t size_bytes, struct sl_error *err)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    uint16_t version = sl_cursor_u16be(&c);
    uint16_t count = sl_cursor_u16be(&c);
    const struct shape *shape = find_shape(version, count, size_bytes);
    SL_ASSERT(shape != NULL);
    uint32_t uptime_ms = sl_cursor_u32be(&c);
    uint32_t seconds = sl_cursor_u32be(&c);
    uint32_t nanoseconds = sl_cursor_u32be(&c);
    uint32_t sequence = version == 1 ? 0 : sl_cursor_u32be(&c);
    uint16_t engine = version == 5 ? sl_cursor_u16be(&c) : 0;
    uint16_t sampling = version == 5 ? sl_cursor_u16be(&c) : 0;
    if (version == 7)
        (void)sl_cursor_u32be(&c);
    if (c.bad) {
        sl_decoder_malformed(decoder, from, "version %u: %zu bytes hold no header",
                             (unsigned)version, size_bytes);
        return SL_OK;
    }
    struct sl_exporter *exporter = sl_decoder_exporter(decoder, from, version, engine, size_bytes);
    if (exporter == NULL)
        return SL_OK;
    size_t records_bytes = (size_t)count * shape->record_bytes;
    if (count == 0 || count > COUNT_MAX || sl_cursor_left(&c) < records_bytes) {
        sl_exporter_malformed(exporter, "version %u: %u records do not fit %zu bytes",
                              (unsigned)version, (unsigned)count, size_bytes);
        return SL_OK;
    }
    int64_t export_us =
        (int64_t)seconds * SL_US_PER_S + (nanoseconds < 1000000000 ? nanoseconds / 1000 : 0);
    struct sl_message message = {.origin = from->origin,
                                 .received_us = from->received_us,
                                 .export_us = export_us,
                                 .uptime_ms = uptime_ms,
                                 .has_uptime = true};
    if (version != 1)
        (void)sl_exporter_sequence(exporter, sequence, count);
    if (version == 5 && (sampling & 0x3fff) > 1)
        sl_exporter_set_sampling(exporter, NULL, sampling & 0x3fff, 1);
    else if (version == 5 && exporter->has_sampling)
        sl_exporter_set_sampling(exporter, NULL, 1, 1);
    struct sl_template *t = shape_template(decoder, exporter, shape);
    uint32_t records = 0;
    if (t == NULL)
        return SL_OK;
    return sl_records_decode(decoder, exporter, &message, t, c.next, records_bytes, &records, err);
}
