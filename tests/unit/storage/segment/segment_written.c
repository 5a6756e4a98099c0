/*
 * segment_written.c - see segment_written.h.
 */
#include "tests/unit/storage/segment/segment_written.h"

#include <fcntl.h>
#include <stdio.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/segment/segment_check.h"

void
written_start(struct written *w)
{
    struct sl_error err = {0};
    memset(w, 0, sizeof(*w));
    w->schema = sl_schema_create();
    (void)rows_columns_add(w->schema);
    w->path = test_dir_create();
    TEST_OK(sl_dir_open(AT_FDCWD, w->path, &w->dir_fd, &err), &err);
}

void
written_stop(struct written *w)
{
    for (uint32_t i = 0; i < w->piece_count; i++) {
        sl_batch_release(w->batches[i]);
        free(w->selections[i]);
    }
    free(w->order);
    free(w->piece_of);
    free(w->row_of);
    sl_file_close(w->dir_fd);
    test_dir_remove(w->path);
    sl_schema_destroy(w->schema);
}

void
written_add(struct written *w, struct sl_batch *batch, uint64_t *selection)
{
    SL_ASSERT(w->piece_count < WRITTEN_PIECES_MAX);
    uint32_t piece = w->piece_count++;
    w->batches[piece] = batch;
    w->selections[piece] = selection;
    w->rows[piece] = (struct sl_segment_rows){batch, selection};
    w->piece_of = sl_grow(w->piece_of, sizeof(uint32_t), w->row_count + batch->row_count);
    w->row_of = sl_grow(w->row_of, sizeof(uint32_t), w->row_count + batch->row_count);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (selection != NULL && !sl_bit_get(selection, row))
            continue;
        w->piece_of[w->row_count] = piece;
        w->row_of[w->row_count++] = row;
    }
}

void
written_add_rows(struct written *w, uint32_t rows, uint64_t *seed, bool is_hostile)
{
    written_add(w, rows_batch(w->schema, rows, seed, is_hostile), NULL);
}

void
written_add_random(struct written *w, uint32_t rows_max, uint64_t *seed, bool is_hostile)
{
    uint32_t pieces = 1 + (uint32_t)test_random_below(seed, 4);
    for (uint32_t i = 0; i < pieces; i++) {
        uint32_t rows = 1 + (uint32_t)test_random_below(seed, rows_max);
        struct sl_batch *batch = rows_batch(w->schema, rows, seed, is_hostile);
        uint64_t *selection = NULL;
        if (test_random_below(seed, 2) == 0) {
            selection = sl_new(sl_words_for(rows) * sizeof(uint64_t));
            for (uint32_t row = 0; row < rows; row++)
                if (row == 0 || test_random_below(seed, 3) != 0)
                    sl_bit_set(selection, row);
        }
        written_add(w, batch, selection);
    }
}

/* Flows whose AS, interface, next hop and observation domain are given by an address, but for one
 * row in a hundred. */
static struct sl_batch *
dependent_batch(struct sl_schema *schema, uint64_t *seed)
{
    struct sl_builder *b = sl_builder_create(SL_BATCH_ROWS_MAX);
    for (uint32_t row = 0; row < SL_BATCH_ROWS_MAX; row++) {
        struct rows_conversation conversation;
        rows_set_flow(b, schema, seed, false, false, &conversation);
        uint64_t ends[2] = {test_random_below(seed, 5000), test_random_below(seed, 5000)};
        uint64_t noise = test_random_below(seed, 100) == 0 ? test_random(seed) >> 40 : 0;
        uint64_t exporter = ends[0] % 7;
        const struct {
            uint32_t index;
            uint64_t value;
        } values[] = {
            {SL_COLUMN_SRC_AS, sl_hash_u64(ends[0]) % 60000 + noise},
            {SL_COLUMN_DST_AS, sl_hash_u64(ends[1]) % 60000},
            {SL_COLUMN_INPUT_IF, sl_hash_u64(ends[0] * 3) % 500},
            {SL_COLUMN_OUTPUT_IF, sl_hash_u64(ends[1] * 3) % 500 + noise},
            {SL_COLUMN_OBSERVATION_DOMAIN, exporter * 1000003},
        };
        for (size_t i = 0; i < SL_COUNTOF(values); i++)
            sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, values[i].index)),
                               values[i].value);
        const uint32_t addr_indexes[] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_DST_ADDR,
                                         SL_COLUMN_EXPORTER_ADDR, SL_COLUMN_NEXT_HOP};
        const uint64_t addrs[] = {ends[0], ends[1], exporter, sl_hash_u64(ends[1]) % 300};
        for (size_t i = 0; i < SL_COUNTOF(addrs); i++)
            sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, addr_indexes[i])),
                                (struct sl_addr){.low = addrs[i], .high = i % 2 << 40});
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    return batch;
}

