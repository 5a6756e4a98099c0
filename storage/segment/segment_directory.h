/*
 * segment_directory.h - footer and directories of a segment in memory, to bytes and back.
 *
 * The writer fills these structs and encodes them; the reader decodes them and knows afterwards
 * that every number in them is one it can follow: streams refer downwards, sizes tile the file,
 * dictionaries fit the types of the columns that use them. Layout: segment_format.h.
 *
 * Ownership: what decode makes lies in the arena that the caller gives.
 * Errors:    SL_CORRUPT, SL_LIMIT (arena).
 * Layer:     segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_DIRECTORY_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_DIRECTORY_H

#include "storage/base/addr.h"
#include "storage/base/buf.h"
#include "storage/segment/segment_format.h"
#include "storage/segment/segment_writer.h"

/* For a presence stream or a dictionary that is not there. */
#define SL_SEGMENT_NONE UINT32_MAX

/* Some bytes of the file. */
struct sl_segment_part {
    uint64_t offset;
    uint64_t hash;
    uint32_t size_bytes;
    uint8_t codec; /* enum sl_codec, where the part is a block of values */
};

struct sl_segment_dictionary {
    uint8_t kind;   /* enum sl_segment_dictionary_kind */
    uint32_t owner; /* number of a column in the footer */
    uint32_t entry_count;
    uint32_t bytes;                /* BYTES: of all strings; 0 for addresses */
    uint32_t piece_count;          /* ADDRESSES: of SL_SEGMENT_PIECE_ENTRIES; BYTES: 1 */
    uint32_t first_piece;          /* ADDRESSES: number of the first one among those of the group */
    struct sl_segment_part *parts; /* by piece */
    struct sl_addr *firsts;        /* ADDRESSES: the first entry, by piece */
};

struct sl_segment_stream {
    uint8_t form;  /* enum sl_segment_form */
    uint8_t width; /* 4 or 8; 0 for BYTES and ANSWERS */
    uint32_t owner;
    uint32_t a, b, c;                         /* by form */
    struct sl_segment_part *blocks;           /* VALUES, BYTES, ANSWERS; PAIRED: of the leads */
    uint32_t *block_bytes;                    /* BYTES */
    uint32_t *answer_counts;                  /* ANSWERS: by block */
    struct sl_segment_part *differences;      /* PAIRED: of the answers; NULL: none differs */
    uint32_t map_of;                          /* FUNCTION: the stream that has its map */
    uint32_t map_count;                       /* FUNCTION: entries */
    struct sl_segment_part *map;              /* FUNCTION: one for each SL_BLOCK_ROWS entries;
                                                 NULL: of another stream */
    uint32_t *exception_counts;               /* FUNCTION: by block */
    struct sl_segment_part *exception_rows;   /* FUNCTION: by block */
    struct sl_segment_part *exception_values; /* FUNCTION: by block */
    uint32_t closure_count;                   /* streams it is computed from, and itself */
    uint32_t closure[SL_SEGMENT_CLOSURE_MAX]; /* ascending */
};

struct sl_segment_zone {
    uint64_t min, max; /* keys; 0 where no row has a value */
    uint32_t null_count;
};

struct sl_segment_group_column {
    uint32_t number; /* in the footer */
    uint32_t stream;
    uint32_t presence;   /* stream or SL_SEGMENT_NONE */
    uint32_t dictionary; /* or SL_SEGMENT_NONE */
    struct sl_segment_zone *zones;
};

struct sl_segment_index {
    uint8_t kind;                  /* enum sl_segment_index_kind */
    uint32_t number;               /* of the column in the footer */
    uint32_t also;                 /* another one, with the same dictionary; or SL_SEGMENT_NONE */
    uint32_t block_count;          /* FILTER: blocks of all pieces */
    uint32_t piece_count;          /* MINIS: 1 */
    uint32_t first_piece;          /* number of the first one among those of the group's indexes */
    struct sl_segment_part *parts; /* by piece */
};

struct sl_segment_group {
    uint32_t row_count;
    uint32_t block_count;
    uint64_t data_offset;
    struct sl_segment_part directory;
    uint32_t dictionary_count, stream_count, column_count, index_count;
    uint32_t address_pieces, index_pieces; /* of all its dictionaries of addresses, and indexes */
    struct sl_segment_dictionary *dictionaries;
    struct sl_segment_stream *streams;
    struct sl_segment_group_column *columns; /* ascending by number */
    struct sl_segment_index *indexes;
};

