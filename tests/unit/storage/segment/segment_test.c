/*
 * segment_test.c - what goes into a segment comes out of it, in the order that the writer tells.
 *
 * Random batches are written, read back block by block and compared value by value.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/segment/segment_check.h"
#include "storage/segment/segment_open.h"
#include "tests/unit/storage/segment/segment_rows.h"

enum { PIECES_MAX = 8 };

struct written {
    struct sl_schema *schema;
    char *path;
    int dir_fd;
    struct sl_batch *batches[PIECES_MAX];
    uint64_t *selections[PIECES_MAX];
    struct sl_segment_rows rows[PIECES_MAX];
    uint32_t piece_count;
    uint32_t row_count;
    uint32_t *order;
    uint32_t *piece_of, *row_of; /* by input row */
    struct sl_segment_summary summary;
};

static void
start(struct written *w)
{
    struct sl_error err = {0};
    memset(w, 0, sizeof(*w));
    w->schema = sl_schema_create();
    (void)rows_columns_add(w->schema);
    w->path = test_dir_create();
    TEST_OK(sl_dir_open(AT_FDCWD, w->path, &w->dir_fd, &err), &err);
}

static void
stop(struct written *w)
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

static void
add_piece(struct written *w, struct sl_batch *batch, uint64_t *selection)
{
    SL_ASSERT(w->piece_count < PIECES_MAX);
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

static void
add_random_pieces(struct written *w, uint32_t rows_max, uint64_t *seed, bool is_hostile)
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
        add_piece(w, batch, selection);
    }
}

static void
write_segment_as(struct written *w, const char *name, uint32_t groups, bool is_shared)
{
    struct sl_error err = {0};
    struct sl_segment_writer *writer;
    const uint64_t replaces[] = {3, 5, 8};
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
    free(w->order);
    w->order = sl_new(w->row_count * sizeof(uint32_t));
    TEST_OK(sl_segment_writer_open(w->dir_fd, name, &meta, SL_EFFORT_SEAL, NULL, &writer, &err),
            &err);
    if (is_shared)
        sl_segment_writer_share(writer);
    for (uint32_t g = 0; g < groups; g++)
        TEST_OK(sl_segment_writer_group(writer, w->rows, w->piece_count, w->order, &err), &err);
    TEST_OK(sl_segment_writer_commit(writer, &w->summary, &err), &err);
    sl_segment_writer_close(writer);
}

static void
write_segment(struct written *w, const char *name, uint32_t groups)
{
    write_segment_as(w, name, groups, true);
}

/* Rows of a block whose bit is set in `selection` are what was written. */
static void
compare_block(const struct written *w, struct sl_segment_cursor *cursor, uint32_t block,
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

/* A cursor that is focused on a few rows gives these and no others, whether or not the block is
 * decoded already. */
static void
compare_few(const struct written *w, struct sl_segment_cursor *cursor, uint32_t block,
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

/* A group that holds all rows of `w`; with a seed under selections too. */
static void
compare_group(const struct written *w, struct sl_segment_reader *reader, uint32_t group,
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
            compare_block(w, cursor, b, rows, selection);
            free(selection);
        }
        if (seed != NULL && test_random_below(seed, 2) == 0) {
            compare_few(w, cursor, b, rows, seed);
            TEST_OK(sl_segment_cursor_seek(cursor, reader, group, b, &err), &err);
        }
        compare_block(w, cursor, b, rows, NULL);
        if (seed != NULL)
            compare_few(w, cursor, b, rows, seed);
    }
    sl_segment_cursor_destroy(cursor);
}

static void
compare_all(const struct written *w, const char *name, uint32_t groups, uint64_t *seed)
{
    struct sl_error err = {0};
    struct sl_segment_reader *reader;
    TEST_OK(sl_segment_reader_open(w->dir_fd, name, w->schema, NULL, &reader, &err), &err);
    const struct sl_segment_summary *summary = sl_segment_reader_summary(reader);
    assert_int_equal(summary->row_count, (uint64_t)groups * w->row_count);
    assert_memory_equal(summary, &w->summary, sizeof(*summary));
    for (uint32_t g = 0; g < groups; g++)
        compare_group(w, reader, g, seed);
    assert_int_equal(sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL), 0);
    sl_segment_reader_close(reader);
}

