/*
 * segment_test.c - what goes into a segment comes out of it, in the order that the writer tells.
 *
 * Random batches are written, read back block by block and compared value by value.
 */
#include "storage/segment/segment_open.h"
#include "tests/unit/storage/segment/segment_written.h"

static void
round_trip(uint32_t rows_max, bool is_hostile, unsigned rounds)
{
    uint64_t seed = test_seed();
    for (unsigned i = 0; i < test_rounds(rounds); i++) {
        struct written w;
        written_start(&w);
        written_add_random(&w, rows_max, &seed, is_hostile);
        written_write(&w, "a.segment", 1);
        written_compare_all(&w, "a.segment", 1, &seed);
        written_check(&w, "a.segment");
        written_stop(&w);
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

static void
functions_of_addresses_read_back_with_their_exceptions(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    uint32_t forms[SL_SEGMENT_FORM_PAIRED + 1] = {0};
    uint32_t shared_maps = 0;
    written_start(&w);
    for (uint32_t i = 0; i < 2; i++)
        written_add_dependent(&w, &seed);
    written_write(&w, "a.segment", 1);
    written_compare_all(&w, "a.segment", 1, &seed);
    written_check(&w, "a.segment");
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
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
    written_stop(&w);
}

/* Plausible rows have both addresses, and a third of them answers the row before. */
static void
answers_are_kept_with_their_leads(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    written_start(&w);
    written_add_rows(&w, SL_BATCH_ROWS_MAX, &seed, false);
    written_add_rows(&w, SL_BATCH_ROWS_MAX, &seed, false);
    written_write(&w, "a.segment", 1);
    written_compare_all(&w, "a.segment", 1, &seed);
    written_check(&w, "a.segment");
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
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
    written_stop(&w);
}

static void
groups_are_independent_and_the_footer_tells_what_was_said(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct written w;
    written_start(&w);
    written_add_random(&w, 500, &seed, false);
    written_write(&w, "a.segment", SL_GROUPS_PER_SEGMENT_MAX);
    written_compare_all(&w, "a.segment", SL_GROUPS_PER_SEGMENT_MAX, NULL);
    struct sl_segment_reader *reader = written_open(&w, "a.segment");
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
    written_stop(&w);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
