/*
 * segment_fuzz.c - a segment file of any bytes: open it, read all of it, prune, prove it.
 *
 * Hashes would keep a fuzzer out of everything behind them, so those of the head, the directories
 * and the footer are mended before the file is opened. What lies in the parts has targets of its
 * own (codec, index).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "storage/base/cursor.h"
#include "storage/base/hash.h"
#include "storage/segment/segment_check.h"
#include "storage/segment/segment_directory.h"
#include "storage/segment/segment_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Values are read for the sake of the sanitizers. */
static volatile uint64_t sink;

enum { MEMORY_BYTES = 256 << 20, SIZE_MAX_BYTES = 1 << 20 };

static void
put_hash(uint8_t *at, const uint8_t *bytes, size_t size_bytes)
{
    uint64_t hash = sl_hash64(bytes, size_bytes);
    for (unsigned i = 0; i < 8; i++)
        at[i] = (uint8_t)(hash >> (8 * i));
}

/* Hashes of head, directories and footer. */
static void
mend(uint8_t *bytes, size_t size)
{
    if (size < SL_SEGMENT_HEAD_BYTES + SL_SEGMENT_TAIL_BYTES)
        return;
    put_hash(bytes + 24, bytes, 24);
    uint8_t *tail = bytes + size - SL_SEGMENT_TAIL_BYTES;
    uint64_t offset = sl_read_le(tail, 8);
    uint64_t length = sl_read_le(tail + 8, 8);
    if (offset > size || length > size - offset)
        return;
    struct sl_cursor in = sl_cursor_over(bytes + offset, (size_t)length);
    (void)sl_cursor_take(&in, 8 + 8 + 4 + 4 + 4 + 8 * 8);
    uint32_t columns = sl_cursor_u32le(&in);
    for (uint32_t i = 0; i < columns && !in.bad; i++) {
        (void)sl_cursor_u8(&in);
        (void)sl_cursor_take(&in, sl_cursor_u8(&in));
    }
    uint32_t groups = sl_cursor_u32le(&in);
    for (uint32_t i = 0; i < groups && !in.bad; i++) {
        (void)sl_cursor_take(&in, 12);
        uint64_t at = sl_cursor_u64le(&in);
        uint32_t bytes_of = sl_cursor_u32le(&in);
        size_t hash_at = (size_t)(in.next - bytes);
        (void)sl_cursor_u64le(&in);
        if (!in.bad && at <= size && bytes_of <= size - at)
            put_hash(bytes + hash_at, bytes + at, bytes_of);
    }
    put_hash(tail + 16, bytes + offset, (size_t)length);
}

static void
read_group(struct sl_segment_reader *reader, struct sl_segment_cursor *cursor, uint32_t group)
{
    const uint64_t selection[SL_BLOCK_ROWS / 64] = {[70] = 1, [200] = UINT64_MAX};
    for (uint32_t b = 0; b < sl_segment_reader_blocks(reader, group) && b < 2; b++) {
        if (sl_segment_cursor_seek(cursor, reader, group, b, NULL) != SL_OK)
            return;
        const struct sl_column *column;
        for (uint32_t i = 0; (column = sl_segment_reader_column_at(reader, group, i)) != NULL;
             i++) {
            struct sl_vector v;
            if (sl_segment_cursor_column(cursor, column, selection, &v, NULL, NULL) != SL_OK ||
                sl_segment_cursor_column(cursor, column, NULL, &v, NULL, NULL) != SL_OK)
                continue;
            for (uint32_t row = 0; row < v.count; row++) {
                if (sl_vector_is_null(&v, row))
                    continue;
                if (v.type == SL_TYPE_ADDR)
                    sink += sl_vector_addr(&v, row).low;
                else if (sl_type_is_bytes(v.type))
                    sink += sl_vector_slice(&v, row).size_bytes;
                else
                    sink += sl_vector_u64(&v, row);
            }
        }
    }
}

static void
prune_group(struct sl_segment_reader *reader, uint32_t group)
{
    const struct sl_column *column;
    for (uint32_t i = 0; (column = sl_segment_reader_column_at(reader, group, i / 2)) != NULL;
         i++) {
        uint64_t minis[SL_SEGMENT_MINI_WORDS];
        const struct sl_test test = {.kind = sl_type_is_bytes(column->type) ? SL_TEST_TEXT
                                                                            : SL_TEST_RANGE,
                                     .column = column,
                                     .low = {.low = 1},
                                     .high = {.low = i % 2 == 0 ? 443 : 1}, /* a filter's */
                                     .text = {(const uint8_t *)"dns", 3}};
        const struct sl_clause clause = {&test, 1};
        sl_status st =
            sl_segment_reader_prune(reader, group, &clause, 1, SL_PRUNE_ALL, minis, NULL, NULL);
        SL_ASSERT(st == SL_OK || st == SL_CORRUPT || st == SL_LIMIT);
        (void)sl_segment_reader_match(reader, &clause, 1, SL_PRUNE_ALL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > SIZE_MAX_BYTES)
        return 0;
    uint8_t *bytes = malloc(size);
    SL_ASSERT(bytes != NULL);
    memcpy(bytes, data, size);
    mend(bytes, size);
    int fd = memfd_create("segment", MFD_CLOEXEC);
    SL_ASSERT(fd >= 0);
    SL_ASSERT(write(fd, bytes, size) == (ssize_t)size);
    free(bytes);
    char name[64];
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    struct sl_budget budget = {.limit_bytes = MEMORY_BYTES};
    struct sl_schema *schema = sl_schema_create();
    struct sl_segment_reader *reader;
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(&budget);
    if (sl_segment_reader_open(AT_FDCWD, name, schema, &budget, &reader, NULL) == SL_OK) {
        for (uint32_t g = 0; g < sl_segment_reader_summary(reader)->group_count; g++) {
            read_group(reader, cursor, g);
            prune_group(reader, g);
        }
        sl_status left = sl_segment_cursor_seek(cursor, NULL, 0, 0, NULL);
        SL_ASSERT(left == SL_OK);
    }
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    uint64_t offset;
    sl_status st = sl_segment_check(AT_FDCWD, name, &budget, &offset, NULL);
    SL_ASSERT(st == SL_OK || st == SL_CORRUPT || st == SL_LIMIT || st == SL_VERSION ||
              st == SL_FORMAT || st == SL_TYPE);
    SL_ASSERT(budget.used_bytes == 0);
    sl_schema_destroy(schema);
    close(fd);
    return 0;
}
