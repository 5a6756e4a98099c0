/*
 * decoder.c - see decoder.h.
 */
#include "ingest/decode/decoder.h"

#include <stdarg.h>
#include <stdio.h>

#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"
#include "storage/base/log.h"

struct sl_decoder_options
sl_decoder_options_default(void)
{
    return (struct sl_decoder_options){.batch_rows = 16384,
                                       .batch_age_us = INT64_C(200) * SL_US_PER_MS,
                                       .pending_limit_bytes = (size_t)64 << 20,
                                       .pending_age_us = 30 * SL_US_PER_MINUTE};
}

/* A column of ours beside the core; NULL when the schema has no room or another type for it. */
static struct sl_builder_column *
own_column(struct sl_decoder *decoder, const char *name, enum sl_type type)
{
    const struct sl_column *column = NULL;
    if (sl_schema_add(decoder->schema, name, type, SL_UNIT_NONE, &column, NULL) != SL_OK)
        return NULL;
    return sl_builder_column(decoder->builder, column);
}

struct sl_decoder *
sl_decoder_create(const struct sl_decoder_options *options, struct sl_schema *schema,
                  struct sl_sink sink)
{
    struct sl_decoder *d = sl_new(sizeof(*d));
    d->options = *options;
    d->schema = schema;
    d->sink = sink;
    d->builder = sl_builder_create(options->batch_rows);
    for (uint32_t i = 0; i < SL_CORE_COLUMN_COUNT; i++)
        d->core[i] = sl_builder_column(d->builder, sl_schema_at(schema, i));
    d->sampling_divisor = own_column(d, "sampling_divisor", SL_TYPE_U32);
    d->sampling_known = own_column(d, "sampling_known", SL_TYPE_BOOL);
    d->extra = own_column(d, "extra", SL_TYPE_TEXT);
    sl_exporters_init(&d->exporters);
    sl_added_init(&d->added, schema);
    d->pending = sl_pending_create(options->pending_limit_bytes, options->pending_age_us);
    d->scratch = sl_buf_empty(SL_TEXT_BYTES_MAX);
    return d;
}

void
sl_decoder_destroy(struct sl_decoder *decoder)
{
    if (decoder == NULL)
        return;
    sl_pending_destroy(decoder->pending); /* it counts for its exporters: before them */
    sl_exporters_fini(&decoder->exporters);
    sl_added_fini(&decoder->added);
    sl_builder_destroy(decoder->builder);
    sl_buf_fini(&decoder->scratch);
    free(decoder);
}

sl_status
sl_decoder_datagram(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                    const uint8_t *bytes, size_t size_bytes, struct sl_error *err)
{
    decoder->counts.datagrams++;
    uint16_t version = size_bytes < 2 ? 0 : (uint16_t)sl_read_be(bytes, 2);
    switch (version) {
    case 1:
    case 5:
    case 7:
        return sl_netflow5_decode(decoder, from, bytes, size_bytes, err);
    case 9:
        return sl_netflow9_decode(decoder, from, bytes, size_bytes, err);
    case 10:
        return sl_ipfix_decode(decoder, from, bytes, size_bytes, err);
    default:
        sl_decoder_malformed(decoder, from, "%zu bytes of version %u", size_bytes,
                             (unsigned)version);
        return SL_OK;
    }
}

sl_status
sl_decoder_flush(struct sl_decoder *decoder, struct sl_error *err)
{
    struct sl_batch *batch = sl_builder_finish(decoder->builder);
    if (batch == NULL)
        return SL_OK;
    decoder->counts.batches++;
    return decoder->sink.put(decoder->sink.context, batch, err);
}

sl_status
sl_decoder_tick(struct sl_decoder *decoder, int64_t now_us, struct sl_error *err)
{
    sl_pending_expire(decoder->pending, now_us);
    if (decoder->builder->row_count == 0 ||
        now_us - decoder->batch_since_us < decoder->options.batch_age_us)
        return SL_OK;
    return sl_decoder_flush(decoder, err);
}