void
written_add_dependent(struct written *w, uint64_t *seed)
{
    written_add(w, dependent_batch(w->schema, seed), NULL);
}

static struct sl_segment_writer *
open_writer(const struct written *w, const char *name, const struct sl_segment_meta *meta,
            struct sl_arena *arena)
{
    struct sl_segment_writer *writer;
    struct sl_error err = {0};
    TEST_OK(sl_segment_writer_open(w->dir_fd, name, meta, SL_EFFORT_SEAL, arena, &writer, &err),
            &err);
    return writer;
}

static struct sl_segment_writer *
open_described(const struct written *w, const char *name)
{
    static const uint64_t replaces[] = {3, 5, 8};
    const struct sl_segment_meta meta = {
        .number = 42,
        .level = 1,
        .generation = 7,
        .partition_first_us = -5,
        .partition_last_us = 5,
        .replaces = replaces,
        .replace_count = SL_COUNTOF(replaces),
        .note = "note",
        .note_bytes = 4,
    };
    return open_writer(w, name, &meta, NULL);
}

static void
write_groups(struct written *w, struct sl_segment_writer *writer, uint32_t groups)
{
    struct sl_error err = {0};
    free(w->order);
    w->order = sl_new(w->row_count * sizeof(uint32_t));
    for (uint32_t g = 0; g < groups; g++)
        TEST_OK(sl_segment_writer_group(writer, w->rows, w->piece_count, w->order, &err), &err);
    TEST_OK(sl_segment_writer_commit(writer, &w->summary, &err), &err);
    sl_segment_writer_close(writer);
}

void
written_write(struct written *w, const char *name, uint32_t groups)
{
    struct sl_segment_writer *writer = open_described(w, name);
    sl_segment_writer_share(writer);
    write_groups(w, writer, groups);
}

void
written_write_alone(struct written *w, const char *name, uint32_t groups)
{
    write_groups(w, open_described(w, name), groups);
}

struct sl_segment_writer *
written_writer(const struct written *w, const char *name, struct sl_arena *arena)
{
    const struct sl_segment_meta meta = {.number = 43};
    return open_writer(w, name, &meta, arena);
}

void
written_run_short(const struct written *w, written_work_fn *work)
{
    unsigned refused = 0;
    sl_status st = SL_LIMIT;
    for (size_t limit = 1000; st != SL_OK; limit += limit / 2) {
        struct sl_budget budget = {.limit_bytes = limit};
        st = work(w, &budget);
        assert_int_equal(budget.used_bytes, 0);
        assert_true(st == SL_OK || st == SL_LIMIT);
        refused += st == SL_LIMIT;
    }
    assert_true(refused > 0);
}

uint8_t *
written_bytes(const struct written *w, const char *name, size_t *out_size_bytes)
{
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/%s", w->path, name);
    assert_in_range(length, 1, sizeof(path) - 1);
    return test_read_file(path, out_size_bytes);
}

struct sl_segment_reader *
written_open(const struct written *w, const char *name)
{
    struct sl_segment_reader *reader;
    struct sl_error err = {0};
    TEST_OK(sl_segment_reader_open(w->dir_fd, name, w->schema, NULL, &reader, &err), &err);
    return reader;
}