static void
check(const struct written *w, const char *name)
{
    struct sl_error err = {0};
    uint64_t offset;
    TEST_OK(sl_segment_check(w->dir_fd, name, NULL, &offset, &err), &err);
}

static void
round_trip(uint32_t rows_max, bool is_hostile, unsigned rounds)
{
    uint64_t seed = test_seed();
    for (unsigned i = 0; i < test_rounds(rounds); i++) {
        struct written w;
        start(&w);
        add_random_pieces(&w, rows_max, &seed, is_hostile);
        write_segment(&w, "a.segment", 1);
        compare_all(&w, "a.segment", 1, &seed);
        check(&w, "a.segment");
        stop(&w);
    }
}

static void
small_segments_of_plausible_rows_read_back(void **state)
{
    (void)state;
    round_trip(300, false, 40);
}

static void
small_segments_of_hostile_rows_read_back(void **state)
{
    (void)state;
    round_trip(300, true, 60);
}

static void
segments_of_several_blocks_read_back(void **state)
{
    (void)state;
    round_trip(SL_BATCH_ROWS_MAX, false, 2);
    round_trip(SL_BATCH_ROWS_MAX, true, 2);
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

static void
functions_of_addresses_read_back_with_their_exceptions(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    struct sl_segment_reader *reader;
    uint32_t forms[SL_SEGMENT_FORM_PAIRED + 1] = {0};
    uint32_t shared_maps = 0;
    start(&w);
    for (uint32_t i = 0; i < 2; i++)
        add_piece(&w, dependent_batch(w.schema, &seed), NULL);
    write_segment(&w, "a.segment", 1);
    compare_all(&w, "a.segment", 1, &seed);
    check(&w, "a.segment");
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    const struct sl_segment_group *group = &reader->footer.groups[0];
    for (uint32_t i = 0; i < group->stream_count; i++) {
        forms[group->streams[i].form]++;
        shared_maps +=
            group->streams[i].form == SL_SEGMENT_FORM_FUNCTION && group->streams[i].map == NULL;
    }
    assert_int_equal(shared_maps, 1);
    assert_true(forms[SL_SEGMENT_FORM_FUNCTION] >= 4);
    assert_true(forms[SL_SEGMENT_FORM_SELECT] >= 6);
    assert_int_equal(forms[SL_SEGMENT_FORM_ADD], 1);
    assert_int_equal(forms[SL_SEGMENT_FORM_SCALE], 1);
    sl_segment_reader_close(reader);
    stop(&w);
}

/* Plausible rows have both addresses, and a third of them answers the row before. */
static void
answers_are_kept_with_their_leads(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    struct sl_segment_reader *reader;
    start(&w);
    add_piece(&w, rows_batch(w.schema, SL_BATCH_ROWS_MAX, &seed, false), NULL);
    add_piece(&w, rows_batch(w.schema, SL_BATCH_ROWS_MAX, &seed, false), NULL);
    write_segment(&w, "a.segment", 1);
    compare_all(&w, "a.segment", 1, &seed);
    check(&w, "a.segment");
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    const struct sl_segment_group *group = &reader->footer.groups[0];
    uint32_t paired = 0;
    uint32_t answers = 0;
    for (uint32_t i = 0; i < group->stream_count; i++) {
        const struct sl_segment_stream *stream = &group->streams[i];
        paired += stream->form == SL_SEGMENT_FORM_PAIRED;
        for (uint32_t b = 0; stream->form == SL_SEGMENT_FORM_ANSWERS && b < group->block_count; b++)
            answers += stream->answer_counts[b];
    }
    assert_in_range(answers, group->row_count / 8, group->row_count / 2);
    assert_int_equal(paired, 6); /* side, two addresses, client's port, first_seen, duration */
    sl_segment_reader_close(reader);
    stop(&w);
}

static void
groups_are_independent_and_the_footer_tells_what_was_said(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    struct sl_segment_reader *reader;
    start(&w);
    add_random_pieces(&w, 500, &seed, false);
    write_segment(&w, "a.segment", SL_GROUPS_PER_SEGMENT_MAX);
    compare_all(&w, "a.segment", SL_GROUPS_PER_SEGMENT_MAX, NULL);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    const struct sl_segment_meta *meta = sl_segment_reader_meta(reader);
    assert_int_equal(meta->number, 42);
    assert_int_equal(meta->level, 1);
    assert_int_equal(meta->generation, 7);
    assert_false(meta->is_by_receipt);
    assert_int_equal(meta->partition_first_us, -5);
    assert_int_equal(meta->replace_count, 3);
    assert_int_equal(meta->replaces[2], 8);
    assert_memory_equal(meta->note, "note", 4);
    sl_segment_reader_close(reader);
    stop(&w);
}

enum { READERS = 4, READER_ROUNDS = 3 };

struct reading {
    const struct written *written;
    struct sl_segment_reader *reader;
    uint64_t sum;
};

/* Reads src_addr and app of all blocks, letting go of the dictionaries in between. */
static void
read_repeatedly(void *context)
{
    struct reading *reading = context;
    static const uint32_t indexes[] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_SRC_AS, SL_COLUMN_NEXT_HOP};
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    for (uint32_t round = 0; round < READER_ROUNDS; round++) {
        reading->sum = 0;
        for (uint32_t b = 0; b < sl_segment_reader_blocks(reading->reader, 0); b++) {
            sl_status st = sl_segment_cursor_seek(cursor, reading->reader, 0, b, NULL);
            for (size_t i = 0; st == SL_OK && i < SL_COUNTOF(indexes); i++) {
                struct sl_vector v;
                const struct sl_column *column = sl_schema_at(reading->written->schema, indexes[i]);
                st = sl_segment_cursor_column(cursor, column, NULL, &v, NULL, NULL);
                for (uint32_t row = 0; st == SL_OK && row < v.count; row++)
                    if (!sl_vector_is_null(&v, row))
                        reading->sum += v.type == SL_TYPE_ADDR ? sl_vector_addr(&v, row).low
                                                               : sl_vector_u64(&v, row);
            }
            SL_ASSERT(st == SL_OK);
        }
        sl_status left = sl_segment_cursor_seek(cursor, NULL, 0, 0, NULL);
        SL_ASSERT(left == SL_OK);
        (void)sl_segment_reader_drop(reading->reader, SL_SEGMENT_DROP_ALL);
    }
    sl_segment_cursor_destroy(cursor);
}