sl_status
sl_decoder_make_room(struct sl_decoder *decoder, int64_t received_us, uint32_t *out_room_rows,
                     struct sl_error *err)
{
    struct sl_builder *b = decoder->builder;
    if (sl_builder_is_full(b))
        SL_TRY(sl_decoder_flush(decoder, err));
    if (b->row_count == 0)
        decoder->batch_since_us = received_us;
    *out_room_rows = b->capacity - b->row_count;
    return SL_OK;
}

/* No exporter is silent for so long: templates and counters come every few minutes. */
#define SILENT_US (INT64_C(1) * SL_US_PER_HOUR)

/* The table is full: those that are not heard any more give their place to others. They are looked
 * for once a second at most, whatever comes. */
static void
drop_silent(struct sl_decoder *decoder, int64_t now_us)
{
    if (now_us >= decoder->dropped_us && now_us - decoder->dropped_us < SL_US_PER_S)
        return;
    decoder->dropped_us = now_us;
    sl_pending_expire(decoder->pending, now_us);
    sl_exporters_drop_silent(&decoder->exporters, now_us - SILENT_US);
}

struct sl_exporter *
sl_decoder_exporter(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                    uint16_t version, uint32_t domain, size_t size_bytes)
{
    struct sl_exporter_key key = {
        .addr = from->addr, .domain = domain, .port = from->port, .version = version};
    struct sl_exporter *exporter =
        sl_exporters_get(&decoder->exporters, &key, &decoder->options, from->received_us);
    if (exporter == NULL) {
        drop_silent(decoder, from->received_us);
        exporter =
            sl_exporters_get(&decoder->exporters, &key, &decoder->options, from->received_us);
    }
    if (exporter == NULL) {
        decoder->counts.refused++;
        return NULL;
    }
    exporter->counts.datagrams++;
    exporter->counts.bytes += size_bytes;
    exporter->last_us = from->received_us;
    return exporter;
}