void
written_compare_block(const struct written *w, struct sl_segment_cursor *cursor, uint32_t block,
                      uint32_t row_count, const uint64_t *selection)
{
    struct sl_error err = {0};
    for (uint32_t c = 0; c < sl_schema_count(w->schema); c++) {
        const struct sl_column *column = sl_schema_at(w->schema, c);
        struct sl_vector vector;
        TEST_OK(sl_segment_cursor_column(cursor, column, selection, &vector, NULL, &err), &err);
        assert_int_equal(vector.count, row_count);
        assert_int_equal(vector.type, column->type);
        for (uint32_t row = 0; row < row_count; row++) {
            if (selection != NULL && !sl_bit_get(selection, row))
                continue;
            uint32_t input = w->order[block * SL_BLOCK_ROWS + row];
            const struct sl_vector *given = sl_batch_find(w->batches[w->piece_of[input]], column);
            if (!rows_equal(column, given, w->row_of[input], &vector, row))
                fail_msg("%s differs in row %u of block %u", column->name, row, block);
        }
    }
}

void
written_compare_few(const struct written *w, struct sl_segment_cursor *cursor, uint32_t block,
                    uint32_t row_count, uint64_t *seed)
{
    struct sl_error err = {0};
    uint64_t *selection = sl_new(sl_words_for(row_count) * sizeof(uint64_t));
    uint32_t focused = 0;
    uint64_t share = 1 + test_random_below(seed, 3000);
    for (uint32_t i = 0; i < row_count; i++)
        if (test_random_below(seed, share) == 0)
            sl_bit_set(selection, i);
    sl_bit_set(selection, row_count / 2);
    TEST_OK(sl_segment_cursor_focus(cursor, selection, &focused, &err), &err);
    for (uint32_t c = 0; c < sl_schema_count(w->schema); c++) {
        const struct sl_column *column = sl_schema_at(w->schema, c);
        struct sl_vector vector;
        TEST_OK(sl_segment_cursor_column(cursor, column, NULL, &vector, NULL, &err), &err);
        assert_int_equal(vector.count, focused);
        for (uint32_t i = 0; i < focused; i++) {
            uint32_t row = sl_segment_cursor_row(cursor, i);
            uint32_t input = w->order[block * SL_BLOCK_ROWS + row];
            const struct sl_vector *given = sl_batch_find(w->batches[w->piece_of[input]], column);
            assert_true(sl_bit_get(selection, row));
            if (!rows_equal(column, given, w->row_of[input], &vector, i))
                fail_msg("%s differs in row %u of block %u, alone", column->name, row, block);
        }
    }
    free(selection);
}

void
written_compare_group(const struct written *w, struct sl_segment_reader *reader, uint32_t group,
                      uint64_t *seed)
{
    struct sl_error err = {0};
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    for (uint32_t b = 0; b < sl_segment_reader_blocks(reader, group); b++) {
        uint32_t rows = sl_segment_reader_block_rows(reader, group, b);
        TEST_OK(sl_segment_cursor_seek(cursor, reader, group, b, &err), &err);
        if (seed != NULL) {
            uint64_t *selection = sl_new(sl_words_for(rows) * sizeof(uint64_t));
            for (uint32_t i = 0; i < rows; i++)
                if (i / SL_MINI_ROWS % 3 == 1 || test_random_below(seed, 20000) == 0)
                    sl_bit_set(selection, i);
            written_compare_block(w, cursor, b, rows, selection);
            free(selection);
        }
        if (seed != NULL && test_random_below(seed, 2) == 0) {
            written_compare_few(w, cursor, b, rows, seed);
            TEST_OK(sl_segment_cursor_seek(cursor, reader, group, b, &err), &err);
        }
        written_compare_block(w, cursor, b, rows, NULL);
        if (seed != NULL)
            written_compare_few(w, cursor, b, rows, seed);
    }
    sl_segment_cursor_destroy(cursor);
}

void
written_compare_all(const struct written *w, const char *name, uint32_t groups, uint64_t *seed)
{
    struct sl_segment_reader *reader = written_open(w, name);
    const struct sl_segment_summary *summary = sl_segment_reader_summary(reader);
    assert_int_equal(summary->row_count, (uint64_t)groups * w->row_count);
    assert_memory_equal(summary, &w->summary, sizeof(*summary));
    for (uint32_t g = 0; g < groups; g++)
        written_compare_group(w, reader, g, seed);
    assert_int_equal(sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL), 0);
    sl_segment_reader_close(reader);
}

void
written_check(const struct written *w, const char *name)
{
    struct sl_error err = {0};
    uint64_t offset;
    TEST_OK(sl_segment_check(w->dir_fd, name, NULL, &offset, &err), &err);
}