static void
threads_share_a_reader_and_its_dictionaries(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    struct sl_segment_reader *reader;
    struct reading readings[READERS];
    struct sl_thread *threads[READERS];
    start(&w);
    add_piece(&w, dependent_batch(w.schema, &seed), NULL);
    write_segment(&w, "a.segment", 1);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    for (uint32_t i = 0; i < READERS; i++) {
        readings[i] = (struct reading){&w, reader, 0};
        threads[i] = sl_thread_start("reader", read_repeatedly, &readings[i]);
    }
    for (uint32_t i = 0; i < READERS; i++)
        sl_thread_join(threads[i]);
    for (uint32_t i = 1; i < READERS; i++)
        assert_int_equal(readings[i].sum, readings[0].sum);
    sl_segment_reader_close(reader);
    stop(&w);
}

static void
dictionaries_stay_while_they_are_used_again(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    struct sl_segment_reader *reader;
    start(&w);
    add_piece(&w, dependent_batch(w.schema, &seed), NULL);
    write_segment(&w, "a.segment", 1);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    for (unsigned round = 0; round < 2; round++) {
        compare_group(&w, reader, 0, NULL);
        assert_true(sl_segment_reader_drop(reader, SL_SEGMENT_DROP_STALE) > 0);
    }
    size_t filter_bytes = sl_segment_reader_drop(reader, SL_SEGMENT_DROP_STALE);
    assert_true(filter_bytes == sl_segment_reader_drop(reader, SL_SEGMENT_DROP_STALE));
    assert_int_equal(sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL), 0);
    sl_segment_reader_close(reader);
    stop(&w);
}

/* A row of one column, so that the columns of what follows get other numbers. */
static void
write_narrow_group(const struct written *w, struct sl_segment_writer *writer)
{
    struct sl_error err = {0};
    struct sl_builder *b = sl_builder_create(1);
    sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(w->schema, SL_COLUMN_IN_BYTES)), 7);
    sl_builder_next(b);
    struct sl_batch *batch = sl_builder_finish(b);
    const struct sl_segment_rows rows = {.batch = batch};
    TEST_OK(sl_segment_writer_group(writer, &rows, 1, NULL, &err), &err);
    sl_batch_release(batch);
    sl_builder_destroy(b);
}

