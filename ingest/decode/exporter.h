/*
 * exporter.h - one exporter: its templates, its sampling, its names, its sequence.
 *
 * An exporter is a source address and port with a protocol version and an observation domain
 * (v9: source id; v5: engine): each of these is a separate process as far as numbering goes.
 *
 * Ownership: the table owns its exporters until it is destroyed.
 * Threads:   one. Layer: ingest/decode.
 */
#ifndef SLUICE_INGEST_DECODE_EXPORTER_H
#define SLUICE_INGEST_DECODE_EXPORTER_H

#include "ingest/decode/decoder.h"
#include "ingest/decode/template.h"
#include "storage/base/arena.h"

enum {
    SL_EXPORTERS_MAX = 16384,               /* addresses are free to whoever forges them */
    SL_SAMPLERS_MAX = 256,                  /* samplers of one exporter */
    SL_NAMES_MAX = 16384,                   /* interfaces, or applications, of one exporter */
    SL_NAME_BYTES_MAX = 255,                /* of one interface or application; longer is cut */
    SL_NAMES_BYTES_MAX = 128 << 20,         /* of all exporters; beyond it numbers have no name */
    SL_TEMPLATES_MAX = 1 << 17,             /* of all exporters */
    SL_EXPORTER_STATE_BYTES_MAX = 16 << 20, /* of one exporter, as bytes: the catalog's limit */
};

/* What a message says about itself, for the records in it. */
struct sl_message {
    const char *origin; /* borrowed for the call; pending data has its own copy */
    int64_t received_us;
    int64_t export_us;
    uint32_t uptime_ms; /* v9; has_uptime false: IPFIX has none */
    bool has_uptime;
};

/* "One packet in `rate / divisor`". */
struct sl_sampling {
    uint64_t id; /* sampler or selector */
    uint32_t rate;
    uint32_t divisor;
};

struct sl_name {
    uint64_t key;      /* interface index; hash of an application id */
    char *name;        /* owned, or NULL */
    char *description; /* owned, or NULL */
};

struct sl_names {
    struct sl_budget *memory; /* of the names of all exporters; borrowed */
    struct sl_name *entries;  /* owned, by key */
    uint32_t count;
    uint32_t capacity;
};

struct sl_exporter_key {
    struct sl_addr addr;
    uint32_t domain;
    uint16_t port;
    uint16_t version;
};

struct sl_exporter {
    struct sl_exporter_key key;
    struct sl_exporter *next;            /* of the same bucket */
    const struct sl_exporter_rule *rule; /* borrowed; NULL: none fits */
    struct sl_exporter_counts counts;
    _Atomic int64_t logged_us; /* of sl_log_due */
    int64_t first_us;
    int64_t last_us;
    uint32_t pending_count; /* data sets that wait for a template of it, and point to it */
    bool is_nprobe;         /* some template gave it away */
    bool is_dirty;          /* templates, sampling or names changed since the last export */
    bool is_kept;           /* its state was exported, or came from an earlier run */
    bool is_restored; /* no message since an earlier run: what was lost meanwhile is not counted */
    bool has_sequence;
    uint32_t next_sequence;
    bool has_clock; /* uptime_ms and export_us are of an earlier message */
    uint32_t uptime_ms;
    int64_t export_us;
    bool has_init_time;
    int64_t init_time_us;           /* element 160, from options */
    struct sl_template **templates; /* owned, by id */
    uint32_t template_count;
    uint32_t template_capacity;
    bool has_sampling; /* sampling[0] of the whole domain: id is not used */
    struct sl_sampling sampling;
    struct sl_sampling *samplers; /* owned, by id */
    uint32_t sampler_count;
    struct sl_names interfaces;
    struct sl_names applications;
};

struct sl_exporters {
    struct sl_exporter **buckets; /* owned */
    uint32_t bucket_count;        /* a power of two */
    uint32_t count;
    uint32_t template_count;      /* of all */
    struct sl_budget name_memory; /* of all */
    struct sl_exporter_key *gone; /* owned: dropped, but their state is kept somewhere still */
    uint32_t gone_count;
};

void sl_exporters_init(struct sl_exporters *exporters);
void sl_exporters_fini(struct sl_exporters *exporters);

