/*
 * decoder.h - export datagrams in, batches of flows out.
 *
 * A decoder understands NetFlow v1, v5, v7 and v9 and IPFIX. Rows of all exporters go into one
 * builder; a full batch, or one that is old enough, goes to the sink. Templates, sampling and
 * names are kept for each exporter: source address and port, protocol version, domain.
 *
 *   datagram --> netflow5.c                    --+
 *            --> netflow9.c, ipfix.c             |   rows          batches
 *                  | templates  | data           +--------> builder ------> sink
 *                  v            v                |
 *              template.c --> record.c         --+
 *                  |            ^
 *                  +- pending.c +  data that came before its template
 *
 * What the decoder promises: no datagram makes it fail, read beyond its bytes, or store a row
 * that was not sent; what cannot be decoded is counted for its exporter. It fails only when the
 * sink does.
 *
 * Ownership: the caller owns the decoder; schema and sink are borrowed until destroy.
 * Threads:   one at a time.
 * Limits:    see decoder_state.h.
 * Layer:     ingest/decode. Facade: the client imports captures through it.
 */
#ifndef SLUICE_INGEST_DECODE_DECODER_H
#define SLUICE_INGEST_DECODE_DECODER_H

#include "ingest/sink.h"
#include "storage/schema.h"

/* What elements 23 and 24 mean: nProbe sends the way back in them, everybody else what is left
 * after the middlebox. AUTO decides for each template: nProbe's own elements, in it or in an
 * earlier one of the same exporter, give it away. */
enum sl_exporter_kind { SL_EXPORTER_AUTO, SL_EXPORTER_NPROBE, SL_EXPORTER_OTHER };

/* AUTO believes what the exporter says about its sampling; NONE and FIXED say it instead. */
enum sl_sampling_mode { SL_SAMPLING_AUTO, SL_SAMPLING_NONE, SL_SAMPLING_FIXED };

/* Settings for exporters with addresses from first to last; the first rule that fits holds. */
struct sl_exporter_rule {
    struct sl_addr first;
    struct sl_addr last;
    enum sl_exporter_kind kind;
    enum sl_sampling_mode sampling;
    uint32_t sampling_rate; /* FIXED */
};

struct sl_decoder_options {
    uint32_t batch_rows;        /* at most SL_BATCH_ROWS_MAX */
    int64_t batch_age_us;       /* sl_decoder_tick hands over what is older */
    size_t pending_limit_bytes; /* data that waits for its template */
    int64_t pending_age_us;
    const struct sl_exporter_rule *rules; /* borrowed */
    size_t rule_count;
};

/* 16 Ki rows, 200 ms, 64 MiB, 30 minutes, no rules. */
struct sl_decoder_options sl_decoder_options_default(void);

/* Where and when a datagram came from. */
struct sl_datagram_from {
    struct sl_addr addr;
    uint16_t port;
    int64_t received_us;
    const char *origin; /* the column `origin`; borrowed for the call; NULL: none */
};

struct sl_decoder;

struct sl_decoder *sl_decoder_create(const struct sl_decoder_options *options,
                                     struct sl_schema *schema, struct sl_sink sink);
/* Rows that were not flushed are dropped. NULL is allowed. */
void sl_decoder_destroy(struct sl_decoder *decoder);

/* Decode one datagram (or one IPFIX message of a stream). Errors are the sink's. */
SL_MUST_CHECK
sl_status sl_decoder_datagram(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                              const uint8_t *bytes, size_t size_bytes, struct sl_error *err);

/* Hand all rows to the sink. */
SL_MUST_CHECK
sl_status sl_decoder_flush(struct sl_decoder *decoder, struct sl_error *err);

/* Call a few times a second: hands over an old batch, drops pending data that is too old. */
SL_MUST_CHECK
sl_status sl_decoder_tick(struct sl_decoder *decoder, int64_t now_us, struct sl_error *err);