static void
copied_groups_read_back(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (unsigned round = 0; round < test_rounds(20); round++) {
        struct sl_error err = {0};
        struct written w;
        struct sl_segment_writer *writer;
        struct sl_segment_reader *reader;
        struct sl_segment_summary summary;
        const struct sl_segment_meta meta = {.number = 43};
        start(&w);
        add_random_pieces(&w, round == 0 ? SL_BATCH_ROWS_MAX : 2000, &seed, round % 2 == 1);
        write_segment(&w, "a.segment", 2);
        TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
        TEST_OK(sl_segment_writer_open(w.dir_fd, "b.segment", &meta, SL_EFFORT_SEAL, NULL, &writer,
                                       &err),
                &err);
        write_narrow_group(&w, writer);
        TEST_OK(sl_segment_writer_copy(writer, reader, 1, &err), &err);
        TEST_OK(sl_segment_writer_copy(writer, reader, 0, &err), &err);
        TEST_OK(sl_segment_writer_commit(writer, &summary, &err), &err);
        sl_segment_writer_close(writer);
        (void)sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL);
        sl_segment_reader_close(reader);
        assert_int_equal(summary.row_count, 2 * w.row_count + 1);
        check(&w, "b.segment");
        TEST_OK(sl_segment_reader_open(w.dir_fd, "b.segment", w.schema, NULL, &reader, &err), &err);
        compare_group(&w, reader, 1, &seed);
        compare_group(&w, reader, 2, &seed);
        (void)sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL);
        sl_segment_reader_close(reader);
        stop(&w);
    }
}

static void
a_damaged_group_is_not_copied(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    struct sl_segment_writer *writer;
    struct sl_segment_reader *reader;
    const struct sl_segment_meta meta = {.number = 43};
    int fd = -1;
    uint8_t byte = 0;
    start(&w);
    add_random_pieces(&w, 2000, &seed, false);
    write_segment(&w, "a.segment", 1);
    TEST_OK(sl_file_open(w.dir_fd, "a.segment", O_RDWR, &fd, &err), &err);
    TEST_OK(sl_file_read_at(fd, SL_SEGMENT_HEAD_BYTES + 5, &byte, 1, &err), &err);
    byte ^= 1;
    TEST_OK(sl_file_write_at(fd, SL_SEGMENT_HEAD_BYTES + 5, &byte, 1, &err), &err);
    sl_file_close(fd);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    TEST_OK(
        sl_segment_writer_open(w.dir_fd, "b.segment", &meta, SL_EFFORT_SEAL, NULL, &writer, &err),
        &err);
    assert_int_equal(sl_segment_writer_copy(writer, reader, 0, &err), SL_CORRUPT);
    assert_non_null(strstr(err.text, "a.segment: offset 32"));
    sl_segment_writer_close(writer);
    sl_segment_reader_close(reader);
    stop(&w);
}

static void
a_writer_that_is_closed_early_leaves_nothing(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    struct sl_segment_writer *writer;
    const struct sl_segment_meta meta = {.number = 1};
    int fd;
    start(&w);
    add_random_pieces(&w, 50, &seed, false);
    TEST_OK(
        sl_segment_writer_open(w.dir_fd, "a.segment", &meta, SL_EFFORT_SEAL, NULL, &writer, &err),
        &err);
    TEST_OK(sl_segment_writer_group(writer, w.rows, w.piece_count, NULL, &err), &err);
    sl_segment_writer_close(writer);
    assert_int_not_equal(sl_file_open(w.dir_fd, "a.segment", O_RDONLY, &fd, NULL), SL_OK);
    assert_int_not_equal(sl_file_open(w.dir_fd, "a.segment.tmp", O_RDONLY, &fd, NULL), SL_OK);
    stop(&w);
}

static void *
read_file(int dir_fd, const char *name, size_t *out_bytes)
{
    struct sl_error err = {0};
    struct stat info;
    int fd;
    TEST_OK(sl_file_open(dir_fd, name, O_RDONLY, &fd, &err), &err);
    assert_int_equal(fstat(fd, &info), 0);
    *out_bytes = (size_t)info.st_size;
    void *bytes = sl_new(*out_bytes);
    TEST_OK(sl_file_read_at(fd, 0, bytes, *out_bytes, &err), &err);
    sl_file_close(fd);
    return bytes;
}

