/*
 * exporter.c - see exporter.h. State as bytes is in exporter_state.c.
 */
#include "ingest/decode/exporter.h"

#include <stdarg.h>
#include <stdio.h>

#include "storage/base/clock.h"
#include "storage/base/hash.h"
#include "storage/base/log.h"

enum { EXPORTER_BUCKETS = 4096, TEXT_BYTES = 16 /* what malloc adds to a text */ };

void
sl_exporters_init(struct sl_exporters *exporters)
{
    *exporters = (struct sl_exporters){.bucket_count = EXPORTER_BUCKETS,
                                       .name_memory.limit_bytes = SL_NAMES_BYTES_MAX};
    exporters->buckets = sl_new(EXPORTER_BUCKETS * sizeof(struct sl_exporter *));
}

static size_t
text_bytes(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1 + TEXT_BYTES;
}

static void
drop_text(const struct sl_names *names, char *text)
{
    sl_budget_give(names->memory, text_bytes(text));
    free(text);
}

static void
fini_names(struct sl_names *names)
{
    for (uint32_t i = 0; i < names->count; i++) {
        drop_text(names, names->entries[i].name);
        drop_text(names, names->entries[i].description);
    }
    sl_budget_give(names->memory, names->count * sizeof(*names->entries));
    free(names->entries);
}

static void
destroy_exporter(struct sl_exporter *exporter)
{
    for (uint32_t i = 0; i < exporter->template_count; i++)
        sl_template_destroy(exporter->templates[i]);
    free(exporter->templates);
    free(exporter->samplers);
    fini_names(&exporter->interfaces);
    fini_names(&exporter->applications);
    free(exporter);
}

void
sl_exporters_fini(struct sl_exporters *exporters)
{
    for (uint32_t i = 0; i < exporters->bucket_count; i++)
        for (struct sl_exporter *e = exporters->buckets[i]; e != NULL;) {
            struct sl_exporter *next = e->next;
            destroy_exporter(e);
            e = next;
        }
    free(exporters->buckets);
    free(exporters->gone);
}

static bool
keys_equal(const struct sl_exporter_key *a, const struct sl_exporter_key *b)
{
    return sl_addr_equal(a->addr, b->addr) && a->domain == b->domain && a->port == b->port &&
           a->version == b->version;
}

static const struct sl_exporter_rule *
find_rule(const struct sl_decoder_options *options, struct sl_addr addr)
{
    for (size_t i = 0; i < options->rule_count; i++)
        if (sl_addr_compare(options->rules[i].first, addr) <= 0 &&
            sl_addr_compare(addr, options->rules[i].last) <= 0)
            return &options->rules[i];
    return NULL;
}

struct sl_exporter *
sl_exporters_get(struct sl_exporters *exporters, const struct sl_exporter_key *key,
                 const struct sl_decoder_options *options, int64_t now_us)
{
    uint64_t hash =
        sl_hash_u64(key->addr.low ^ sl_hash_u64(key->addr.high) ^
                    ((uint64_t)key->domain << 32 | (uint64_t)key->port << 8 | key->version));
    struct sl_exporter **bucket = &exporters->buckets[hash & (exporters->bucket_count - 1)];
    for (struct sl_exporter *e = *bucket; e != NULL; e = e->next)
        if (keys_equal(&e->key, key))
            return e;
    if (exporters->count == SL_EXPORTERS_MAX)
        return NULL;
    struct sl_exporter *added = sl_new(sizeof(*added));
    added->key = *key;
    added->rule = find_rule(options, key->addr);
    added->first_us = now_us;
    added->interfaces.memory = &exporters->name_memory;
    added->applications.memory = &exporters->name_memory;
    added->next = *bucket;
    *bucket = added;
    exporters->count++;
    return added;
}

static void
drop_exporter(struct sl_exporters *exporters, struct sl_exporter **at)
{
    struct sl_exporter *exporter = *at;
    *at = exporter->next;
    exporters->count--;
    exporters->template_count -= exporter->template_count;
    if (exporter->is_kept) {
        exporters->gone =
            sl_grow(exporters->gone, sizeof(*exporters->gone), exporters->gone_count + 1U);
        exporters->gone[exporters->gone_count++] = exporter->key;
    }
    destroy_exporter(exporter);
}

