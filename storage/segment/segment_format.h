/*
 * segment_format.h - the bytes of a segment file. Normative.
 *
 * A segment is sealed rows, never changed after its rename. All integers are little-endian;
 * "varint" is LEB128 (seven bits a byte, low first, at most 10 bytes, no bits beyond 64);
 * "hash" is XXH3-64 of the bytes it speaks of. Nothing is padded: every byte of the file belongs
 * to exactly one of the pieces below and every piece is covered by a hash that lies outside it
 * (the head and the tail are covered by their own fields, see there).
 *
 *     +------+---------------------+---------------------+-----+--------+------+
 *     | head | group 0: parts, dir | group 1: parts, dir | ... | footer | tail |
 *     +------+---------------------+---------------------+-----+--------+------+
 *
 * Head
 *     OFFSET SIZE FIELD
 *      0      8   magic "sluiceSG"
 *      8      4   format version, 3
 *     12      4   zero
 *     16      8   number of the segment
 *     24      8   hash of bytes 0 .. 23
 *
 * Tail, the last 32 bytes of the file
 *      0      8   offset of the footer, which ends where the tail begins
 *      8      8   size of the footer
 *     16      8   hash of the footer
 *     24      8   magic "GSeciuls"
 *
 * Footer
 *      8   number of the segment, as in the head
 *      8   rows
 *      4   level: 0 sealed, then one more for each merge above
 *      4   generation, of the one who made it
 *      4   flags: bit 0 the rows are filed by time of receipt; others zero
 *      8+8 partition window: first and last microsecond of the slice, inclusive, signed
 *      8x6 minimum, maximum of first_seen, of last_seen, of last_seen - first_seen (signed
 *          microseconds; the difference is clamped to 64 bits)
 *      4   columns, each:   1 type, 1 bytes of name (1 .. 64), name
 *      4   groups, each:    4 rows, 8 offset of its first part, 8 offset of its directory,
 *                           4 size of the directory, 8 hash of the directory
 *      4   replaced segments, each: 8 number
 *      4   size of the note, then the note: bytes of whoever sealed, opaque here
 * The groups lie one behind the other without a gap from the head to the footer.
 *
 * Row group
 * Its rows are cut into blocks of SL_BLOCK_ROWS; the last one may be shorter. Its parts are those of
 * streams, dictionaries and indexes, in the order of the directory and without a gap, so that the
 * directory has sizes only. A *stream* is one unsigned 64-bit value (or one byte string) for each
 * row; leaf streams have parts, the others are computed from streams with smaller numbers. A
 * *column* of the schema is a stream, perhaps with a presence stream and a dictionary.
 *
 * Directory, all varint but where a size is given
 *     rows (as in the footer)
 *     streams, each: 1 form (SL_SEGMENT_FORM_*), owner column, then by form:
 *         VALUES    1 width; for each block: 1 codec, size of part, 8 hash
 *         BYTES     for each block: bytes of all strings, size of part, 8 hash
 *         FUNCTION  1 width, stream a, 0 or 1 + an earlier FUNCTION that has its map;
 *                   if 0: entries of the map;
 *                         for each SL_BLOCK_ROWS entries of it: 1 codec, size of part, 8 hash;
 *                   for each block: exceptions; unless 0:
 *                       1 codec, size of part, 8 hash   (rows within the block, ascending)
 *                       1 codec, size of part, 8 hash   (their values)
 *         ADD       stream a, stream b
 *         SCALE     stream a, stream b, stream c
 *         SELECT    stream a, stream b, stream c
 *         ANSWERS   for each block: answers, 1 codec, size of part, 8 hash
 *         PAIRED    1 width, stream a (ANSWERS), 1 d (1: with differences, else 0); for each block:
 *                       1 codec, size of part, 8 hash   (of the leads)
 *                       where d is 1 and the block has answers:
 *                       1 codec, size of part, 8 hash   (of the differences)
 *     dictionaries, each: 1 kind (SL_SEGMENT_DICTIONARY_*), owner column, entries, then by kind:
 *         ADDRESSES for each SL_SEGMENT_PIECE_ENTRIES entries: the first one, as its high half less
 *                       that of the first one before (of the very first: less 0), and its low half,
 *                       less that of the first one before where the high halves are the same;
 *                       size of part, 8 hash
 *         BYTES     bytes of all entries, size of part, 8 hash
 *     columns, each: number of the column in the footer, stream, presence stream + 1 or 0,
 *         dictionary + 1 or 0; for each block the zone:
 *             rows without a value; unless that is all rows, and unless the stream is BYTES:
 *             minimum, maximum less minimum (of the keys of the rows that have a value)
 *     indexes, each: 1 kind (SL_SEGMENT_INDEX_*), column number, number of another column + 1 or
 *         0 (POSTINGS, FILTER: of both, which have one dictionary), then by kind:
 *         MINIS     size of part, 8 hash
 *         POSTINGS  for each SL_SEGMENT_PIECE_ENTRIES entries of the dictionary: size of part, 8 hash
 *         FILTER    blocks of the filter, 1 or more;
 *                   for each SL_SEGMENT_PIECE_FILTER blocks of it: 8 hash (its size follows)
 *
 * Forms. width is 4 or 8: no value needs more bytes (a reader may keep it in 32 bits).
 *     VALUES    codec.h
 *     BYTES     sl_codec_encode_bytes
 *     FUNCTION  map[a], but for the exceptions
 *     ADD       a + b modulo 2^64
 *     SCALE     a = 0: b, else a * b + c modulo 2^64
 *     SELECT    a = 0: b, else c (a is 0 or 1)
 *     ANSWERS   which rows answer the row before, and which are leads: of the leads of the block in
 *               their order a bit, 1 where the next row is its answer; eight in a value, low bit
 *               first, the last one filled up with zeros (segment_pair.h). It has no values.
 *     PAIRED    of a lead the next of its values; of an answer the value of its lead, plus the next
 *               of the differences where there are some: zigzag, modulo 2^(8 width)
 * ADD and SCALE are 8 wide; SELECT is as wide as the wider of b and c. The a of FUNCTION and SELECT
 * is 4 wide. A FUNCTION is as wide as the one whose map it shares.
 *
 * Keys. A stream of a column holds keys whose unsigned order is the order of the type:
 *     unsigned types, BOOL, MAC   the value
 *     I64, TIME                   two's complement with the sign bit flipped
 *     F64                         the IEEE bits; negative: all flipped, else the sign bit flipped
 *     ADDR                        index of the entry in its dictionary
 *     TEXT, OCTETS                index of the entry in its dictionary, or a BYTES stream
 * Rows without a value have any key (below the entries of the dictionary, if there are any). A
 * presence stream is 1 where the row has a value, else 0.
 *
 * Dictionaries
 *     ADDRESSES  strictly ascending keys of addr.h, in pieces: sl_codec_encode_keys. So an address
 *                is found, and a code translated, by one piece, and not by all of them
 *     BYTES      strictly ascending strings (memcmp, then the shorter first), sl_codec_encode_bytes
 * Nothing but columns of type ADDR refers to ADDRESSES, nothing but TEXT and OCTETS to BYTES.
 *
 * What the writer makes of it (a reader relies on the forms alone)
 *     sides       Of a flow's two ends one is the server (segment_side.h). src and dst of
 *                 addresses, ports, AS, masks, interfaces and counters are two streams, client's
 *                 and server's, and SELECTs of them by one stream `side`: 0 where the source is
 *                 the client.
 *     last_seen   ADD of first_seen and the duration.
 *     bytes       SCALE of packets, whole bytes per packet, remainder, or VALUES.
 *     answers     Both directions of a conversation are neighbours (segment_order.h). Addresses,
 *                 side, the client's port, first_seen and duration are PAIRED, where enough rows
 *                 are answers.
 *     functions   AS and mask as FUNCTIONs of the client's and the server's address with one map;
 *                 interface and exporter as FUNCTION of an address, next hop as one of output_if,
 *                 and so on, where that is smaller than VALUES.
 *
 * Indexes
 *     MINIS     by value of an integer column or dictionary code: index/bitmap.h, the minis
 *               (number of a row in the group / SL_MINI_ROWS) that hold the value
 *     POSTINGS  by dictionary code of an address column, or of two: index/postings.h, the minis
 *               that hold it in either; in pieces, as the dictionary
 *     FILTER    of the dictionary of an address column, or of two: index/filter.h, membership of all
 *               its entries (sl_filter_hash_addr), in pieces. So that a host that is not there costs
 *               one of these, and not the dictionary
 *
 * Layer: segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_FORMAT_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_FORMAT_H

#include "storage/base/base.h"
#include "storage/base/limits.h"

#define SL_SEGMENT_HEAD_MAGIC "sluiceSG"
#define SL_SEGMENT_TAIL_MAGIC "GSeciuls"

enum {
    SL_SEGMENT_VERSION = 3,
    SL_SEGMENT_MAGIC_BYTES = 8,
    SL_SEGMENT_HEAD_BYTES = 32,
    SL_SEGMENT_TAIL_BYTES = 32,
    SL_SEGMENT_FLAG_BY_RECEIPT = 1,
};

enum sl_segment_dictionary_kind {
    SL_SEGMENT_DICTIONARY_ADDRESSES = 1,
    SL_SEGMENT_DICTIONARY_BYTES = 2,
};

enum sl_segment_form {
    SL_SEGMENT_FORM_VALUES = 1,
    SL_SEGMENT_FORM_BYTES = 2,
    SL_SEGMENT_FORM_FUNCTION = 3,
    SL_SEGMENT_FORM_ADD = 4,
    SL_SEGMENT_FORM_SCALE = 5,
    SL_SEGMENT_FORM_SELECT = 6,
    SL_SEGMENT_FORM_ANSWERS = 7,
    SL_SEGMENT_FORM_PAIRED = 8,
};

enum sl_segment_index_kind {
    SL_SEGMENT_INDEX_MINIS = 1,
    SL_SEGMENT_INDEX_POSTINGS = 2,
    SL_SEGMENT_INDEX_FILTER = 3,
};

/*
 * What is read of a dictionary, and of what belongs to it, for one address. A smaller piece is not much
 * faster to get, and costs more in the directory (some 14 bytes) and in what the codecs learn of it.
 */