/* So many rows that they are sorted in two parts as well. */
static void
a_second_thread_changes_no_byte(void **state)
{
    (void)state;
    enum { ROWS = 33000 };
    uint64_t seed = test_seed();
    struct written w;
    start(&w);
    add_piece(&w, rows_batch(w.schema, ROWS, &seed, false), NULL);
    add_piece(&w, rows_batch(w.schema, ROWS, &seed, true), NULL);
    write_segment_as(&w, "alone.segment", 1, false);
    write_segment_as(&w, "shared.segment", 1, true);
    size_t alone_bytes, shared_bytes;
    void *alone = read_file(w.dir_fd, "alone.segment", &alone_bytes);
    void *shared = read_file(w.dir_fd, "shared.segment", &shared_bytes);
    assert_int_equal(alone_bytes, shared_bytes);
    assert_memory_equal(alone, shared, alone_bytes);
    free(alone);
    free(shared);
    stop(&w);
}

static void
budgets_end_in_an_error_and_all_is_given_back(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    start(&w);
    add_random_pieces(&w, 3000, &seed, false);
    write_segment(&w, "a.segment", 1);
    bool is_done = false;
    for (size_t limit = 1000; !is_done; limit += limit / 2) {
        struct sl_budget budget = {.limit_bytes = limit};
        struct sl_arena *arena = sl_arena_create_shared(&budget);
        struct sl_segment_writer *writer;
        const struct sl_segment_meta meta = {.number = 1};
        TEST_OK(sl_segment_writer_open(w.dir_fd, "b.segment", &meta, SL_EFFORT_SEAL, arena, &writer,
                                       &err),
                &err);
        sl_status st = sl_segment_writer_group(writer, w.rows, w.piece_count, NULL, &err);
        sl_segment_writer_close(writer);
        sl_arena_destroy(arena);
        assert_int_equal(budget.used_bytes, 0);
        assert_true(st == SL_OK || st == SL_LIMIT);
        struct sl_segment_reader *reader = NULL;
        sl_status opened =
            sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, &budget, &reader, &err);
        struct sl_segment_cursor *cursor = sl_segment_cursor_create(&budget);
        sl_status read = opened;
        if (opened == SL_OK)
            read = sl_segment_cursor_seek(cursor, reader, 0, 0, &err);
        for (uint32_t c = 0; read == SL_OK && c < sl_schema_count(w.schema); c++) {
            struct sl_vector vector;
            read = sl_segment_cursor_column(cursor, sl_schema_at(w.schema, c), NULL, &vector, NULL,
                                            &err);
        }
        assert_true(read == SL_OK || read == SL_LIMIT);
        sl_segment_cursor_destroy(cursor);
        sl_segment_reader_close(reader);
        assert_int_equal(budget.used_bytes, 0);
        is_done = st == SL_OK && read == SL_OK;
    }
    stop(&w);
}

/* Read everything with a cursor that keeps, for a scan of so many rows; returns the values that were
 * decoded. */
static uint64_t
read_kept(const struct written *w, struct sl_segment_reader *reader, uint64_t scan_rows)
{
    struct sl_error err = {0};
    struct sl_segment_counters counters = {0};
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    sl_segment_cursor_keep(cursor, scan_rows);
    for (uint32_t b = 0; b < sl_segment_reader_blocks(reader, 0); b++) {
        uint32_t rows = sl_segment_reader_block_rows(reader, 0, b);
        TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, b, &err), &err);
        for (uint32_t c = 0; c < sl_schema_count(w->schema); c++) {
            struct sl_vector vector;
            TEST_OK(sl_segment_cursor_column(cursor, sl_schema_at(w->schema, c), NULL, &vector,
                                             &counters, &err),
                    &err);
        }
        compare_block(w, cursor, b, rows, NULL);
    }
    sl_segment_cursor_destroy(cursor);
    return counters.values_decoded;
}