/* The exporter of this key, made when missing; NULL beyond the limit. */
struct sl_exporter *sl_exporters_get(struct sl_exporters *exporters,
                                     const struct sl_exporter_key *key,
                                     const struct sl_decoder_options *options, int64_t now_us);

/* Drop exporters that nobody has heard of since `since_us` and for which no data waits. */
void sl_exporters_drop_silent(struct sl_exporters *exporters, int64_t since_us);

struct sl_template *sl_exporter_template(const struct sl_exporter *exporter, uint16_t id);

/* The first of `templates` that the exporter has sent itself: those before it are ours (netflow5.c). */
uint32_t sl_exporter_sent_place(const struct sl_exporter *exporter);

/* Takes over the template; the old one of its id is gone. False, and destroyed, beyond a limit. */
bool sl_exporter_put_template(struct sl_exporters *exporters, struct sl_exporter *exporter,
                              struct sl_template *template);
void sl_exporter_drop_template(struct sl_exporters *exporters, struct sl_exporter *exporter,
                               uint16_t id);
/* All of one sort (RFC 7011, 8.1: a withdrawal of all). */
void sl_exporter_drop_templates(struct sl_exporters *exporters, struct sl_exporter *exporter,
                                bool is_options);
/* Templates of an earlier run that were not seen again: the exporter restarted too. */
void sl_exporter_drop_restored(struct sl_exporters *exporters, struct sl_exporter *exporter);

/*
 * Sequence numbers: `sequence` is what the message carries, `step` by how much the next one
 * will be larger (UINT32_MAX: unknown). Counts gaps and what comes late; true when the numbers
 * show that the exporter began anew.
 */
bool sl_exporter_sequence(struct sl_exporter *exporter, uint32_t sequence, uint32_t step);

/* System uptime: true when it shows a restart (it wraps after 49.7 days, which is none). */
bool sl_exporter_uptime(struct sl_exporter *exporter, uint32_t uptime_ms, int64_t export_us);

/* A sampling rate; id NULL: of the whole domain. Nonsense (rate or divisor 0) is ignored. */
void sl_exporter_set_sampling(struct sl_exporter *exporter, const uint64_t *id, uint64_t rate,
                              uint64_t divisor);
/* By sampler; else of the domain, else the only sampler there is. NULL: nobody said. */
const struct sl_sampling *sl_exporter_sampling(const struct sl_exporter *exporter,
                                               const uint64_t *id);

/* rate / divisor in lowest terms and 32 bits; false when it is not a rate. */
bool sl_sampling_reduce(uint64_t rate, uint64_t divisor, struct sl_sampling *out_sampling);

/* NULL leaves name or description as it is, and so does a want of memory. True when something changed. */
bool sl_names_set(struct sl_names *names, uint64_t key, const char *name, const char *description);
const struct sl_name *sl_names_find(const struct sl_names *names, uint64_t key);

/*
 * Applications are numbered by octets (element 95: engine and selector), and by nProbe with a
 * bare integer: a name is found by either. NULL: this exporter has not named it.
 */
void sl_exporter_name_application(struct sl_exporter *exporter, const uint8_t *id, size_t id_bytes,
                                  const char *name, const char *description);
const struct sl_name *sl_exporter_application(const struct sl_exporter *exporter,
                                              const struct sl_field *field, const uint8_t *id,
                                              size_t id_bytes);

/* Count a broken rule, and log it at most once a minute. */
SL_PRINTF(2, 3) void sl_exporter_malformed(struct sl_exporter *exporter, const char *format, ...);

/* State as bytes: exporter_state.c. */
void sl_exporter_key_encode(const struct sl_exporter_key *key, struct sl_buf *out);
SL_MUST_CHECK
bool sl_exporter_key_decode(const void *bytes, size_t size_bytes, struct sl_exporter_key *out_key);
void sl_exporter_encode(const struct sl_exporter *exporter, struct sl_buf *out);

/* Does the value parse from end to end? */
SL_MUST_CHECK
sl_status sl_exporter_state_check(const void *bytes, size_t size_bytes, struct sl_error *err);

/* Put what a checked value says into the exporter, and compile its templates. */
void sl_exporter_restore(struct sl_decoder *decoder, struct sl_exporter *exporter,
                         const void *bytes, size_t size_bytes);

#endif
