/*
 * template.h - a template, and the program that copies its records into columns.
 *
 * A template is what the exporter sent: field ids and lengths. When it is new it is compiled
 * to steps, one for each value to store: where the bytes are, what they mean, which column of
 * the builder takes them. Records of fixed length are executed step by step over all records of
 * a set, so that each step is one tight loop; records with variable fields one by one.
 *
 * Rules of the compilation (each has its test in template_test.c):
 *
 *   - Elements that fill one core column and exclude each other (8 and 27, 7 and 182, 9 and 29)
 *     are alternates: the first that is not zero counts.
 *   - Of several clocks for first_seen the finest counts, the others get columns of their own.
 *   - Any other second element for a column gets one of its own, named by its IANA name.
 *   - The same element again gets its own column with _2, _3 ... behind.
 *   - A length that its element cannot have makes the field unknown: octets in pen<P>_<id>.
 *   - Totals (85, 86 and their reverse) fill the counters too where no delta does.
 *   - 23 and 24 fill out_bytes and out_packets when the exporter is nProbe.
 *   - Padding (210) is not a value. A field of length zero has none.
 *   - A field that finds no column any more (limits) goes into `extra`, as name and value.
 *
 * Layer: ingest/decode.
 */
#ifndef SLUICE_INGEST_DECODE_TEMPLATE_H
#define SLUICE_INGEST_DECODE_TEMPLATE_H

#include "ingest/decode/field.h"
#include "storage/batch.h"

enum {
    /* A datagram of 64 KiB has room for 16 Ki fields; real templates end near 100. */
    SL_TEMPLATE_FIELDS_MAX = 512,
    SL_TEMPLATES_PER_EXPORTER_MAX = 1024,
    SL_TEMPLATE_ID_MIN = 256, /* data sets have ids from here on */
    /* NetFlow v9 options have scopes of their own (1 system, 2 interface ...): kept under an
     * enterprise that nobody can have, because it does not fit what assigns them. */
    SL_PEN_V9_SCOPE = 0x7fffffff,
    SL_V9_SCOPE_INTERFACE = 2,
};

/* How one step turns bytes into a value of its column. The plain integers come first: their
 * loops are specialised by both widths. */
enum sl_step_kind {
    SL_STEP_U8,  /* 1 byte to a U8 */
    SL_STEP_U16, /* 2 bytes to a U16 */
    SL_STEP_U32, /* 4 bytes to a U32 */
    SL_STEP_U64, /* 8 bytes to a U64 */
    SL_STEP_U16_TO_U32,
    SL_STEP_U32_TO_U64,
    SL_STEP_UNSIGNED, /* any other pair of widths, clipped */
    SL_STEP_SIGNED,
    SL_STEP_FLOAT,
    SL_STEP_BOOLEAN,
    SL_STEP_MAC,
    SL_STEP_IPV4,
    SL_STEP_IPV6,
    SL_STEP_UPTIME, /* against the export time and uptime of the message */
    SL_STEP_TIME,
    SL_STEP_STRING,
    SL_STEP_OCTETS,
    SL_STEP_LIST,
};

struct sl_step {
    enum sl_step_kind kind;
    enum sl_wire_form form;           /* SL_STEP_TIME */
    bool is_alternate;                /* only where no value other than zero is there yet */
    uint16_t field_index;             /* into the template's fields */
    uint32_t offset;                  /* of a record of fixed length */
    uint32_t size_bytes;              /* the same */
    struct sl_builder_column *target; /* lives as long as the builder */
};

/* Fields that mean something beyond their own column. */
enum sl_role {
    SL_ROLE_START_UPTIME,
    SL_ROLE_END_UPTIME,
    SL_ROLE_INIT_TIME,
    SL_ROLE_EVENT_TIME,
    SL_ROLE_START_DELTA,
    SL_ROLE_END_DELTA,
    SL_ROLE_DURATION_MS,
    SL_ROLE_DURATION_US,
    SL_ROLE_ICMP_TYPE_CODE,
    SL_ROLE_ICMP_TYPE,
    SL_ROLE_ICMP_CODE,
    SL_ROLE_SAMPLER, /* 48 or 302 */
    SL_ROLE_SAMPLING_INTERVAL,
    SL_ROLE_PACKET_INTERVAL,
    SL_ROLE_PACKET_SPACE,
    SL_ROLE_SIZE,
    SL_ROLE_POPULATION,
    SL_ROLE_PROBABILITY,
    SL_ROLE_APPLICATION,
    SL_ROLE_APPLICATION_NAME,
    SL_ROLE_APPLICATION_TEXT,
    SL_ROLE_INTERFACE,
    SL_ROLE_INTERFACE_NAME,
    SL_ROLE_INTERFACE_TEXT,
    SL_ROLE_COUNT
};

enum { SL_ROLE_NONE = 0xffff };

struct sl_template {
    uint16_t id;
    uint16_t field_count;
    uint16_t scope_count; /* the first fields, in options templates */
    bool is_options;
    bool is_variable;
    bool is_restored;
    bool is_nprobe; /* decided once, for this template */
    bool has_first; /* a step fills first_seen */
    bool has_last;
    bool has_uptime;               /* one of them from system uptime */
    bool has_derived;              /* roles that record.c must look at */
    uint32_t record_bytes;         /* fixed: exactly; variable: at least. Never 0 */
    uint16_t roles[SL_ROLE_COUNT]; /* field index, or SL_ROLE_NONE */
    int64_t seen_us;
    uint64_t records;
    struct sl_field *fields; /* owned */
    uint32_t *offsets;       /* owned: of each field in a record of fixed length */
    struct sl_step *steps;   /* owned */
    uint32_t step_count;
    uint16_t *extra_fields; /* owned: fields for the column `extra` */
    uint32_t extra_count;
};

struct sl_decoder;
struct sl_exporter;

/* A template of `field_count` fields (copied), not compiled yet. NULL when its records would be
 * empty or longer than a message. */
struct sl_template *sl_template_create(uint16_t id, const struct sl_field *fields,
                                       uint32_t field_count, uint32_t scope_count, bool is_options);
void sl_template_destroy(struct sl_template *template);

bool sl_template_equals(const struct sl_template *a, const struct sl_template *b);

/* Steps for the builder of the decoder. Columns that are missing are added to the schema. */
void sl_template_compile(struct sl_template *template, struct sl_decoder *decoder,
                         struct sl_exporter *exporter);

#endif