static void
kept_blocks_are_those_that_were_written(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_reader *reader;
    struct written w;
    start(&w);
    for (unsigned i = 0; i < 2; i++)
        add_piece(&w, rows_batch(w.schema, 50000, &seed, i == 0), NULL);
    write_segment(&w, "a.segment", 1);
    struct sl_segment_cache *cache = sl_segment_cache_create(SIZE_MAX, &memory);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    sl_segment_reader_keep(reader, cache);
    uint64_t decoded_first = read_kept(&w, reader, 100000);
    assert_int_equal(sl_segment_cache_bytes(cache), 0); /* nobody came back yet */
    assert_int_equal(read_kept(&w, reader, 100000), decoded_first);
    size_t kept_bytes = sl_segment_cache_bytes(cache);
    uint64_t decoded_then = read_kept(&w, reader, 100000);
    assert_true(kept_bytes > 0);
    assert_int_equal(kept_bytes, memory.used_bytes);
    assert_int_equal(kept_bytes, sl_segment_cache_bytes(cache));
    /* What is left is strings without a dictionary. */
    assert_true(decoded_then < decoded_first / 4);
    sl_segment_reader_close(reader);
    assert_int_equal(memory.used_bytes, 0);
    sl_segment_cache_destroy(cache);
    stop(&w);
}

/* Kept times are lent as distances, before and after they were asked for, and not to who looks at few. */
static void
kept_times_are_lent_as_distances(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_reader *reader;
    struct written w;
    start(&w);
    add_piece(&w, rows_batch(w.schema, 5000, &seed, true), NULL);
    write_segment(&w, "a.segment", 1);
    const struct sl_column *last_seen = sl_schema_at(w.schema, SL_COLUMN_LAST_SEEN);
    struct sl_segment_cache *cache = sl_segment_cache_create(SIZE_MAX, &memory);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    sl_segment_reader_keep(reader, cache);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    sl_segment_cursor_keep(cursor, 0);
    const uint32_t *distances = NULL;
    uint64_t base = 0;
    struct sl_vector vector;
    for (unsigned round = 0; round < 3; round++) {
        TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 0, &err), &err);
        bool is_lent = sl_segment_cursor_distances(cursor, last_seen, &distances, &base);
        assert_int_equal(is_lent, round == 2);
        TEST_OK(sl_segment_cursor_column(cursor, last_seen, NULL, &vector, NULL, &err), &err);
    }
    assert_true(sl_segment_cursor_distances(cursor, last_seen, &distances, &base));
    for (uint32_t row = 0; row < vector.count; row++)
        assert_int_equal(base + distances[row], sl_vector_u64(&vector, row));
    assert_false(sl_segment_cursor_distances(cursor, sl_schema_at(w.schema, SL_COLUMN_IN_BYTES),
                                             &distances, &base));
    uint64_t few[SL_BLOCK_ROWS / 64] = {5};
    uint32_t count;
    TEST_OK(sl_segment_cursor_focus(cursor, few, &count, &err), &err);
    assert_false(sl_segment_cursor_distances(cursor, last_seen, &distances, &base));
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    assert_int_equal(memory.used_bytes, 0);
    sl_segment_cache_destroy(cache);
    stop(&w);
}

/* Of a scan far larger than the cache hardly anything is kept, however often it comes back. */
static void
a_scan_larger_than_the_cache_keeps_its_share(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_reader *reader;
    struct written w;
    start(&w);
    add_piece(&w, rows_batch(w.schema, 3000, &seed, false), NULL);
    write_segment(&w, "a.segment", 1);
    struct sl_segment_cache *cache = sl_segment_cache_create(64 << 20, &memory);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    sl_segment_reader_keep(reader, cache);
    for (unsigned round = 0; round < 3; round++)
        (void)read_kept(&w, reader, UINT64_C(1) << 40);
    assert_int_equal(sl_segment_cache_bytes(cache), 0);
    for (unsigned round = 0; round < 2; round++)
        (void)read_kept(&w, reader, 3000);
    assert_true(sl_segment_cache_bytes(cache) > 0);
    sl_segment_reader_close(reader);
    sl_segment_cache_destroy(cache);
    stop(&w);
}

/* Of a column that nobody came for, a few rows are decoded alone; who comes again finds it kept. */
static void
a_few_rows_are_kept_when_they_are_asked_for_again(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_reader *reader;
    struct written w;
    start(&w);
    add_piece(&w, rows_batch(w.schema, 6000, &seed, false), NULL);
    add_piece(&w, rows_batch(w.schema, 6000, &seed, true), NULL);
    write_segment(&w, "a.segment", 1);
    struct sl_segment_cache *cache = sl_segment_cache_create(SIZE_MAX, &memory);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    sl_segment_reader_keep(reader, cache);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    sl_segment_cursor_keep(cursor, 0);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t b = 0; b < sl_segment_reader_blocks(reader, 0); b++) {
            TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, b, &err), &err);
            compare_few(&w, cursor, b, sl_segment_reader_block_rows(reader, 0, b), &seed);
        }
        assert_true((sl_segment_cache_bytes(cache) != 0) == (round > 0));
    }
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    assert_int_equal(memory.used_bytes, 0);
    sl_segment_cache_destroy(cache);
    stop(&w);
}