struct sl_segment_file_column {
    enum sl_type type;
    char name[SL_COLUMN_NAME_BYTES_MAX + 1];
};

struct sl_segment_footer {
    struct sl_segment_meta meta;
    struct sl_segment_summary summary; /* file_bytes and index_bytes are not in the footer */
    uint32_t column_count;
    struct sl_segment_file_column *columns;
    struct sl_segment_group groups[SL_GROUPS_PER_SEGMENT_MAX];
};

/* Has the stream a value for each row? */
static inline bool
sl_segment_stream_has_values(const struct sl_segment_stream *stream)
{
    return stream->form != SL_SEGMENT_FORM_BYTES && stream->form != SL_SEGMENT_FORM_ANSWERS;
}

/* Blocks that hold `count` rows or entries. */
static inline uint32_t
sl_segment_block_count(uint32_t count)
{
    return count / SL_BLOCK_ROWS + (count % SL_BLOCK_ROWS != 0);
}

/* Rows or entries in block `block` of `count`. */
static inline uint32_t
sl_segment_block_size(uint32_t count, uint32_t block)
{
    uint32_t left = count - block * SL_BLOCK_ROWS;
    return left < SL_BLOCK_ROWS ? left : SL_BLOCK_ROWS;
}

/* Pieces of `count` entries or blocks of a filter, `size` in each but the last. */
static inline uint32_t
sl_segment_piece_count(uint32_t count, uint32_t size)
{
    return count / size + (count % size != 0);
}

/* How many of them are in piece `piece`. */
static inline uint32_t
sl_segment_piece_size(uint32_t count, uint32_t size, uint32_t piece)
{
    uint32_t left = count - piece * size;
    return left < size ? left : size;
}

/* Bytes of all pieces. */
uint64_t sl_segment_parts_bytes(const struct sl_segment_part *parts, uint32_t count);

/* Columns ascending by number. */
void sl_segment_group_sort(struct sl_segment_group *group);

/* Visit all parts of a group that are not empty, in the order of the file, until one call fails. */
typedef sl_status sl_segment_part_fn(void *context, const struct sl_segment_part *part,
                                     struct sl_error *err);
SL_MUST_CHECK
sl_status sl_segment_group_parts(const struct sl_segment_group *group, sl_segment_part_fn *visit,
                                 void *context, struct sl_error *err);

void sl_segment_head_encode(uint64_t number, uint8_t bytes[SL_SEGMENT_HEAD_BYTES]);
SL_MUST_CHECK
sl_status sl_segment_head_decode(const uint8_t bytes[SL_SEGMENT_HEAD_BYTES], uint64_t *out_number,
                                 struct sl_error *err);

void sl_segment_tail_encode(const struct sl_segment_part *footer,
                            uint8_t bytes[SL_SEGMENT_TAIL_BYTES]);
/* The footer's part, which ends `file_bytes` - SL_SEGMENT_TAIL_BYTES into the file. */
SL_MUST_CHECK
sl_status sl_segment_tail_decode(const uint8_t bytes[SL_SEGMENT_TAIL_BYTES], uint64_t file_bytes,
                                 struct sl_segment_part *out_footer, struct sl_error *err);

/* Fills in what the footer holds; groups have rows, offsets and directory part only. `part` is
 * where the bytes lie in the file. */
void sl_segment_footer_encode(const struct sl_segment_footer *footer, struct sl_buf *out);
SL_MUST_CHECK
sl_status sl_segment_footer_decode(const void *bytes, const struct sl_segment_part *part,
                                   struct sl_arena *arena, struct sl_segment_footer *out_footer,
                                   struct sl_error *err);

/* The directory of one group of `footer`. */
void sl_segment_directory_encode(const struct sl_segment_group *group, struct sl_buf *out);
SL_MUST_CHECK
sl_status sl_segment_directory_decode(const void *bytes, const struct sl_segment_footer *footer,
                                      struct sl_arena *arena, struct sl_segment_group *group,
                                      struct sl_error *err);

#endif
