/*
 * journal_damage_test.c - damage is told from a tail, and costs no more than what it hit.
 *
 * Method: every byte of a small journal damaged in turn, every length of it cut; whole frames and
 * files at another place.
 */
#include "storage/journal.h"

#include <fcntl.h>
#include <stdio.h>

#include "storage/journal_format.h"
#include "tests/unit/storage/journal_sample.h"

static void
write_whole(int dir_fd, const char *name, const uint8_t *bytes, size_t size_bytes)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, bytes, size_bytes, &err), &err);
    sl_file_close(fd);
}

static const char first_name[] = "0000000001.journal";
enum { SMALL_FRAMES = 4, SMALL_FRAME_BYTES = SL_JOURNAL_FRAME_HEAD_BYTES + 40 };

/* A small journal of one file, closed in order: its bytes. */
static uint8_t *
small_journal(const char *path, int dir_fd, size_t *out_size_bytes)
{
    struct sample_seen *seen = sl_new(sizeof(*seen));
    struct sl_journal *journal = sample_open(dir_fd, NULL, seen);
    sample_append_values(journal, 0, SMALL_FRAMES, 37);
    sl_journal_close(journal);
    free(seen);
    char name[4096];
    (void)snprintf(name, sizeof(name), "%s/%s", path, first_name);
    return test_read_file(name, out_size_bytes);
}

static uint64_t
check_damage(int dir_fd, struct sample_seen *seen)
{
    struct sl_error err = {0};
    uint64_t damaged;
    seen->damage_count = 0;
    TEST_OK(sl_journal_check(dir_fd, 0, sample_see_damage, seen, &damaged, &err), &err);
    assert_int_equal(damaged, seen->damage_count);
    return damaged;
}

static void
every_damaged_byte_is_told_and_the_rest_is_replayed(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);
    size_t mark_offset = size_bytes - SL_JOURNAL_FRAME_HEAD_BYTES;
    assert_int_equal(mark_offset, SL_JOURNAL_HEAD_BYTES + SMALL_FRAMES * SMALL_FRAME_BYTES);

    uint64_t seed = test_seed();
    for (size_t i = 0; i < size_bytes; i++) {
        if (test_random_below(&seed, 100) >= test_rounds(100))
            continue;
        char *copy_path = test_dir_create();
        int copy_fd = sample_open_dir(copy_path);
        bytes[i] ^= (uint8_t)(1u << (i % 8));
        write_whole(copy_fd, first_name, bytes, size_bytes);
        bytes[i] ^= (uint8_t)(1u << (i % 8));

        bool is_head = i < SL_JOURNAL_HEAD_BYTES;
        bool is_mark = i >= mark_offset;
        size_t frame = is_head ? 0 : (i - SL_JOURNAL_HEAD_BYTES) / SMALL_FRAME_BYTES;
        assert_int_equal(check_damage(copy_fd, seen), is_mark ? 0 : 1);

        sl_journal_close(sample_open(copy_fd, NULL, seen));
        assert_int_equal(seen->damage_count, is_mark ? 0 : 1);
        assert_int_equal(seen->count, is_head || is_mark ? SMALL_FRAMES : SMALL_FRAMES - 1);
        if (!is_mark) {
            assert_string_equal(seen->damage_file, first_name);
            assert_int_equal(seen->damage_offset,
                             is_head ? 0 : SL_JOURNAL_HEAD_BYTES + frame * SMALL_FRAME_BYTES);
        }
        for (size_t k = 0; k < seen->count; k++)
            assert_true(is_head || is_mark || seen->values[k] != frame);

        /* It stays reported, and what comes later is not lost with it. */
        struct sl_journal *journal = sample_open(copy_fd, NULL, seen);
        sample_append_values(journal, 77, 1, 8);
        sl_journal_close(journal);
        sl_journal_close(sample_open(copy_fd, NULL, seen));
        assert_int_equal(seen->values[seen->count - 1], 77);
        assert_int_equal(seen->damage_count, is_mark ? 0 : 1);
        sl_file_close(copy_fd);
        test_dir_remove(copy_path);
    }
    free(bytes);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
a_file_cut_anywhere_keeps_its_whole_frames(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);

    uint64_t seed = test_seed();
    for (size_t cut = 0; cut <= size_bytes; cut++) {
        if (test_random_below(&seed, 100) >= test_rounds(100))
            continue;
        char *copy_path = test_dir_create();
        int copy_fd = sample_open_dir(copy_path);
        write_whole(copy_fd, first_name, bytes, cut);
        size_t whole =
            cut < SL_JOURNAL_HEAD_BYTES ? 0 : (cut - SL_JOURNAL_HEAD_BYTES) / SMALL_FRAME_BYTES;
        assert_int_equal(check_damage(copy_fd, seen), 0);
        struct sl_journal *journal = sample_open(copy_fd, NULL, seen);
        sample_expect_values(seen, 0, whole);
        sample_append_values(journal, whole, 1, 8);
        sl_journal_close(journal);
        sl_journal_close(sample_open(copy_fd, NULL, seen));
        sample_expect_values(seen, 0, whole + 1);
        assert_int_equal(seen->damage_count, 0);
        sl_file_close(copy_fd);
        test_dir_remove(copy_path);
    }
    free(bytes);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
a_frame_at_another_place_is_not_believed(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sample_seen *seen = sl_new(sizeof(*seen));
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);

    /* The second frame over the third, all bytes as a writer of ours wrote them. */
    uint8_t *second = bytes + SL_JOURNAL_HEAD_BYTES + SMALL_FRAME_BYTES;
    memcpy(second + SMALL_FRAME_BYTES, second, SMALL_FRAME_BYTES);
    write_whole(dir_fd, first_name, bytes, size_bytes);
    sl_journal_close(sample_open(dir_fd, NULL, seen));
    assert_int_equal(seen->count, SMALL_FRAMES - 1);
    assert_int_equal(seen->damage_count, 1);

    /* The whole file under another number. */
    char *other_path = test_dir_create();
    int other_fd = sample_open_dir(other_path);
    write_whole(other_fd, "0000000002.journal", bytes, size_bytes);
    sl_journal_close(sample_open(other_fd, NULL, seen));
    assert_int_equal(seen->count, 0);
    assert_int_equal(seen->damage_count, 1);
    sl_file_close(other_fd);
    test_dir_remove(other_path);

    free(bytes);
    free(seen);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

static void
a_newer_format_is_refused_and_left_alone(void **state)
{
    (void)state;
    char *path = test_dir_create();
    int dir_fd = sample_open_dir(path);
    struct sl_error err = {0};
    struct sl_journal *journal;
    struct sl_journal_replay replay = {0};
    size_t size_bytes;
    uint8_t *bytes = small_journal(path, dir_fd, &size_bytes);

    bytes[8] = 2;
    uint64_t hash = sl_hash64(bytes, 56);
    for (size_t i = 0; i < 8; i++)
        bytes[56 + i] = (uint8_t)(hash >> (8 * i));
    write_whole(dir_fd, first_name, bytes, size_bytes);
    assert_int_equal(sl_journal_open(dir_fd, NULL, &replay, &journal, &err), SL_VERSION);
    assert_null(journal);
    free(bytes);
    sl_file_close(dir_fd);
    test_dir_remove(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_damaged_byte_is_told_and_the_rest_is_replayed),
        cmocka_unit_test(a_file_cut_anywhere_keeps_its_whole_frames),
        cmocka_unit_test(a_frame_at_another_place_is_not_believed),
        cmocka_unit_test(a_newer_format_is_refused_and_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