/* Streams of which blocks below `end` are announced. */
static uint32_t
count_announced(const struct sl_segment_reader *reader, uint32_t end)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < reader->footer.groups[0].stream_count; i++)
        count += reader->groups[0].announced[i] == end;
    return count;
}

static void
streams_are_announced_as_far_as_blocks_are_expected(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_segment_reader *reader;
    struct sl_vector vector;
    struct written w;
    start(&w);
    for (unsigned i = 0; i < 3; i++)
        add_piece(&w, rows_batch(w.schema, 50000, &seed, true), NULL);
    write_segment(&w, "a.segment", 1);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    const struct sl_column *bytes = sl_schema_at(w.schema, SL_COLUMN_IN_BYTES);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 0, &err), &err);
    TEST_OK(sl_segment_cursor_column(cursor, bytes, NULL, &vector, NULL, &err), &err);
    uint32_t count = count_announced(reader, 1);
    assert_in_range(count, 1, SL_SEGMENT_CLOSURE_MAX);
    assert_int_equal(count_announced(reader, 0), reader->footer.groups[0].stream_count - count);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 1, &err), &err);
    sl_segment_cursor_expect(cursor, 3);
    TEST_OK(sl_segment_cursor_column(cursor, bytes, NULL, &vector, NULL, &err), &err);
    assert_int_equal(count_announced(reader, 3), count);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 2, &err), &err);
    TEST_OK(sl_segment_cursor_column(cursor, bytes, NULL, &vector, NULL, &err), &err);
    assert_int_equal(count_announced(reader, 3), count);
    sl_segment_cursor_announce(cursor, sl_schema_at(w.schema, SL_COLUMN_SRC_ADDR));
    assert_in_range(count_announced(reader, 3), count + 1, reader->footer.groups[0].stream_count);
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    stop(&w);
}

static void
what_was_asked_for_is_not_announced_again(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_segment_reader *reader;
    struct written w;
    start(&w);
    add_piece(&w, rows_batch(w.schema, 5000, &seed, true), NULL);
    write_segment(&w, "a.segment", 1);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    const struct sl_segment_group *group = &reader->footer.groups[0];
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    const struct sl_column *bytes = sl_schema_at(w.schema, SL_COLUMN_IN_BYTES);
    TEST_OK(sl_segment_cursor_seek(cursor, reader, 0, 0, &err), &err);
    for (uint32_t i = 0; i < group->column_count; i++)
        reader->groups[0].asked[i] = true;
    sl_segment_cursor_announce(cursor, bytes);
    assert_int_equal(count_announced(reader, 0), group->stream_count);
    for (uint32_t i = 0; i < group->column_count; i++)
        reader->groups[0].asked[i] = false;
    sl_segment_cursor_announce(cursor, bytes);
    assert_true(count_announced(reader, 0) < group->stream_count);
    sl_segment_cursor_destroy(cursor);
    sl_segment_reader_close(reader);
    stop(&w);
}

/* A run that reads from a file for a while. */
struct long_run {
    struct sl_segment_cursor *cursor;
    const struct sl_column *column;
    atomic_bool is_helped;
};

static void
read_or_help(void *context, unsigned index)
{
    struct long_run *run = context;
    struct sl_vector vector;
    struct sl_error err = {0};
    if (index == 1) {
        atomic_store(&run->is_helped, true);
        return;
    }
    int64_t started_us = sl_clock_monotonic_us();
    while (sl_clock_monotonic_us() - started_us <= SL_POOL_ALONE_US)
        continue;
    TEST_OK(sl_segment_cursor_column(run->cursor, run->column, NULL, &vector, NULL, &err), &err);
    while (!atomic_load(&run->is_helped)) /* only another thread can run index 1 */
        (void)sched_yield();
}