/* Counters of one exporter. All only rise, but `templates` and `pending_bytes`. */
struct sl_exporter_counts {
    uint64_t datagrams, bytes;
    uint64_t records;        /* flows */
    uint64_t option_records; /* about the exporter itself */
    uint64_t gaps;           /* holes in the sequence */
    uint64_t lost;           /* what they held: flows (v5, v7), datagrams (v9), records (IPFIX) */
    uint64_t reordered;      /* came after a later one */
    uint64_t restarts;       /* sequence or uptime began anew */
    uint64_t malformed;      /* datagrams and sets that broke a rule */
    uint64_t unknown;        /* sets whose template was not known when they came */
    uint64_t pending_lost;   /* of these, dropped before it came */
    uint64_t templates;      /* known now */
    uint64_t template_changes;
    uint64_t times_outside; /* rows with a clock outside -24 hours, +5 minutes; kept as sent */
    uint64_t clipped;       /* numbers too large for their column, kept as its largest */
    uint64_t extra;         /* fields that went into the column `extra` */
};

/* Counters of no exporter. */
struct sl_decoder_counts {
    uint64_t datagrams;
    uint64_t malformed; /* not of a version that we know, or too short to say whose */
    uint64_t refused;   /* of exporters beyond the limit */
    uint64_t rows;
    uint64_t batches;
    uint64_t exporters;
    uint64_t pending_bytes;
};
void sl_decoder_counts(const struct sl_decoder *decoder, struct sl_decoder_counts *out_counts);

/* One exporter, as the system tables show it. */
struct sl_exporter_info {
    struct sl_addr addr;
    uint16_t port;
    uint16_t version; /* 1, 5, 7, 9, 10 */
    uint32_t domain;
    enum sl_exporter_kind kind; /* AUTO: nothing has decided it yet */
    int64_t first_us, last_us;  /* of receipt */
    bool has_sampling;
    uint32_t sampling_rate, sampling_divisor;
    struct sl_exporter_counts counts;
};
struct sl_template_info {
    uint16_t id;
    uint16_t field_count;
    bool is_options;
    bool is_nprobe;   /* 23 and 24 are the way back */
    bool is_restored; /* from an earlier run, not seen again yet */
    int64_t seen_us;
    uint64_t records;
    const char *text; /* "octetDeltaCount(4) packetDeltaCount(4)"; borrowed for the call */
};
struct sl_interface_info {
    uint32_t index;
    const char *name;        /* "" when not said */
    const char *description; /* "" when not said */
};

/* The calls below are made for every exporter, in no order; each pointer may be NULL. */
struct sl_exporter_visitor {
    void (*exporter)(void *context, const struct sl_exporter_info *exporter);
    void (*template)(void *context, const struct sl_exporter_info *exporter,
                     const struct sl_template_info *template);
    void (*interface)(void *context, const struct sl_exporter_info *exporter,
                      const struct sl_interface_info *interface);
    void *context;
};
void sl_decoder_visit(const struct sl_decoder *decoder, const struct sl_exporter_visitor *visitor);

/*
 * Templates, sampling and names survive a restart: export what changed since the last export,
 * import it into a new decoder. Keys and values are bytes of ours (exporter_state.c); a value
 * that does not parse is refused with SL_FORMAT and changes nothing. Value NULL: the exporter was
 * dropped, its state can be forgotten. At most `puts_max` calls; false: there is more.
 */
typedef void sl_exporter_put_fn(void *context, const void *key, size_t key_bytes, const void *value,
                                size_t value_bytes);
bool sl_decoder_export(struct sl_decoder *decoder, uint32_t puts_max, sl_exporter_put_fn *put,
                       void *context);
SL_MUST_CHECK
sl_status sl_decoder_import(struct sl_decoder *decoder, const void *key, size_t key_bytes,
                            const void *value, size_t value_bytes, struct sl_error *err);

#endif
