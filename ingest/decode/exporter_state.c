/*
 * exporter_state.c - what is known of an exporter, as bytes that survive a restart.
 *
 * Key: 16 bytes address in network order, then u32 domain, u16 port, u16 version, little-endian.
 *
 * Value, little-endian; n below is the count in front:
 *
 *   SIZE   FIELD          MEANING
 *   4      magic          "SLX1"
 *   1      flags          1 nProbe, 2 sequence is valid, 4 clock is valid, 8 init time is valid,
 *                         16 sampling of the domain is valid
 *   4      next_sequence
 *   4      uptime_ms      of the last message
 *   8      export_us      of the last message
 *   8      init_time_us   element 160
 *   8      rate, divisor  u32 each, of the domain
 *   2      n samplers     u64 id, u32 rate, u32 divisor
 *   2      n templates    u16 id, u8 flags (1 options, 2 nProbe), u16 scope fields,
 *                         u16 fields, each u32 enterprise, u16 id, u16 bytes
 *   2 x    n names        of interfaces, then of applications: u64 key, then name and description,
 *                         each u8 length (with 1 added; 0: none) and bytes
 *
 * A restored template is trusted until sequence or uptime show that the exporter restarted too:
 * that is why both are kept.
 */
#include "ingest/decode/decoder_state.h"

enum {
    STATE_MAGIC = 0x31584c53,
    FLAG_NPROBE = 1,
    FLAG_SEQUENCE = 2,
    FLAG_CLOCK = 4,
    FLAG_INIT_TIME = 8,
    FLAG_SAMPLING = 16,
    TEMPLATE_OPTIONS = 1,
    TEMPLATE_NPROBE = 2,
    KEY_BYTES = 24,
};
_Static_assert(16 + 4 + 2 + 2 == KEY_BYTES, "key layout above and size disagree");

void
sl_exporter_key_encode(const struct sl_exporter_key *key, struct sl_buf *out)
{
    uint8_t addr[16];
    sl_addr_to_v6(key->addr, addr);
    sl_buf_append(out, addr, sizeof(addr));
    sl_buf_u32le(out, key->domain);
    sl_buf_u16le(out, key->port);
    sl_buf_u16le(out, key->version);
}

bool
sl_exporter_key_decode(const void *bytes, size_t size_bytes, struct sl_exporter_key *out_key)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    if (size_bytes != KEY_BYTES)
        return false;
    out_key->addr = sl_addr_from_v6(sl_cursor_take(&c, 16));
    out_key->domain = sl_cursor_u32le(&c);
    out_key->port = sl_cursor_u16le(&c);
    out_key->version = sl_cursor_u16le(&c);
    return true;
}

static void
encode_text(const char *text, struct sl_buf *out)
{
    size_t size_bytes = text == NULL ? 0 : sl_min_size(strlen(text), SL_NAME_BYTES_MAX - 1);
    sl_buf_u8(out, text == NULL ? 0 : (uint8_t)(size_bytes + 1));
    sl_buf_append(out, text == NULL ? "" : text, size_bytes);
}

static void
encode_names(const struct sl_names *names, struct sl_buf *out)
{
    sl_buf_u16le(out, (uint16_t)names->count);
    for (uint32_t i = 0; i < names->count; i++) {
        sl_buf_u64le(out, names->entries[i].key);
        encode_text(names->entries[i].name, out);
        encode_text(names->entries[i].description, out);
    }
}

static void
encode_templates(const struct sl_exporter *exporter, struct sl_buf *out)
{
    uint32_t first = sl_exporter_sent_place(exporter);
    sl_buf_u16le(out, (uint16_t)(exporter->template_count - first));
    for (uint32_t k = first; k < exporter->template_count; k++) {
        const struct sl_template *t = exporter->templates[k];
        sl_buf_u16le(out, t->id);
        sl_buf_u8(out, (uint8_t)((t->is_options ? TEMPLATE_OPTIONS : 0) |
                                 (t->is_nprobe ? TEMPLATE_NPROBE : 0)));
        sl_buf_u16le(out, t->scope_count);
        sl_buf_u16le(out, t->field_count);
        for (uint32_t i = 0; i < t->field_count; i++) {
            sl_buf_u32le(out, t->fields[i].pen);
            sl_buf_u16le(out, t->fields[i].id);
            sl_buf_u16le(out, t->fields[i].size_bytes);
        }
    }
}

