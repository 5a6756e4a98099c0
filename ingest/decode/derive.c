/*
 * derive.c - what the fields of a record mean beyond their own column.
 *
 * Only templates with such fields (their roles, template.h) come here, row by row.
 */
#include "ingest/decode/record.h"
#include "storage/base/clock.h"

static const uint8_t *
role_bytes(const struct sl_run *run, const struct sl_record *record, enum sl_role role,
           uint32_t *out_bytes)
{
    const struct sl_template *t = run->template;
    uint16_t index = t->roles[role];
    if (index == SL_ROLE_NONE)
        return NULL;
    *out_bytes = record->sizes == NULL ? t->fields[index].size_bytes : record->sizes[index];
    return &record->bytes[record->offsets[index]];
}

static bool
role_u64(const struct sl_run *run, const struct sl_record *record, enum sl_role role,
         uint64_t *out_value)
{
    uint32_t size_bytes = 0;
    const uint8_t *at = role_bytes(run, record, role, &size_bytes);
    if (at == NULL || size_bytes == 0 || size_bytes > 8)
        return false;
    *out_value = sl_read_be(at, size_bytes);
    return true;
}

static void
set_time(const struct sl_run *run, enum sl_core_column column, uint32_t row, int64_t time_us)
{
    run->decoder->core[column]->values.i64[row] = time_us;
    sl_builder_mark_rows(run->decoder->core[column], row, 1);
}

/* Uptimes without the header's (IPFIX): against the time of start that the record or an options
 * record gives; without one, the flow ended when it was exported. */
static void
derive_uptimes(const struct sl_run *run, const struct sl_record *record, uint32_t row)
{
    uint64_t start_ms = 0;
    uint64_t end_ms = 0;
    uint64_t init_ms = 0;
    bool has_start = role_u64(run, record, SL_ROLE_START_UPTIME, &start_ms);
    bool has_end = role_u64(run, record, SL_ROLE_END_UPTIME, &end_ms);
    int64_t last_us = run->message->export_us;
    int64_t duration_us =
        has_start && has_end ? (int64_t)(int32_t)((uint32_t)end_ms - (uint32_t)start_ms) * 1000 : 0;
    int64_t init_us = run->exporter->init_time_us;
    bool has_init = run->exporter->has_init_time;
    if (role_u64(run, record, SL_ROLE_INIT_TIME, &init_ms) &&
        init_ms < (uint64_t)(INT64_MAX / SL_US_PER_MS)) {
        init_us = (int64_t)init_ms * SL_US_PER_MS;
        has_init = true;
    }
    if (has_init) {
        /* The counter of 32 bits has wrapped as often as brings it next to the export. */
        uint32_t ms = (uint32_t)(has_end ? end_ms : start_ms);
        uint32_t now_ms = (uint32_t)((uint64_t)(last_us - init_us) / SL_US_PER_MS);
        last_us += (int64_t)(int32_t)(ms - now_ms) * SL_US_PER_MS;
    }
    uint64_t *first_present = run->decoder->core[SL_COLUMN_FIRST_SEEN]->present;
    uint64_t *last_present = run->decoder->core[SL_COLUMN_LAST_SEEN]->present;
    if (has_end && !sl_bit_get(last_present, row))
        set_time(run, SL_COLUMN_LAST_SEEN, row, last_us);
    if (has_start && !sl_bit_get(first_present, row))
        set_time(run, SL_COLUMN_FIRST_SEEN, row, last_us - (has_end ? duration_us : 0));
}

static bool
event_time(const struct sl_run *run, const struct sl_record *record, int64_t *out_us)
{
    uint32_t size_bytes = 0;
    const uint8_t *at = role_bytes(run, record, SL_ROLE_EVENT_TIME, &size_bytes);
    if (at == NULL)
        return false;
    const struct sl_element *element =
        sl_field_element(run->template->fields[run->template->roles[SL_ROLE_EVENT_TIME]]);
    if (!sl_wire_fits(element->form, size_bytes))
        return false;
    *out_us = sl_wire_time_us(element->form, at, size_bytes);
    return true;
}

/* Every row has a first and a last: what is missing comes from the other, a duration, the time
 * of the event, a distance to the export, or the export itself. */
static void
derive_times(const struct sl_run *run, const struct sl_record *record, uint32_t row)
{
    struct sl_builder_column *first = run->decoder->core[SL_COLUMN_FIRST_SEEN];
    struct sl_builder_column *last = run->decoder->core[SL_COLUMN_LAST_SEEN];
    if (run->template->has_uptime && !run->message->has_uptime)
        derive_uptimes(run, record, row);
    bool has_first = sl_bit_get(first->present, row);
    bool has_last = sl_bit_get(last->present, row);
    if (has_first && has_last)
        return;

    uint64_t value = 0;
    int64_t duration_us = -1;
    int64_t event_us = 0;
    if (role_u64(run, record, SL_ROLE_DURATION_MS, &value) && value <= UINT32_MAX)
        duration_us = (int64_t)value * SL_US_PER_MS;
    if (role_u64(run, record, SL_ROLE_DURATION_US, &value) && value <= UINT32_MAX)
        duration_us = (int64_t)value;
    if (!has_first && role_u64(run, record, SL_ROLE_START_DELTA, &value) && value <= UINT32_MAX) {
        set_time(run, SL_COLUMN_FIRST_SEEN, row, run->message->export_us - (int64_t)value);
        has_first = true;
    }
    if (!has_last) {
        int64_t last_us = run->message->export_us;
        if (role_u64(run, record, SL_ROLE_END_DELTA, &value) && value <= UINT32_MAX)
            last_us -= (int64_t)value;
        else if (event_time(run, record, &event_us))
            last_us = event_us;
        else if (has_first && duration_us >= 0 && first->values.i64[row] < INT64_MAX - duration_us)
            last_us = first->values.i64[row] + duration_us;
        set_time(run, SL_COLUMN_LAST_SEEN, row, last_us);
    }
    if (!has_first) {
        int64_t last_us = last->values.i64[row];
        set_time(run, SL_COLUMN_FIRST_SEEN, row, duration_us > 0 ? last_us - duration_us : last_us);
    }
}