enum {
    SL_SEGMENT_PIECE_ENTRIES = 4096,
    SL_SEGMENT_PIECE_FILTER = 512, /* blocks: 16 KiB */
};

/* Bounds that a reader holds a file to before it takes memory for it. */
enum {
    SL_SEGMENT_GROUP_BLOCKS_MAX = SL_GROUP_ROWS_MAX / SL_BLOCK_ROWS,
    SL_SEGMENT_GROUP_MINIS_MAX = SL_GROUP_ROWS_MAX / SL_MINI_ROWS,
    SL_SEGMENT_MINI_WORDS = SL_SEGMENT_GROUP_MINIS_MAX / 64,
    /* src and dst of every row distinct, exporter and next hop with them. */
    SL_SEGMENT_DICTIONARY_ENTRIES_MAX = 4 * SL_GROUP_ROWS_MAX,
    SL_SEGMENT_FILTER_BLOCKS_MAX = SL_SEGMENT_DICTIONARY_ENTRIES_MAX, /* far beyond ten bits each */
    SL_SEGMENT_STREAMS_MAX = 4 * SL_COLUMNS_MAX,
    /* Streams that one column may need, itself included: in_bytes takes 9. */
    SL_SEGMENT_CLOSURE_MAX = 16,
    SL_SEGMENT_FOOTER_BYTES_MAX = 16 << 20,
    SL_SEGMENT_DIRECTORY_BYTES_MAX = 64 << 20,
    SL_SEGMENT_REPLACES_MAX = 1 << 16,
    SL_SEGMENT_NOTE_BYTES_MAX = 1 << 20,
};