static void
who_reads_calls_others(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct sl_segment_reader *reader;
    struct sl_pool *pool = sl_pool_create("test", 1, 0);
    struct written w;
    start(&w);
    add_piece(&w, rows_batch(w.schema, 5000, &seed, true), NULL);
    write_segment(&w, "a.segment", 1);
    TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &reader, &err), &err);
    struct long_run run = {.cursor = sl_segment_cursor_create(NULL),
                           .column = sl_schema_at(w.schema, SL_COLUMN_IN_BYTES)};
    TEST_OK(sl_segment_cursor_seek(run.cursor, reader, 0, 0, &err), &err);
    sl_pool_each(pool, 2, 2, read_or_help, &run);
    assert_true(run.is_helped);
    sl_pool_destroy(pool);
    sl_segment_cursor_destroy(run.cursor);
    sl_segment_reader_close(reader);
    stop(&w);
}

enum { CROWD = 4, CROWD_ITEMS = 512 };

struct crowd {
    struct sl_segment_reader *reader;
    const struct sl_segment_item *items[CROWD][CROWD_ITEMS];
};

/* Dictionaries, maps and indexes of a group, in their order. */
static void
ask_items(void *context, unsigned index)
{
    struct crowd *crowd = context;
    const struct sl_segment_group *group = &crowd->reader->footer.groups[0];
    uint32_t count = sl_segment_item_of_index(group, group->index_count);
    SL_ASSERT(count <= CROWD_ITEMS);
    sl_segment_group_acquire(crowd->reader, 0);
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t stream = i - group->dictionary_count;
            struct sl_error err = {0};
            if (stream < group->stream_count && group->streams[stream].map == NULL)
                continue; /* it has none */
            if (round == 0)
                sl_segment_item_want(crowd->reader, 0, i);
            else
                SL_ASSERT(sl_segment_item_get(crowd->reader, 0, i, &crowd->items[index][i], NULL,
                                              &err) == SL_OK);
        }
    }
    sl_segment_group_release(crowd->reader, 0);
}

static void
items_that_several_threads_want_are_loaded_once(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    struct written w;
    start(&w);
    for (unsigned i = 0; i < 3; i++)
        add_piece(&w, rows_batch(w.schema, 50000, &seed, true), NULL);
    write_segment(&w, "a.segment", 1);
    struct sl_pool *pool = sl_pool_create("crowd", CROWD, 0);
    for (unsigned round = 0; round < 20; round++) {
        struct crowd crowd = {0};
        TEST_OK(sl_segment_reader_open(w.dir_fd, "a.segment", w.schema, NULL, &crowd.reader, &err),
                &err);
        sl_segment_group_acquire(crowd.reader, 0);
        sl_pool_each(pool, CROWD, CROWD, ask_items, &crowd);
        assert_non_null(crowd.items[0][0]);
        for (unsigned i = 1; i < CROWD; i++)
            assert_memory_equal(crowd.items[i], crowd.items[0], sizeof(crowd.items[0]));
        sl_segment_group_release(crowd.reader, 0);
        sl_segment_reader_close(crowd.reader);
    }
    sl_pool_destroy(pool);
    stop(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_segments_of_plausible_rows_read_back),
        cmocka_unit_test(small_segments_of_hostile_rows_read_back),
        cmocka_unit_test(segments_of_several_blocks_read_back),
        cmocka_unit_test(functions_of_addresses_read_back_with_their_exceptions),
        cmocka_unit_test(answers_are_kept_with_their_leads),
        cmocka_unit_test(groups_are_independent_and_the_footer_tells_what_was_said),
        cmocka_unit_test(threads_share_a_reader_and_its_dictionaries),
        cmocka_unit_test(dictionaries_stay_while_they_are_used_again),
        cmocka_unit_test(copied_groups_read_back),
        cmocka_unit_test(a_damaged_group_is_not_copied),
        cmocka_unit_test(a_writer_that_is_closed_early_leaves_nothing),
        cmocka_unit_test(streams_are_announced_as_far_as_blocks_are_expected),
        cmocka_unit_test(what_was_asked_for_is_not_announced_again),
        cmocka_unit_test(who_reads_calls_others),
        cmocka_unit_test(items_that_several_threads_want_are_loaded_once),
        cmocka_unit_test(kept_blocks_are_those_that_were_written),
        cmocka_unit_test(kept_times_are_lent_as_distances),
        cmocka_unit_test(a_scan_larger_than_the_cache_keeps_its_share),
        cmocka_unit_test(a_few_rows_are_kept_when_they_are_asked_for_again),
        cmocka_unit_test(a_second_thread_changes_no_byte),
        cmocka_unit_test(budgets_end_in_an_error_and_all_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
