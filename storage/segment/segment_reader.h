/*
 * segment_reader.h - open a segment, prove it, hand out its blocks as vectors.
 *
 * Opening proves head, footer and all directories by their hashes and checks every number in
 * them; a part is proven when it is read. Reads are preads: a bad disk is an error and not a
 * signal. A reader keeps no data but the dictionaries and indexes of groups that cursors are on,
 * or were lately: sl_segment_reader_drop lets go of those that nobody uses.
 *
 * A *cursor* stands on one block and decodes columns of it on demand; what several columns share
 * (which side was the source, packets) is decoded once. It belongs to one thread and may go from
 * reader to reader.
 *
 * Ownership: the schema is borrowed until close. A cursor lends its vectors until it moves or is
 *            destroyed. A reader is closed after all cursors have left it.
 * Threads:   a reader is shared by any number; a cursor belongs to one.
 * Errors:    SL_CORRUPT with file and offset, SL_VERSION, SL_IO, SL_LIMIT (budget).
 * Layer:     segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_READER_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_READER_H

#include "storage/base/arena.h"
#include "storage/batch.h"
#include "storage/clause.h"
#include "storage/schema.h"
#include "storage/segment/segment_format.h"
#include "storage/segment/segment_writer.h"

struct sl_segment_reader;
struct sl_segment_cursor;
struct sl_segment_cache;

/*
 * Open `name` in dir_fd. Columns of the file that the schema lacks are added to it. What the
 * reader keeps in memory counts against `budget` (NULL: unbounded), which outlives it.
 */
SL_MUST_CHECK
sl_status sl_segment_reader_open(int dir_fd, const char *name, struct sl_schema *schema,
                                 struct sl_budget *budget, struct sl_segment_reader **out_reader,
                                 struct sl_error *err);
/* Decoded blocks are kept in `cache` (borrowed; NULL: none) for cursors that keep. Once, before any
 * cursor stands on it. */
void sl_segment_reader_keep(struct sl_segment_reader *reader, struct sl_segment_cache *cache);

/* NULL is allowed. */
void sl_segment_reader_close(struct sl_segment_reader *reader);

/* As written; pointers in it live as long as the reader. */
const struct sl_segment_meta *sl_segment_reader_meta(const struct sl_segment_reader *reader);
const struct sl_segment_summary *sl_segment_reader_summary(const struct sl_segment_reader *reader);

/* Rows and blocks of a group. */
uint32_t sl_segment_reader_rows(const struct sl_segment_reader *reader, uint32_t group);
uint32_t sl_segment_reader_blocks(const struct sl_segment_reader *reader, uint32_t group);
uint32_t sl_segment_reader_block_rows(const struct sl_segment_reader *reader, uint32_t group,
                                      uint32_t block);

/* Bounds of an integer or time column over one block (block < blocks) or over the group (block =
 * SL_SEGMENT_ALL_BLOCKS), as two's complement; false when no row there has a value or the column
 * is of another type. */
#define SL_SEGMENT_ALL_BLOCKS UINT32_MAX
bool sl_segment_reader_zone(const struct sl_segment_reader *reader, uint32_t group, uint32_t block,
                            const struct sl_column *column, uint64_t *out_min, uint64_t *out_max);

/* Bytes of a file by column; shared parts go to the column that they serve first. `column` may
 * occur once only. Head, directories and footer count under NULL. */
typedef void sl_segment_bytes_fn(void *context, const struct sl_column *column, uint64_t data_bytes,
                                 uint64_t index_bytes);
void sl_segment_reader_bytes(const struct sl_segment_reader *reader, sl_segment_bytes_fn *visit,
                             void *context);

/* What reading cost; the caller zeroes and adds up. */
struct sl_segment_counters {
    uint64_t bytes_read;
    uint64_t values_decoded;
    uint64_t blocks_pruned_zone;  /* blocks without a candidate after the zones */
    uint64_t blocks_pruned_index; /* further blocks without one after the indexes */
};

/* May the segment as a whole hold a row that satisfies all clauses? By its bounds of time
 * (SL_PRUNE_TIME) and by the zones of its groups (SL_PRUNE_ZONE). Reads nothing. */
bool sl_segment_reader_match(const struct sl_segment_reader *reader,
                             const struct sl_clause *clauses, uint32_t clause_count,
                             uint32_t prune);

/*
 * The minis of a group that may hold such a row: bit m of out_minis stands for rows
 * m * SL_MINI_ROWS and following; bits beyond the rows are zero. out_minis has
 * SL_SEGMENT_MINI_WORDS words (16 minis a block: minis of block b are bits 16 b .. 16 b + 15).
 * `prune`: SL_PRUNE_ZONE, SL_PRUNE_BITMAP, SL_PRUNE_POSTINGS, SL_PRUNE_FILTER.
 */
SL_MUST_CHECK
sl_status sl_segment_reader_prune(struct sl_segment_reader *reader, uint32_t group,
                                  const struct sl_clause *clauses, uint32_t clause_count,
                                  uint32_t prune, uint64_t *out_minis,
                                  struct sl_segment_counters *counters, struct sl_error *err);

