/*
 * segment_written.h - a segment that a test writes, with what went into it, to compare what comes
 * out.
 *
 * Batches are added first, then written in one order to as many groups as a test wants. Every
 * group holds all rows.
 */
#ifndef SLUICE_TESTS_UNIT_STORAGE_SEGMENT_SEGMENT_WRITTEN_H
#define SLUICE_TESTS_UNIT_STORAGE_SEGMENT_SEGMENT_WRITTEN_H

#include "tests/unit/storage/segment/segment_rows.h"

enum { WRITTEN_PIECES_MAX = 8 };

struct written {
    struct sl_schema *schema;
    char *path;
    int dir_fd;
    struct sl_batch *batches[WRITTEN_PIECES_MAX];
    uint64_t *selections[WRITTEN_PIECES_MAX]; /* NULL: all rows of the batch */
    struct sl_segment_rows rows[WRITTEN_PIECES_MAX];
    uint32_t piece_count;
    uint32_t row_count;
    uint32_t *order;
    uint32_t *piece_of, *row_of; /* by input row */
    struct sl_segment_summary summary;
};

/* An empty folder, and a schema with the columns of segment_rows.h. */
void written_start(struct written *w);
void written_stop(struct written *w);

/* The batch and its selection are the segment's from here on. */
void written_add(struct written *w, struct sl_batch *batch, uint64_t *selection);

/* All rows of a random batch. */
void written_add_rows(struct written *w, uint32_t rows, uint64_t *seed, bool is_hostile);

/* One to four random batches of up to rows_max rows, half of them with rows left out. */
void written_add_random(struct written *w, uint32_t rows_max, uint64_t *seed, bool is_hostile);

/* A full batch of flows whose AS, interface, next hop and observation domain are given by an
 * address, but for one row in a hundred. */
void written_add_dependent(struct written *w, uint64_t *seed);

/* Number 42 of generation 7, level 1, that replaces 3, 5 and 8; by two
 * threads or, alone, by one. */
void written_write(struct written *w, const char *name, uint32_t groups);
void written_write_alone(struct written *w, const char *name, uint32_t groups);

/* A writer of a further file, number 43; works in `arena` where that is not NULL. */
struct sl_segment_writer *written_writer(const struct written *w, const char *name,
                                         struct sl_arena *arena);

/* Ever more memory until the work succeeds. With less, which happens, it is SL_LIMIT; all is given back. */
typedef sl_status written_work_fn(const struct written *w, struct sl_budget *budget);
void written_run_short(const struct written *w, written_work_fn *work);

/* A whole file, to free(). */
uint8_t *written_bytes(const struct written *w, const char *name, size_t *out_size_bytes);

struct sl_segment_reader *written_open(const struct written *w, const char *name);

/* The file proves whole. */
void written_check(const struct written *w, const char *name);

/* Rows of a block whose bit is set in `selection` are what was written. */
void written_compare_block(const struct written *w, struct sl_segment_cursor *cursor,
                           uint32_t block, uint32_t row_count, const uint64_t *selection);

/* A cursor that is focused on a few rows gives these and no others, whether or not the block is
 * decoded already. */
void written_compare_few(const struct written *w, struct sl_segment_cursor *cursor, uint32_t block,
                         uint32_t row_count, uint64_t *seed);

/* A group that holds all rows of `w`; with a seed under selections too. */
void written_compare_group(const struct written *w, struct sl_segment_reader *reader,
                           uint32_t group, uint64_t *seed);

/* All groups of a file, and what its footer tells. */
void written_compare_all(const struct written *w, const char *name, uint32_t groups,
                         uint64_t *seed);

#endif
