/*
 * catalog_record.h - keys and values of the catalog as bytes, and edits as lists of them.
 *
 * This file is normative. The catalog is one LMDB database (no named ones, no flags, file
 * catalog/data.mdb). Its first key byte tells the kind. Integers in keys are big-endian, so that
 * they sort; integers in values are little-endian. Every value ends in 8 bytes of XXH3-64 over
 *
 *     size of the key (2 bytes, little-endian), key, value without the hash
 *
 * so that neither a flipped bit nor a value under another key is believed.
 *
 *   KEY                            VALUE, before the hash
 *   'C' index (4)                  column: type (1), unit (1), name, one zero byte
 *   'D' segment (8) group (4)      dead rows: generation (4), bitmap
 *   'F'                            format version (4): 2
 *   'I' id high (8) id low (8)     import: offset (8), rows (8), oldest_us (8), newest_us (8),
 *                                  is_finished (1)
 *   'M' kind 0 key                 meta: any bytes; kind has no zero byte
 *   'N' counter (1)                number (8)
 *   'P' name                       producer: epoch (8), batch number (8), touched_us (8)
 *   'S' number (8)                 segment: rows (8), dead_rows (8), bytes (8), index_bytes (8),
 *                                  groups (4), level (4), generation (4), flags (4, bit 0: filed by
 *                                  receipt), partition first and last, first_seen min and max,
 *                                  last_seen min and max (8 each, microseconds)
 *   'T'                            LMDB's number of the transaction that wrote it (8)
 *
 * Why 'T': LMDB keeps two roots and trusts the one with the higher transaction number. A bit
 * flipped in either could show an older state that is whole in itself; its 'T' then disagrees.
 *
 * In memory a *record* is the bytes of key size, key and value with hash, behind each other.
 *
 * Layer: storage. Called from catalog.c, catalog_edit.c and catalog_load.c only.
 */
#ifndef SLUICE_STORAGE_CATALOG_RECORD_H
#define SLUICE_STORAGE_CATALOG_RECORD_H

#include "storage/base/buf.h"
#include "storage/batch.h"
#include "storage/catalog.h"

enum {
    SL_CATALOG_FORMAT_VERSION = 2,
    SL_CATALOG_RECORD_HEAD_BYTES = 2,
    SL_CATALOG_HASH_BYTES = 8,
    SL_CATALOG_KEYS_BYTES_MAX = 511, /* LMDB's */
    SL_CATALOG_SEGMENT_BYTES = 96,
    /* A bitmap is the largest value, but for meta: 4 Mi rows, one bit each, and its containers. */
    SL_CATALOG_RECORD_BYTES_MAX = SL_CATALOG_RECORD_HEAD_BYTES + SL_CATALOG_KEYS_BYTES_MAX +
                                  SL_CATALOG_VALUE_BYTES_MAX + SL_CATALOG_HASH_BYTES,
};

_Static_assert(4 * 8 + 4 * 4 + 6 * 8 == SL_CATALOG_SEGMENT_BYTES, "table of the segment");
_Static_assert(1 + SL_CATALOG_KIND_BYTES_MAX + 1 + SL_CATALOG_KEY_BYTES_MAX <=
                   SL_CATALOG_KEYS_BYTES_MAX,
               "meta keys fit");
_Static_assert(1 + SL_PRODUCER_NAME_BYTES_MAX <= SL_CATALOG_KEYS_BYTES_MAX, "producers fit");

enum sl_catalog_kind {
    SL_CATALOG_COLUMN = 'C',
    SL_CATALOG_DEAD = 'D',
    SL_CATALOG_FORMAT = 'F',
    SL_CATALOG_IMPORT = 'I',
    SL_CATALOG_META = 'M',
    SL_CATALOG_COUNTER = 'N',
    SL_CATALOG_PRODUCER = 'P',
    SL_CATALOG_SEGMENT = 'S',
    SL_CATALOG_TRANSACTION = 'T',
};

/* A record whose hash held, taken apart. Pointers lead into its bytes. */
struct sl_catalog_record {
    enum sl_catalog_kind kind;
    uint64_t number; /* FORMAT, COUNTER, TRANSACTION: the value; COLUMN: the index */
    enum sl_catalog_counter counter;
    struct sl_catalog_segment segment;
    struct sl_catalog_dead dead;
    struct sl_catalog_producer producer;
    struct sl_catalog_import import;
    struct sl_catalog_column column;
    const uint8_t *meta_key; /* META: behind the kind's zero byte */
    size_t meta_key_bytes;
    const uint8_t *meta_value;
    size_t meta_value_bytes;
};

/* Errors: SL_CORRUPT. */
SL_MUST_CHECK
sl_status sl_catalog_record_decode(const void *bytes, size_t size_bytes,
                                   struct sl_catalog_record *out_record, struct sl_error *err);

/* One change: put the record, remove its key, or remove all keys that begin with its key. */
enum sl_catalog_op_kind { SL_CATALOG_PUT, SL_CATALOG_REMOVE, SL_CATALOG_REMOVE_PREFIX };

struct sl_catalog_op {
    enum sl_catalog_op_kind kind;
    size_t key_offset; /* in the bytes of the edit */
    size_t key_bytes;
    size_t value_bytes; /* with the hash; directly behind the key */
};

struct sl_catalog_edit {
    struct sl_catalog_op *ops; /* owned */
    size_t op_count;
    size_t op_capacity;
    struct sl_buf bytes; /* records, in the order of ops */
    const char *trouble; /* why it cannot be committed; NULL */
};

/* The two records that the catalog itself keeps. */
void sl_catalog_put_format(struct sl_catalog_edit *edit);
void sl_catalog_put_transaction(struct sl_catalog_edit *edit, uint64_t transaction);

/* The part of a meta key that all keys of a kind share. Returns its size, 0 when the kind is
 * longer than its limit. */
size_t sl_catalog_meta_prefix(const char *kind, uint8_t prefix[SL_CATALOG_KEYS_BYTES_MAX]);

/* Called for each record; its pointers end with the call, and the catalog is locked. */
typedef sl_status sl_catalog_record_fn(void *context, const struct sl_catalog_record *record,
                                       struct sl_error *err);

/* All records whose key begins with one of `prefixes`, those of each in the order of keys, as of
 * one moment. */
SL_MUST_CHECK
sl_status sl_catalog_walk(struct sl_catalog *catalog, const struct sl_slice *prefixes,
                          size_t prefix_count, sl_catalog_record_fn *visit, void *context,
                          struct sl_error *err);

#endif