void
sl_exporters_drop_silent(struct sl_exporters *exporters, int64_t since_us)
{
    for (uint32_t i = 0; i < exporters->bucket_count; i++)
        for (struct sl_exporter **at = &exporters->buckets[i]; *at != NULL;) {
            const struct sl_exporter *e = *at;
            if (e->first_us < since_us && e->last_us < since_us && e->pending_count == 0)
                drop_exporter(exporters, at);
            else
                at = &(*at)->next;
        }
}

/* The place of the template, or where it belongs. */
static uint32_t
template_place(const struct sl_exporter *exporter, uint16_t id)
{
    uint32_t low = 0;
    uint32_t high = exporter->template_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (exporter->templates[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t
sl_exporter_sent_place(const struct sl_exporter *exporter)
{
    return template_place(exporter, SL_TEMPLATE_ID_MIN);
}

struct sl_template *
sl_exporter_template(const struct sl_exporter *exporter, uint16_t id)
{
    uint32_t place = template_place(exporter, id);
    if (place == exporter->template_count || exporter->templates[place]->id != id)
        return NULL;
    return exporter->templates[place];
}

/* So many templates are left, or are there now. */
static void
change_count(struct sl_exporters *exporters, struct sl_exporter *exporter, uint32_t count)
{
    exporter->is_dirty = exporter->is_dirty || count != exporter->template_count;
    exporters->template_count += count - exporter->template_count;
    exporter->template_count = count;
    exporter->counts.templates = count;
}

void
sl_exporter_drop_template(struct sl_exporters *exporters, struct sl_exporter *exporter, uint16_t id)
{
    uint32_t place = template_place(exporter, id);
    if (place == exporter->template_count || exporter->templates[place]->id != id)
        return;
    struct sl_template **at = &exporter->templates[place];
    sl_template_destroy(*at);
    memmove(at, at + 1, (exporter->template_count - place - 1) * sizeof(struct sl_template *));
    change_count(exporters, exporter, exporter->template_count - 1);
}

bool
sl_exporter_put_template(struct sl_exporters *exporters, struct sl_exporter *exporter,
                         struct sl_template *template)
{
    sl_exporter_drop_template(exporters, exporter, template->id);
    uint32_t count = exporter->template_count;
    if (count == SL_TEMPLATES_PER_EXPORTER_MAX || exporters->template_count == SL_TEMPLATES_MAX) {
        sl_template_destroy(template);
        return false;
    }
    if (count == exporter->template_capacity) {
        exporter->template_capacity = count * 2 + 4;
        exporter->templates =
            sl_grow(exporter->templates, sizeof(struct sl_template *), exporter->template_capacity);
    }
    uint32_t place = template_place(exporter, template->id);
    struct sl_template **at = &exporter->templates[place];
    memmove(at + 1, at, (count - place) * sizeof(struct sl_template *));
    *at = template;
    change_count(exporters, exporter, count + 1);
    return true;
}

static void
drop_where(struct sl_exporters *exporters, struct sl_exporter *exporter,
           bool (*matches)(const struct sl_template *template))
{
    uint32_t kept = sl_exporter_sent_place(exporter);
    for (uint32_t i = kept; i < exporter->template_count; i++) {
        struct sl_template *t = exporter->templates[i];
        if (matches(t))
            sl_template_destroy(t);
        else
            exporter->templates[kept++] = t;
    }
    change_count(exporters, exporter, kept);
}

static bool
is_options(const struct sl_template *t)
{
    return t->is_options;
}

static bool
is_flows(const struct sl_template *t)
{
    return !t->is_options;
}

static bool
is_restored(const struct sl_template *t)
{
    return t->is_restored;
}

void
sl_exporter_drop_templates(struct sl_exporters *exporters, struct sl_exporter *exporter,
                           bool options)
{
    drop_where(exporters, exporter, options ? is_options : is_flows);
}

void
sl_exporter_drop_restored(struct sl_exporters *exporters, struct sl_exporter *exporter)
{
    drop_where(exporters, exporter, is_restored);
}

/* How far behind the expected number a message may be and still be a late one. */
enum { SEQUENCE_LATE_MAX = 1000, UPTIME_JITTER_MS = 60000 };

bool
sl_exporter_sequence(struct sl_exporter *exporter, uint32_t sequence, uint32_t step)
{
    bool is_known = exporter->has_sequence;
    int32_t ahead = (int32_t)(sequence - exporter->next_sequence);
    bool is_restart = is_known && (ahead < -SEQUENCE_LATE_MAX || (sequence == 0 && ahead != 0));

    if (is_known && !is_restart && ahead < 0) {
        exporter->counts.reordered++;
        return false; /* the numbers go on from the latest, not from the late one */
    }
    if (is_restart) {
        exporter->counts.restarts++;
    } else if (is_known && ahead > 0 && !exporter->is_restored) {
        exporter->counts.gaps++;
        exporter->counts.lost += (uint32_t)ahead;
    }
    exporter->is_restored = false;
    exporter->has_sequence = step != UINT32_MAX;
    exporter->next_sequence = sequence + step;
    return is_restart;
}

bool
sl_exporter_uptime(struct sl_exporter *exporter, uint32_t uptime_ms, int64_t export_us)
{
    bool is_restart = false;
    if (exporter->has_clock) {
        int64_t elapsed_ms = (export_us - exporter->export_us) / SL_US_PER_MS;
        uint32_t expected_ms = exporter->uptime_ms + (uint32_t)elapsed_ms;
        /* Behind where it should be, modulo the wrap: the clock was set back to zero. */
        is_restart = (int32_t)(uptime_ms - expected_ms) < -UPTIME_JITTER_MS &&
                     uptime_ms < exporter->uptime_ms;
    }
    exporter->has_clock = true;
    exporter->uptime_ms = uptime_ms;
    exporter->export_us = export_us;
    return is_restart;
}

bool
sl_sampling_reduce(uint64_t rate, uint64_t divisor, struct sl_sampling *out_sampling)
{
    if (rate == 0 || divisor == 0)
        return false;
    uint64_t a = rate;
    uint64_t b = divisor;
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    rate /= a;
    divisor /= a;
    if (rate > UINT32_MAX || divisor > UINT32_MAX)
        return false;
    out_sampling->rate = (uint32_t)rate;
    out_sampling->divisor = (uint32_t)divisor;
    return true;
}

static uint32_t
sampler_place(const struct sl_exporter *exporter, uint64_t id)
{
    uint32_t place = 0;
    while (place < exporter->sampler_count && exporter->samplers[place].id < id)
        place++;
    return place;
}

void
sl_exporter_set_sampling(struct sl_exporter *exporter, const uint64_t *id, uint64_t rate,
                         uint64_t divisor)
{
    struct sl_sampling said = {.id = id == NULL ? 0 : *id};
    if (!sl_sampling_reduce(rate, divisor, &said))
        return;
    struct sl_sampling *known = &exporter->sampling;
    if (id == NULL) {
        exporter->is_dirty = exporter->is_dirty || !exporter->has_sampling;
        exporter->has_sampling = true;
    } else {
        uint32_t place = sampler_place(exporter, *id);
        bool is_new = place == exporter->sampler_count || exporter->samplers[place].id != *id;
        if (is_new && exporter->sampler_count == SL_SAMPLERS_MAX)
            return;
        if (is_new) {
            exporter->samplers = sl_grow(exporter->samplers, sizeof(*exporter->samplers),
                                         exporter->sampler_count + 1U);
            memmove(&exporter->samplers[place + 1], &exporter->samplers[place],
                    (exporter->sampler_count - place) * sizeof(*exporter->samplers));
            exporter->samplers[place] = (struct sl_sampling){.id = *id};
            exporter->sampler_count++;
        }
        known = &exporter->samplers[place];
    }
    if (known->rate != said.rate || known->divisor != said.divisor)
        exporter->is_dirty = true;
    *known = said;
}

const struct sl_sampling *
sl_exporter_sampling(const struct sl_exporter *exporter, const uint64_t *id)
{
    if (id != NULL) {
        uint32_t place = sampler_place(exporter, *id);
        if (place < exporter->sampler_count && exporter->samplers[place].id == *id)
            return &exporter->samplers[place];
    }
    if (exporter->has_sampling)
        return &exporter->sampling;
    return exporter->sampler_count == 1 ? &exporter->samplers[0] : NULL;
}

static uint32_t
name_place(const struct sl_names *names, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = names->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (names->entries[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct sl_name *
sl_names_find(const struct sl_names *names, uint64_t key)
{
    uint32_t place = name_place(names, key);
    bool is_there = place < names->count && names->entries[place].key == key;
    return is_there ? &names->entries[place] : NULL;
}

static bool
replace_text(const struct sl_names *names, char **text, const char *said)
{
    if (said == NULL || (*text != NULL && strcmp(*text, said) == 0) ||
        !sl_budget_take(names->memory, text_bytes(said)))
        return false;
    drop_text(names, *text);
    *text = sl_new_string(said);
    return true;
}

bool
sl_names_set(struct sl_names *names, uint64_t key, const char *name, const char *description)
{
    uint32_t place = name_place(names, key);
    bool is_new = place == names->count || names->entries[place].key != key;
    if (is_new &&
        (names->count == SL_NAMES_MAX || !sl_budget_take(names->memory, sizeof(*names->entries))))
        return false;
    if (is_new) {
        if (names->count == names->capacity) {
            names->capacity = names->capacity * 2 + 16;
            names->entries = sl_grow(names->entries, sizeof(*names->entries), names->capacity);
        }
        memmove(&names->entries[place + 1], &names->entries[place],
                (names->count - place) * sizeof(*names->entries));
        names->entries[place] = (struct sl_name){.key = key};
        names->count++;
    }
    bool changed_name = replace_text(names, &names->entries[place].name, name);
    bool changed_text = replace_text(names, &names->entries[place].description, description);
    return is_new || changed_name || changed_text;
}

/* Keys of two sorts share the table: a hash of the octets, and the bare number with bit 63. */
static uint64_t
octets_key(const uint8_t *id, size_t id_bytes)
{
    return sl_hash64(id, id_bytes) >> 1;
}

static uint64_t
number_key(uint64_t number)
{
    return number | UINT64_C(1) << 63;
}

void
sl_exporter_name_application(struct sl_exporter *exporter, const uint8_t *id, size_t id_bytes,
                             const char *name, const char *description)
{
    bool changed =
        sl_names_set(&exporter->applications, octets_key(id, id_bytes), name, description);
    /* RFC 6759: one octet of engine, then the selector, an integer of any size. */
    if (id_bytes >= 2 && id_bytes <= 9)
        changed |= sl_names_set(&exporter->applications,
                                number_key(sl_read_be(&id[1], id_bytes - 1)), name, description);
    exporter->is_dirty = exporter->is_dirty || changed;
}

const struct sl_name *
sl_exporter_application(const struct sl_exporter *exporter, const struct sl_field *field,
                        const uint8_t *id, size_t id_bytes)
{
    if (field->pen == 0)
        return sl_names_find(&exporter->applications, octets_key(id, id_bytes));
    if (id_bytes > 8)
        return NULL;
    return sl_names_find(&exporter->applications, number_key(sl_read_be(id, id_bytes)));
}

void
sl_exporter_malformed(struct sl_exporter *exporter, const char *format, ...)
{
    static struct sl_log_kind kind;
    exporter->counts.malformed++;
    if (!sl_log_due(&exporter->logged_us, SL_US_PER_MINUTE))
        return;
    char reason[160];
    char addr[SL_ADDR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    (void)sl_addr_format(exporter->key.addr, addr);
    sl_log_limited(&kind, SL_LOG_WARN, "ingest",
                   "exporter %s port %u version %u domain %" PRIu32 ": %s (%" PRIu64
                   " malformed so far)",
                   addr, (unsigned)exporter->key.port, (unsigned)exporter->key.version,
                   exporter->key.domain, reason, exporter->counts.malformed);
}