enum sl_segment_drop {
    /* Of groups that were not used since the last such call; and not the filters: they are small, and
     * say what need not be loaded again. */
    SL_SEGMENT_DROP_STALE,
    SL_SEGMENT_DROP_ALL,
};

/* Let go of dictionaries and indexes that no cursor uses; returns the bytes still held. */
size_t sl_segment_reader_drop(struct sl_segment_reader *reader, enum sl_segment_drop drop);

/* A cursor; what it decodes into counts against `budget` (NULL: unbounded). */
struct sl_segment_cursor *sl_segment_cursor_create(struct sl_budget *budget);
/* Use and fill the caches of its readers: for queries, whose blocks are asked for again. All cursors
 * of the query together go over up to `row_count` rows: of more than there is room for a part is
 * kept, the same one each time. */
void sl_segment_cursor_keep(struct sl_segment_cursor *cursor, uint64_t row_count);
/* NULL is allowed. */
void sl_segment_cursor_destroy(struct sl_segment_cursor *cursor);

/* Stand on a block; vectors lent before are gone. reader NULL: leave the one it was on. */
SL_MUST_CHECK
sl_status sl_segment_cursor_seek(struct sl_segment_cursor *cursor, struct sl_segment_reader *reader,
                                 uint32_t group, uint32_t block, struct sl_error *err);

/*
 * Clear the rows of `selection` that cannot satisfy all clauses, as far as that is known without a look at
 * each of them (segment_match.h); the clauses are the same until the cursor leaves the group. A bit for
 * each clause (number i: 1 << i) that decided which rows are left: few are, and all of them satisfy it.
 */
uint32_t sl_segment_cursor_look_up(struct sl_segment_cursor *cursor,
                                   const struct sl_clause *clauses, uint32_t clause_count,
                                   uint64_t *selection);

/*
 * Narrow the cursor to the rows of `selection`, at least one, until it moves: from now on vectors
 * have *out_row_count values, those of these rows in their order, and no more is decoded than they
 * need. Vectors lent before are gone. Once on a block.
 */
SL_MUST_CHECK
sl_status sl_segment_cursor_focus(struct sl_segment_cursor *cursor, const uint64_t *selection,
                                  uint32_t *out_row_count, struct sl_error *err);

/* Focused: the number in the block of row `row`. */
uint32_t sl_segment_cursor_row(const struct sl_segment_cursor *cursor, uint32_t row);

/* All blocks of the group below `end_block` will be asked for as this one is: a stream that is read
 * may be fetched ahead. Until the cursor moves. */
void sl_segment_cursor_expect(struct sl_segment_cursor *cursor, uint32_t end_block);

/* The column will be asked for: the system may fetch its parts, and those of others that are
 * announced, side by side. */
void sl_segment_cursor_announce(struct sl_segment_cursor *cursor, const struct sl_column *column);

/*
 * A column of the block. Only minis with a row in `selection` (NULL: all) are sure to be decoded;
 * values of other rows are unspecified but readable. Asking again with another selection decodes
 * what is missing, in place. Addresses come as SL_DICT over the group's sorted dictionary, or SL_PLAIN
 * where the cursor is focused on so few rows that a few pieces of it will do; a
 * column that the group does not have comes as constant NULL, or constant 0 where it is not
 * nullable. `counters` may be NULL.
 */
SL_MUST_CHECK
sl_status sl_segment_cursor_column(struct sl_segment_cursor *cursor, const struct sl_column *column,
                                   const uint64_t *selection, struct sl_vector *out_vector,
                                   struct sl_segment_counters *counters, struct sl_error *err);

/*
 * The rows of the block whose address in `column` is low .. high, without the addresses: of the
 * dictionary no more is loaded than where these two lie. Of `selection` as above; lent until the cursor
 * moves or is focused, which it is not. counters may be NULL.
 */
SL_MUST_CHECK
sl_status sl_segment_cursor_codes(struct sl_segment_cursor *cursor, const struct sl_column *column,
                                  struct sl_addr low, struct sl_addr high,
                                  const uint64_t *selection, struct sl_code_range *out_range,
                                  struct sl_segment_counters *counters, struct sl_error *err);

/*
 * The column of the block as distances of 32 bits, where it is kept so and every row has a value: a
 * value is out_base + distance, modulo 2^64. False: it is not, or the cursor is focused; nothing
 * was decoded. Lent until the cursor moves or is focused.
 */
bool sl_segment_cursor_distances(struct sl_segment_cursor *cursor, const struct sl_column *column,
                                 const uint32_t **out_distances, uint64_t *out_base);

/*
 * Walk the columns of a group: number `index` of them, NULL past the end. For whoever copies rows
 * (merge).
 */
const struct sl_column *sl_segment_reader_column_at(const struct sl_segment_reader *reader,
                                                    uint32_t group, uint32_t index);

#endif