void
sl_decoder_malformed(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                     const char *format, ...)
{
    decoder->counts.malformed++;
    if (!sl_log_due(&decoder->logged_us, SL_US_PER_MINUTE))
        return;
    char reason[120];
    char addr[SL_ADDR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    (void)sl_addr_format(from->addr, addr);
    sl_log(SL_LOG_WARN, "ingest", "%s port %u sent no flows: %s (%" PRIu64 " such so far)", addr,
           (unsigned)from->port, reason, decoder->counts.malformed);
}

struct waiting {
    struct sl_decoder *decoder;
    struct sl_exporter *exporter;
    struct sl_template *template;
};

static sl_status
decode_waiting(void *context, const struct sl_message *message, const uint8_t *bytes,
               size_t size_bytes, struct sl_error *err)
{
    const struct waiting *w = context;
    uint32_t records = 0;
    return sl_records_decode(w->decoder, w->exporter, message, w->template, bytes, size_bytes,
                             &records, err);
}

sl_status
sl_decoder_learn(struct sl_decoder *decoder, struct sl_exporter *exporter,
                 const struct sl_message *message, struct sl_template *template,
                 struct sl_error *err)
{
    struct sl_template *known = sl_exporter_template(exporter, template->id);
    if (known != NULL && sl_template_equals(known, template)) {
        /* A refresh, which is most of what comes. */
        sl_template_destroy(template);
        known->seen_us = message->received_us;
        known->is_restored = false;
        return SL_OK;
    }
    exporter->counts.template_changes += known != NULL;
    sl_template_compile(template, decoder, exporter);
    template->seen_us = message->received_us;
    struct waiting waiting = {.decoder = decoder, .exporter = exporter, .template = template};
    uint16_t id = template->id;
    if (!sl_exporter_put_template(&decoder->exporters, exporter, template)) {
        sl_exporter_malformed(exporter, "template %u is one too many", (unsigned)id);
        return SL_OK;
    }
    return sl_pending_take(decoder->pending, exporter, id, decode_waiting, &waiting, err);
}

sl_status
sl_decoder_data(struct sl_decoder *decoder, struct sl_exporter *exporter,
                const struct sl_message *message, uint16_t template_id, const uint8_t *bytes,
                size_t size_bytes, uint32_t *out_records, struct sl_error *err)
{
    struct sl_template *t = sl_exporter_template(exporter, template_id);
    if (t != NULL)
        return sl_records_decode(decoder, exporter, message, t, bytes, size_bytes, out_records,
                                 err);
    *out_records = UINT32_MAX;
    exporter->counts.unknown++;
    sl_pending_add(decoder->pending, exporter, template_id, message, bytes, size_bytes);
    return SL_OK;
}

void
sl_decoder_counts(const struct sl_decoder *decoder, struct sl_decoder_counts *out_counts)
{
    *out_counts = decoder->counts;
    out_counts->exporters = decoder->exporters.count;
    out_counts->pending_bytes = sl_pending_bytes(decoder->pending);
}

static void
fill_info(const struct sl_exporter *e, struct sl_exporter_info *info)
{
    const struct sl_sampling *sampling = sl_exporter_sampling(e, NULL);
    *info = (struct sl_exporter_info){.addr = e->key.addr,
                                      .port = e->key.port,
                                      .version = e->key.version,
                                      .domain = e->key.domain,
                                      .first_us = e->first_us,
                                      .last_us = e->last_us,
                                      .has_sampling = sampling != NULL,
                                      .sampling_rate = sampling == NULL ? 1 : sampling->rate,
                                      .sampling_divisor = sampling == NULL ? 1 : sampling->divisor,
                                      .counts = e->counts};
    if (e->rule != NULL && e->rule->kind != SL_EXPORTER_AUTO)
        info->kind = e->rule->kind;
    else if (e->is_nprobe)
        info->kind = SL_EXPORTER_NPROBE;
    else if (e->template_count != 0)
        info->kind = SL_EXPORTER_OTHER;
    if (e->rule != NULL && e->rule->sampling != SL_SAMPLING_AUTO) {
        info->has_sampling = true;
        info->sampling_rate = e->rule->sampling == SL_SAMPLING_FIXED ? e->rule->sampling_rate : 1;
        info->sampling_divisor = 1;
    }
}

static void
visit_templates(const struct sl_exporter *e, const struct sl_exporter_info *info,
                const struct sl_exporter_visitor *visitor)
{
    for (uint32_t k = sl_exporter_sent_place(e); k < e->template_count; k++) {
        const struct sl_template *t = e->templates[k];
        struct sl_buf text = sl_buf_empty((size_t)1 << 20);
        for (uint32_t i = 0; i < t->field_count; i++) {
            char name[2 * SL_COLUMN_NAME_BYTES_MAX];
            sl_field_name(t->fields[i], name, sizeof(name));
            sl_buf_printf(&text, "%s%s(%u)", i == 0 ? "" : " ", name,
                          (unsigned)t->fields[i].size_bytes);
        }
        sl_buf_u8(&text, 0);
        struct sl_template_info shown = {.id = t->id,
                                         .field_count = t->field_count,
                                         .is_options = t->is_options,
                                         .is_nprobe = t->is_nprobe,
                                         .is_restored = t->is_restored,
                                         .seen_us = t->seen_us,
                                         .records = t->records,
                                         .text = text.bad ? "" : (const char *)text.bytes};
        visitor->template(visitor->context, info, &shown);
        sl_buf_fini(&text);
    }
}

static void
visit_exporter(const struct sl_exporter *e, const struct sl_exporter_visitor *visitor)
{
    struct sl_exporter_info info;
    fill_info(e, &info);
    if (visitor->exporter != NULL)
        visitor->exporter(visitor->context, &info);
    if (visitor->template != NULL)
        visit_templates(e, &info, visitor);
    for (uint32_t i = 0; visitor->interface != NULL && i < e->interfaces.count; i++) {
        const struct sl_name *name = &e->interfaces.entries[i];
        struct sl_interface_info shown = {.index = (uint32_t)name->key,
                                          .name = name->name == NULL ? "" : name->name,
                                          .description =
                                              name->description == NULL ? "" : name->description};
        visitor->interface(visitor->context, &info, &shown);
    }
}

void
sl_decoder_visit(const struct sl_decoder *decoder, const struct sl_exporter_visitor *visitor)
{
    for (uint32_t i = 0; i < decoder->exporters.bucket_count; i++)
        for (const struct sl_exporter *e = decoder->exporters.buckets[i]; e != NULL; e = e->next)
            visit_exporter(e, visitor);
}

/* What the export of a decoder works with. */
struct export
{
    sl_exporter_put_fn *put;
    void *context;
    uint32_t left; /* puts */
    struct sl_buf key;
    struct sl_buf value;
};

static void
export_gone(struct sl_exporters *exporters, struct export *export)
{
    for (; exporters->gone_count != 0 && export->left != 0; export->left--) {
        const struct sl_exporter_key *key = &exporters->gone[--exporters->gone_count];
        sl_buf_clear(&export->key);
        sl_exporter_key_encode(key, &export->key);
        if (!export->key.bad)
            export->put(export->context, export->key.bytes, export->key.size_bytes, NULL, 0);
    }
}

static void
export_exporter(struct sl_exporter *e, struct export *export)
{
    e->is_dirty = false;
    e->is_kept = true;
    export->left--;
    sl_buf_clear(&export->key);
    sl_buf_clear(&export->value);
    sl_exporter_key_encode(&e->key, &export->key);
    sl_exporter_encode(e, &export->value);
    if (!export->key.bad && !export->value.bad)
        export->put(export->context, export->key.bytes, export->key.size_bytes, export->value.bytes,
                    export->value.size_bytes);
}

bool
sl_decoder_export(struct sl_decoder *decoder, uint32_t puts_max, sl_exporter_put_fn *put,
                  void *context)
{
    struct export export = {.put = put,
                            .context = context,
                            .left = puts_max,
                            .key = sl_buf_empty(256),
                            .value = sl_buf_empty(SL_EXPORTER_STATE_BYTES_MAX)};
    bool is_whole = true;
    export_gone(&decoder->exporters, &export);
    for (uint32_t i = 0; i < decoder->exporters.bucket_count && is_whole; i++)
        for (struct sl_exporter *e = decoder->exporters.buckets[i]; e != NULL && is_whole;
             e = e->next) {
            if (e->is_dirty && export.left != 0)
                export_exporter(e, &export);
            is_whole = !e->is_dirty;
        }
    sl_buf_fini(&export.key);
    sl_buf_fini(&export.value);
    return is_whole && decoder->exporters.gone_count == 0;
}

sl_status
sl_decoder_import(struct sl_decoder *decoder, const void *key, size_t key_bytes, const void *value,
                  size_t value_bytes, struct sl_error *err)
{
    struct sl_exporter_key decoded;
    if (!sl_exporter_key_decode(key, key_bytes, &decoded))
        return sl_fail(err, SL_FORMAT, "%zu bytes are no key of an exporter", key_bytes);
    SL_TRY(sl_exporter_state_check(value, value_bytes, err));
    struct sl_exporter *exporter =
        sl_exporters_get(&decoder->exporters, &decoded, &decoder->options, sl_clock_now_us());
    if (exporter == NULL)
        return sl_fail(err, SL_LIMIT, "there are %d exporters already", SL_EXPORTERS_MAX);
    exporter->is_kept = true;
    sl_exporter_restore(decoder, exporter, value, value_bytes);
    return SL_OK;
}