void
sl_exporter_encode(const struct sl_exporter *exporter, struct sl_buf *out)
{
    sl_buf_u32le(out, STATE_MAGIC);
    sl_buf_u8(out, (uint8_t)((exporter->is_nprobe ? FLAG_NPROBE : 0) |
                             (exporter->has_sequence ? FLAG_SEQUENCE : 0) |
                             (exporter->has_clock ? FLAG_CLOCK : 0) |
                             (exporter->has_init_time ? FLAG_INIT_TIME : 0) |
                             (exporter->has_sampling ? FLAG_SAMPLING : 0)));
    sl_buf_u32le(out, exporter->next_sequence);
    sl_buf_u32le(out, exporter->uptime_ms);
    sl_buf_u64le(out, (uint64_t)exporter->export_us);
    sl_buf_u64le(out, (uint64_t)exporter->init_time_us);
    sl_buf_u32le(out, exporter->sampling.rate);
    sl_buf_u32le(out, exporter->sampling.divisor);
    sl_buf_u16le(out, (uint16_t)exporter->sampler_count);
    for (uint32_t i = 0; i < exporter->sampler_count; i++) {
        sl_buf_u64le(out, exporter->samplers[i].id);
        sl_buf_u32le(out, exporter->samplers[i].rate);
        sl_buf_u32le(out, exporter->samplers[i].divisor);
    }
    encode_templates(exporter, out);
    encode_names(&exporter->interfaces, out);
    encode_names(&exporter->applications, out);
}

/* One walk serves the check and the restoration: with `into` NULL nothing is written. */
struct into {
    struct sl_decoder *decoder;
    struct sl_exporter *exporter;
};

static void
walk_head(struct sl_cursor *c, const struct into *into)
{
    uint8_t flags = sl_cursor_u8(c);
    uint32_t next_sequence = sl_cursor_u32le(c);
    uint32_t uptime_ms = sl_cursor_u32le(c);
    int64_t export_us = (int64_t)sl_cursor_u64le(c);
    int64_t init_time_us = (int64_t)sl_cursor_u64le(c);
    uint32_t rate = sl_cursor_u32le(c);
    uint32_t divisor = sl_cursor_u32le(c);
    /* 2^55: far beyond any clock of 32 bits, and sums with it stay in an int64_t. */
    int64_t far_us = INT64_C(1) << 55;
    if (export_us < 0 || export_us > far_us || init_time_us < 0)
        c->bad = true;
    if (into == NULL || c->bad)
        return;
    struct sl_exporter *e = into->exporter;
    e->is_nprobe = (flags & FLAG_NPROBE) != 0;
    e->has_sequence = (flags & FLAG_SEQUENCE) != 0;
    e->next_sequence = next_sequence;
    e->has_clock = (flags & FLAG_CLOCK) != 0;
    e->uptime_ms = uptime_ms;
    e->export_us = export_us;
    e->has_init_time = (flags & FLAG_INIT_TIME) != 0;
    e->init_time_us = init_time_us;
    if ((flags & FLAG_SAMPLING) != 0)
        sl_exporter_set_sampling(e, NULL, rate, divisor);
}

static void
walk_samplers(struct sl_cursor *c, const struct into *into)
{
    uint16_t count = sl_cursor_u16le(c);
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        uint64_t id = sl_cursor_u64le(c);
        uint32_t rate = sl_cursor_u32le(c);
        uint32_t divisor = sl_cursor_u32le(c);
        if (into != NULL && !c->bad)
            sl_exporter_set_sampling(into->exporter, &id, rate, divisor);
    }
}

