/*
 * limits.h - every limit of the system, each with its reason.
 *
 * A limit that a peer can reach is answered with SL_LIMIT and counted. A limit that
 * only our own code could pass is asserted.
 */
#ifndef SLUICE_STORAGE_BASE_LIMITS_H
#define SLUICE_STORAGE_BASE_LIMITS_H

enum {
    /* Columns. 2,000 is the contract (design, 3); an exporter's address may add a tenth of them
     * for elements that nobody knows (ingest/decode/added.h). */
    SL_COLUMNS_MAX = 2000,
    SL_COLUMNS_PER_ADDRESS_MAX = 200,
    SL_COLUMN_NAME_BYTES_MAX = 64, /* MySQL's limit for an identifier */

    /* A block is the unit of decoding and of a morsel: 64 Ki rows of 8 bytes are 512 KiB,
     * which fits the second level cache of the machines we build for. */
    SL_BLOCK_ROWS = 65536,
    /* Index granularity within a block: a mini block of 4 Ki rows. */
    SL_MINI_ROWS = 4096,
    SL_BLOCK_MINIS = SL_BLOCK_ROWS / SL_MINI_ROWS,
    /* Rows of a row group: 4 Mi. Row numbers inside a group fit 32-bit bitmaps. */
    SL_GROUP_ROWS_MAX = 1 << 22,
    SL_GROUPS_PER_SEGMENT_MAX = 16,

    /* One batch: at most one block, so that every batch can be a block. */
    SL_BATCH_ROWS_MAX = SL_BLOCK_ROWS,
    /* A text or octet value. IPFIX's variable length ends at 65,535. */
    SL_TEXT_BYTES_MAX = 65535,
    /* An encoded batch on the wire or in the journal. */
    SL_BATCH_BYTES_MAX = 64 << 20,

    /* SQL. */
    SL_SQL_TEXT_BYTES_MAX = 64 << 20,  /* one statement: max_allowed_packet of MySQL 8.0 */
    SL_SQL_VALUE_BYTES_MAX = 16 << 20, /* a parameter, a variable */
    SL_SQL_DEPTH_MAX = 200,            /* nesting of expressions and subqueries */
    SL_SQL_COLUMNS_MAX = 4096,         /* result columns: SELECT * over 2,000 and then some */
    SL_SQL_TABLES_MAX = 32,            /* behind one FROM: sets of them are bits */
    SL_SQL_IN_LIST_MAX = 100000,       /* elements of one IN list */

    /* Names. */
    SL_PRODUCER_NAME_BYTES_MAX = 255,
    SL_PATH_BYTES_MAX = 4096,

    /* Partitions that may be open in the memtable at once (design, 4). */
    SL_PARTITIONS_OPEN_MAX = 16,

    /* Worker threads of one pool. */
    SL_THREADS_MAX = 256,
};

#endif