/* ICMP has no ports: type * 256 + code stands in dst_port, where most exporters put it. */
static void
derive_icmp(const struct sl_run *run, const struct sl_record *record, uint32_t row)
{
    uint8_t protocol = run->decoder->core[SL_COLUMN_PROTOCOL]->values.u8[row];
    struct sl_builder_column *port = run->decoder->core[SL_COLUMN_DST_PORT];
    uint64_t value = 0;
    uint64_t code = 0;
    if ((protocol != 1 && protocol != 58) || port->values.u16[row] != 0)
        return;
    if (!role_u64(run, record, SL_ROLE_ICMP_TYPE_CODE, &value)) {
        if (!role_u64(run, record, SL_ROLE_ICMP_TYPE, &value))
            return;
        (void)role_u64(run, record, SL_ROLE_ICMP_CODE, &code);
        value = (value & 0xff) << 8 | (code & 0xff);
    }
    port->values.u16[row] = (uint16_t)value;
    sl_builder_mark_rows(port, row, 1);
}

static void
set_sampling(const struct sl_run *run, const struct sl_sampling *sampling, uint32_t row)
{
    struct sl_decoder *d = run->decoder;
    d->core[SL_COLUMN_SAMPLING_RATE]->values.u32[row] = sampling->rate;
    sl_builder_mark_rows(d->core[SL_COLUMN_SAMPLING_RATE], row, 1);
    if (d->sampling_known != NULL) {
        d->sampling_known->values.u8[row] = 1;
        sl_builder_mark_rows(d->sampling_known, row, 1);
    }
    if (sampling->divisor != 1 && d->sampling_divisor != NULL) {
        d->sampling_divisor->values.u32[row] = sampling->divisor;
        sl_builder_mark_rows(d->sampling_divisor, row, 1);
    }
}

/* A record may name its sampler, or say its own rate. nProbe has scaled already: what it says
 * is history. A rule of the operator outweighs both. */
static void
derive_sampling(const struct sl_run *run, const struct sl_record *record, uint32_t row)
{
    const struct sl_exporter_rule *rule = run->exporter->rule;
    struct sl_sampling own = {.rate = 1, .divisor = 1};
    uint64_t id = 0;
    uint64_t rate = 0;
    uint64_t space = 0;
    if ((rule != NULL && rule->sampling != SL_SAMPLING_AUTO) || run->template->is_nprobe)
        return;
    if (role_u64(run, record, SL_ROLE_PACKET_INTERVAL, &rate) &&
        role_u64(run, record, SL_ROLE_PACKET_SPACE, &space) && space < UINT32_MAX &&
        rate < UINT32_MAX && sl_sampling_reduce(rate + space, rate, &own)) {
        set_sampling(run, &own, row);
        return;
    }
    if (role_u64(run, record, SL_ROLE_POPULATION, &rate) &&
        role_u64(run, record, SL_ROLE_SIZE, &space) && sl_sampling_reduce(rate, space, &own)) {
        set_sampling(run, &own, row);
        return;
    }
    if (role_u64(run, record, SL_ROLE_SAMPLING_INTERVAL, &rate) &&
        sl_sampling_reduce(rate == 0 ? 1 : rate, 1, &own)) {
        set_sampling(run, &own, row);
        return;
    }
    if (role_u64(run, record, SL_ROLE_SAMPLER, &id)) {
        const struct sl_sampling *known = sl_exporter_sampling(run->exporter, &id);
        if (known != NULL)
            set_sampling(run, known, row);
    }
}

/* The exporter's own name for the application, where the record brings only its number. */
static void
derive_application(const struct sl_run *run, const struct sl_record *record, uint32_t row)
{
    uint32_t size_bytes = 0;
    const uint8_t *at = role_bytes(run, record, SL_ROLE_APPLICATION, &size_bytes);
    struct sl_builder_column *app = run->decoder->core[SL_COLUMN_APP];
    if (at == NULL || size_bytes == 0 || sl_bit_get(app->present, row))
        return;
    const struct sl_name *name = sl_exporter_application(
        run->exporter, &run->template->fields[run->template->roles[SL_ROLE_APPLICATION]], at,
        size_bytes);
    if (name == NULL || name->name == NULL)
        return;
    uint32_t saved = run->builder->row_count;
    run->builder->row_count = row;
    sl_builder_set_slice(run->builder, app, name->name, strlen(name->name));
    run->builder->row_count = saved;
}

void
sl_record_derive(const struct sl_run *run, const struct sl_record *record, uint32_t row)
{
    derive_times(run, record, row);
    derive_icmp(run, record, row);
    derive_sampling(run, record, row);
    derive_application(run, record, row);
}