static void
restore_template(const struct into *into, struct sl_template *t, uint8_t flags)
{
    t->is_restored = true;
    t->is_nprobe = (flags & TEMPLATE_NPROBE) != 0;
    sl_template_compile(t, into->decoder, into->exporter);
    (void)sl_exporter_put_template(&into->decoder->exporters, into->exporter, t);
}

static void
walk_templates(struct sl_cursor *c, const struct into *into)
{
    struct sl_field fields[SL_TEMPLATE_FIELDS_MAX];
    uint16_t count = sl_cursor_u16le(c);
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        uint16_t id = sl_cursor_u16le(c);
        uint8_t flags = sl_cursor_u8(c);
        uint16_t scope_count = sl_cursor_u16le(c);
        uint16_t field_count = sl_cursor_u16le(c);
        if (id < SL_TEMPLATE_ID_MIN || field_count == 0 || field_count > SL_TEMPLATE_FIELDS_MAX ||
            scope_count > field_count) {
            c->bad = true;
            return;
        }
        for (uint32_t k = 0; k < field_count; k++) {
            fields[k].pen = sl_cursor_u32le(c);
            fields[k].id = sl_cursor_u16le(c);
            fields[k].size_bytes = sl_cursor_u16le(c);
        }
        if (into == NULL || c->bad)
            continue;
        struct sl_template *t = sl_template_create(id, fields, field_count, scope_count,
                                                   (flags & TEMPLATE_OPTIONS) != 0);
        if (t != NULL)
            restore_template(into, t, flags);
    }
}

static const char *
walk_text(struct sl_cursor *c, char text[SL_NAME_BYTES_MAX + 1])
{
    uint8_t length = sl_cursor_u8(c);
    if (length == 0)
        return NULL;
    const uint8_t *bytes = sl_cursor_take(c, length - 1U);
    if (bytes == NULL)
        return NULL;
    memcpy(text, bytes, length - 1U);
    text[length - 1] = '\0';
    return text;
}

static void
walk_names(struct sl_cursor *c, struct sl_names *names)
{
    char name[SL_NAME_BYTES_MAX + 1];
    char description[SL_NAME_BYTES_MAX + 1];
    uint16_t count = sl_cursor_u16le(c);
    for (uint32_t i = 0; i < count && !c->bad; i++) {
        uint64_t key = sl_cursor_u64le(c);
        const char *said_name = walk_text(c, name);
        const char *said_description = walk_text(c, description);
        if (names != NULL && !c->bad)
            (void)sl_names_set(names, key, said_name, said_description);
    }
}

static bool
walk(const void *bytes, size_t size_bytes, const struct into *into)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    if (sl_cursor_u32le(&c) != STATE_MAGIC)
        return false;
    walk_head(&c, into);
    walk_samplers(&c, into);
    walk_templates(&c, into);
    walk_names(&c, into == NULL ? NULL : &into->exporter->interfaces);
    walk_names(&c, into == NULL ? NULL : &into->exporter->applications);
    return !c.bad && sl_cursor_left(&c) == 0;
}

sl_status
sl_exporter_state_check(const void *bytes, size_t size_bytes, struct sl_error *err)
{
    if (walk(bytes, size_bytes, NULL))
        return SL_OK;
    return sl_fail(err, SL_FORMAT, "%zu bytes are no state of an exporter", size_bytes);
}

void
sl_exporter_restore(struct sl_decoder *decoder, struct sl_exporter *exporter, const void *bytes,
                    size_t size_bytes)
{
    struct into into = {.decoder = decoder, .exporter = exporter};
    bool is_whole = walk(bytes, size_bytes, &into);
    SL_ASSERT(is_whole); /* the caller has checked it */
    exporter->is_restored = true;
    exporter->is_dirty = false;
}