/* Bytes of one part, and of the strings of one block or one dictionary: a block of the longest
 * strings there are fits. */
#define SL_SEGMENT_BYTES_MAX (UINT32_MAX - (UINT32_C(1) << 16) + 1)

_Static_assert((uint64_t)SL_BLOCK_ROWS *SL_TEXT_BYTES_MAX <= SL_SEGMENT_BYTES_MAX,
               "a block of the longest strings fits");
_Static_assert(SL_GROUP_ROWS_MAX % SL_BLOCK_ROWS == 0, "a full group is full blocks");
_Static_assert(SL_BLOCK_ROWS % SL_MINI_ROWS == 0, "a full block is full minis");
_Static_assert(SL_SEGMENT_GROUP_MINIS_MAX % 64 == 0, "minis of a group fill words");
_Static_assert(sizeof(SL_SEGMENT_HEAD_MAGIC) - 1 == SL_SEGMENT_MAGIC_BYTES, "magic of the head");
_Static_assert(sizeof(SL_SEGMENT_TAIL_MAGIC) - 1 == SL_SEGMENT_MAGIC_BYTES, "magic of the tail");
_Static_assert(SL_SEGMENT_HEAD_BYTES == SL_SEGMENT_MAGIC_BYTES + 4 + 4 + 8 + 8, "head");
_Static_assert(SL_SEGMENT_TAIL_BYTES == 8 + 8 + 8 + SL_SEGMENT_MAGIC_BYTES, "tail");

#endif
