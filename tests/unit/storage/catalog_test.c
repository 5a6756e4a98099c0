/*
 * catalog_test.c - what a commit put is there after reopening, all of it or nothing, and a
 * damaged file is refused or harmless.
 *
 * Method: examples, some of them with a directory that cannot be written; a random model of
 * segments, producers and meta against plain arrays; bytes of
 * the data file damaged, all of both roots and a seeded sample of the rest: open must refuse, or
 * show exactly what was stored and stay writable.
 */
#include "storage/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "storage/base/file.h"
#include "storage/catalog_record.h"
#include "tests/support/test.h"

/* Of LMDB. */
#define PAGE_BYTES ((off_t)4096)

struct place {
    char *root;
    char path[4096]; /* of the catalog directory */
    char file[4200]; /* of its data file */
    char rest[4200]; /* of what is to become one */
};

static struct place
make_place(void)
{
    struct place p = {.root = test_dir_create()};
    (void)snprintf(p.path, sizeof(p.path), "%s/catalog", p.root);
    (void)snprintf(p.file, sizeof(p.file), "%s/data.mdb", p.path);
    (void)snprintf(p.rest, sizeof(p.rest), "%s/data.new", p.path);
    return p;
}

static struct sl_catalog *
open_catalog(const struct place *p)
{
    struct sl_error err = {0};
    struct sl_catalog *catalog;
    TEST_OK(sl_catalog_open(p->path, &catalog, &err), &err);
    return catalog;
}

static struct sl_catalog_state *
load(struct sl_catalog *catalog)
{
    struct sl_error err = {0};
    struct sl_catalog_state *state;
    TEST_OK(sl_catalog_load(catalog, &state, &err), &err);
    return state;
}

static void
commit(struct sl_catalog *catalog, struct sl_catalog_edit *edit)
{
    struct sl_error err = {0};
    TEST_OK(sl_catalog_commit(catalog, edit, &err), &err);
}

static struct sl_catalog_segment
segment_of(uint64_t number)
{
    int64_t hour = (int64_t)number * 3600000000;
    return (struct sl_catalog_segment){.number = number,
                                       .rows = 1000 + number,
                                       .dead_rows = number % 7,
                                       .bytes = number * 12345,
                                       .index_bytes = number * 3,
                                       .groups = 1 + (uint32_t)(number % 16),
                                       .level = (uint32_t)(number % 3),
                                       .generation = (uint32_t)number,
                                       .is_filed_by_receipt = number % 2 == 1,
                                       .partition_first_us = hour,
                                       .partition_last_us = hour + 1,
                                       .first_seen_min_us = -hour,
                                       .first_seen_max_us = hour + 2,
                                       .last_seen_min_us = INT64_MIN,
                                       .last_seen_max_us = INT64_MAX};
}

static void
expect_segment(const struct sl_catalog_segment *s, uint64_t number)
{
    struct sl_catalog_segment e = segment_of(number);
    assert_int_equal(s->number, e.number);
    assert_int_equal(s->rows, e.rows);
    assert_int_equal(s->dead_rows, e.dead_rows);
    assert_int_equal(s->bytes, e.bytes);
    assert_int_equal(s->index_bytes, e.index_bytes);
    assert_int_equal(s->groups, e.groups);
    assert_int_equal(s->level, e.level);
    assert_int_equal(s->generation, e.generation);
    assert_int_equal(s->is_filed_by_receipt, e.is_filed_by_receipt);
    assert_true(s->partition_first_us == e.partition_first_us);
    assert_true(s->partition_last_us == e.partition_last_us);
    assert_true(s->first_seen_min_us == e.first_seen_min_us);
    assert_true(s->first_seen_max_us == e.first_seen_max_us);
    assert_true(s->last_seen_min_us == e.last_seen_min_us);
    assert_true(s->last_seen_max_us == e.last_seen_max_us);
}

/* One of everything. */
static void
put_everything(struct sl_catalog *catalog)
{
    static uint8_t bitmap[5000]; /* larger than a page of LMDB */
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint64_t i = 1; i <= 20; i++) {
        struct sl_catalog_segment s = segment_of(i);
        sl_catalog_put_segment(edit, &s);
    }
    for (size_t i = 0; i < sizeof(bitmap); i++)
        bitmap[i] = (uint8_t)(i * 31);
    struct sl_catalog_dead dead = {.segment = 3,
                                   .group = 2,
                                   .generation = 9,
                                   .bitmap = bitmap,
                                   .bitmap_bytes = sizeof(bitmap)};
    sl_catalog_put_dead(edit, &dead);
    dead.segment = 4;
    dead.bitmap_bytes = 10;
    sl_catalog_put_dead(edit, &dead);
    struct sl_catalog_producer producer = {
        .name = "nprobe-1", .name_bytes = 8, .epoch = 4, .batch_number = 77, .touched_us = -5};
    sl_catalog_put_producer(edit, &producer);
    struct sl_catalog_import import = {.id = {.low = 1, .high = 2},
                                       .offset = 9,
                                       .rows = 8,
                                       .oldest_us = 6,
                                       .newest_us = 7,
                                       .is_finished = true};
    sl_catalog_put_import(edit, &import);
    struct sl_catalog_column column = {"src_addr", SL_TYPE_ADDR, SL_UNIT_NONE};
    sl_catalog_put_column(edit, 0, &column);
    column = (struct sl_catalog_column){"in_bytes", SL_TYPE_U64, SL_UNIT_BYTES};
    sl_catalog_put_column(edit, 1, &column);
    sl_catalog_put_counter(edit, SL_CATALOG_JOURNAL_POSITION, UINT64_C(1) << 40);
    sl_catalog_put_counter(edit, SL_CATALOG_SEGMENT_NUMBER, 21);
    sl_catalog_put_meta(edit, "user", "alice", 5, "secret", 6);
    sl_catalog_put_meta(edit, "user", "bob", 3, "", 0);
    sl_catalog_put_meta(edit, "users", "not a user", 10, "x", 1);
    commit(catalog, edit);
}

static void
list_user(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 200 - used, "%.*s=%.*s;", (int)key_bytes, (const char *)key,
                   (int)value_bytes, (const char *)value);
}

static void
expect_everything(struct sl_catalog *catalog)
{
    struct sl_error err = {0};
    char users[200] = "";
    struct sl_catalog_state *s = load(catalog);
    assert_int_equal(s->segment_count, 20);
    for (size_t i = 0; i < 20; i++)
        expect_segment(&s->segments[i], i + 1);
    assert_int_equal(s->dead_count, 2);
    assert_int_equal(s->deads[0].segment, 3);
    assert_int_equal(s->deads[0].group, 2);
    assert_int_equal(s->deads[0].generation, 9);
    assert_int_equal(s->deads[0].bitmap_bytes, 5000);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(((const uint8_t *)s->deads[0].bitmap)[i], (uint8_t)(i * 31));
    assert_int_equal(s->deads[1].bitmap_bytes, 10);
    assert_int_equal(s->producer_count, 1);
    assert_int_equal(s->producers[0].name_bytes, 8);
    assert_string_equal(s->producers[0].name, "nprobe-1");
    assert_int_equal(s->producers[0].epoch, 4);
    assert_int_equal(s->producers[0].batch_number, 77);
    assert_true(s->producers[0].touched_us == -5);
    assert_int_equal(s->import_count, 1);
    assert_int_equal(s->imports[0].id.low, 1);
    assert_int_equal(s->imports[0].id.high, 2);
    assert_int_equal(s->imports[0].offset, 9);
    assert_int_equal(s->imports[0].rows, 8);
    assert_int_equal(s->imports[0].oldest_us, 6);
    assert_int_equal(s->imports[0].newest_us, 7);
    assert_true(s->imports[0].is_finished);
    assert_int_equal(s->column_count, 2);
    assert_string_equal(s->columns[0].name, "src_addr");
    assert_int_equal(s->columns[1].type, SL_TYPE_U64);
    assert_int_equal(s->columns[1].unit, SL_UNIT_BYTES);
    assert_int_equal(s->counters[SL_CATALOG_JOURNAL_POSITION], UINT64_C(1) << 40);
    assert_int_equal(s->counters[SL_CATALOG_SEGMENT_NUMBER], 21);
    assert_int_equal(s->counters[SL_CATALOG_HOSTS_NUMBER], 0);
    sl_catalog_state_destroy(s);
    TEST_OK(sl_catalog_walk_meta(catalog, "user", list_user, users, &err), &err);
    assert_string_equal(users, "alice=secret;bob=;");
}

static void
what_was_committed_is_there_after_reopening(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    assert_true(sl_catalog_is_new(catalog));
    put_everything(catalog);
    expect_everything(catalog);
    assert_true(sl_catalog_bytes(catalog) > 4096);
    sl_catalog_close(catalog);

    catalog = open_catalog(&p);
    assert_false(sl_catalog_is_new(catalog));
    expect_everything(catalog);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
removing_takes_the_dead_rows_of_a_segment_along(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    struct sl_error err = {0};
    char users[200] = "";
    put_everything(catalog);
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    sl_catalog_remove_segment(edit, 3);
    sl_catalog_remove_segment(edit, 999); /* never was */
    sl_catalog_remove_producer(edit, "nprobe-1", 8);
    sl_catalog_remove_import(edit, (struct sl_hash128){.low = 1, .high = 2});
    sl_catalog_put_meta(edit, "user", "alice", 5, NULL, 0);
    commit(catalog, edit);
    struct sl_catalog_state *s = load(catalog);
    assert_int_equal(s->segment_count, 19);
    assert_int_equal(s->dead_count, 1);
    assert_int_equal(s->deads[0].segment, 4);
    assert_int_equal(s->producer_count, 0);
    assert_int_equal(s->import_count, 0);
    sl_catalog_state_destroy(s);
    TEST_OK(sl_catalog_walk_meta(catalog, "user", list_user, users, &err), &err);
    assert_string_equal(users, "bob=;");
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
an_edit_is_applied_wholly_or_not_at_all(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    struct sl_error err = {0};
    put_everything(catalog);

    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    sl_catalog_remove_segment(edit, 3);
    char key[SL_CATALOG_KEY_BYTES_MAX + 1] = {0};
    sl_catalog_put_meta(edit, "user", key, sizeof(key), "x", 1);
    assert_int_equal(sl_catalog_commit(catalog, edit, &err), SL_LIMIT);
    expect_everything(catalog);

    edit = sl_catalog_edit_create();
    sl_catalog_remove_segment(edit, 3);
    sl_catalog_edit_destroy(edit);
    expect_everything(catalog);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
the_map_grows_with_the_catalog(void **state)
{
    (void)state;
    enum { VALUES = 10, VALUE_BYTES = 4 << 20 };
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    uint8_t *value = sl_new(VALUE_BYTES);
    put_everything(catalog);
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint8_t i = 0; i < VALUES; i++)
        sl_catalog_put_meta(edit, "large", &i, 1, value, VALUE_BYTES);
    commit(catalog, edit);
    assert_true(sl_catalog_bytes(catalog) > (uint64_t)VALUES * VALUE_BYTES);
    expect_everything(catalog);
    sl_catalog_close(catalog);
    catalog = open_catalog(&p);
    expect_everything(catalog);
    sl_catalog_close(catalog);
    free(value);
    test_dir_remove(p.root);
}

enum { MODEL_SEGMENTS = 300, MODEL_PRODUCERS = 40 };

struct model {
    bool has_segment[MODEL_SEGMENTS + 1];
    uint64_t batch_of[MODEL_PRODUCERS]; /* 0: no such producer */
};

static void
expect_model(struct sl_catalog *catalog, const struct model *m)
{
    struct sl_catalog_state *s = load(catalog);
    size_t at = 0;
    for (uint64_t i = 1; i <= MODEL_SEGMENTS; i++) {
        if (m->has_segment[i])
            expect_segment(&s->segments[at++], i);
    }
    assert_int_equal(at, s->segment_count);
    at = 0;
    for (unsigned i = 0; i < MODEL_PRODUCERS; i++) {
        if (m->batch_of[i] == 0)
            continue;
        char name[20];
        (void)snprintf(name, sizeof(name), "producer-%02u", i);
        assert_string_equal(s->producers[at].name, name);
        assert_int_equal(s->producers[at++].batch_number, m->batch_of[i]);
    }
    assert_int_equal(at, s->producer_count);
    sl_catalog_state_destroy(s);
}

static void
random_edits_agree_with_plain_arrays(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    uint64_t seed = test_seed();
    struct model *m = sl_new(sizeof(*m));
    for (unsigned round = 0; round < 150; round++) {
        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        for (uint64_t i = test_random_below(&seed, 20); i > 0; i--) {
            uint64_t number = 1 + test_random_below(&seed, MODEL_SEGMENTS);
            struct sl_catalog_segment s = segment_of(number);
            m->has_segment[number] = test_random_below(&seed, 3) > 0;
            if (m->has_segment[number])
                sl_catalog_put_segment(edit, &s);
            else
                sl_catalog_remove_segment(edit, number);
            uint64_t producer = test_random_below(&seed, MODEL_PRODUCERS);
            char name[20];
            struct sl_catalog_producer record = {.name = name, .batch_number = number};
            record.name_bytes =
                (size_t)snprintf(name, sizeof(name), "producer-%02u", (unsigned)producer);
            sl_catalog_put_producer(edit, &record);
            m->batch_of[producer] = number;
        }
        commit(catalog, edit);
        if (round % 10 == 0) {
            sl_catalog_close(catalog);
            catalog = open_catalog(&p);
        }
        expect_model(catalog, m);
    }
    free(m);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

/* Segments first .. last and nothing else, in one edit that leaves no others of 1 .. MODEL_SEGMENTS. */
static void
keep_segments(struct sl_catalog *catalog, uint64_t first, uint64_t last)
{
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint64_t i = 1; i <= MODEL_SEGMENTS; i++) {
        struct sl_catalog_segment s = segment_of(i);
        if (i >= first && i <= last)
            sl_catalog_put_segment(edit, &s);
        else
            sl_catalog_remove_segment(edit, i);
    }
    commit(catalog, edit);
}

static void
expect_segments(struct sl_catalog *catalog, uint64_t first, uint64_t last)
{
    struct sl_catalog_state *s = load(catalog);
    assert_int_equal(s->segment_count, last - first + 1);
    for (size_t i = 0; i < s->segment_count; i++)
        expect_segment(&s->segments[i], first + i);
    sl_catalog_state_destroy(s);
}

static struct stat
stat_file(const struct place *p)
{
    struct stat info;
    assert_int_equal(stat(p->file, &info), 0);
    return info;
}

static void
a_catalog_that_shrank_is_written_anew(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    keep_segments(catalog, 1, MODEL_SEGMENTS);
    struct stat large = stat_file(&p);
    keep_segments(catalog, 8, 9);
    struct stat small = stat_file(&p);
    assert_true(small.st_ino != large.st_ino);
    assert_true(small.st_size <= 4 * PAGE_BYTES && small.st_size < large.st_size / 4);
    assert_int_equal(sl_catalog_bytes(catalog), small.st_size);
    expect_segments(catalog, 8, 9);

    /* What follows goes into the new file, and counts from its transaction on. */
    for (uint64_t i = 10; i < 20; i++) {
        keep_segments(catalog, 8, i);
        sl_catalog_close(catalog);
        catalog = open_catalog(&p);
        assert_false(sl_catalog_is_new(catalog));
        expect_segments(catalog, 8, i);
    }
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
commits_of_one_size_do_not_write_it_anew(void **state)
{
    (void)state;
    enum { VALUE_BYTES = 1 << 20 };
    static const uint64_t sizes[] = {1, 20, 60, 200, MODEL_SEGMENTS};
    uint8_t *value = sl_new(VALUE_BYTES);
    for (size_t i = 0; i < 2 * SL_COUNTOF(sizes); i++) {
        struct place p = make_place();
        struct sl_catalog *catalog = open_catalog(&p);
        struct stat first = stat_file(&p);
        for (unsigned round = 0; round < 30; round++) {
            keep_segments(catalog, 1, sizes[i / 2]); /* each changes every page */
            if (i % 2 == 0)
                continue;
            struct sl_catalog_edit *edit = sl_catalog_edit_create();
            sl_catalog_put_meta(edit, "large", "", 0, value, VALUE_BYTES);
            commit(catalog, edit);
        }
        assert_int_equal(stat_file(&p).st_ino, first.st_ino);
        sl_catalog_close(catalog);
        test_dir_remove(p.root);
    }
    free(value);
}

static bool must_fail_rename, must_fail_sync;

static int
failing_renameat(void *context, int dir_fd, const char *source, const char *target)
{
    if (!must_fail_rename)
        return sl_file_real_calls.renameat(context, dir_fd, source, target);
    errno = EIO;
    return -1;
}

static int
failing_fsync(void *context, int fd)
{
    if (!must_fail_sync)
        return sl_file_real_calls.fsync(context, fd);
    errno = EIO;
    return -1;
}

static void
a_name_that_is_not_on_disk_holds_commits_back(void **state)
{
    (void)state;
    struct sl_file_calls calls = sl_file_real_calls;
    calls.renameat = failing_renameat;
    calls.fsync = failing_fsync;
    for (unsigned round = 0; round < 4; round++) {
        struct place p = make_place();
        struct sl_catalog *catalog = open_catalog(&p);
        struct sl_error err = {0};
        bool is_renamed = round % 2 == 0;
        bool is_synced = round / 2 == 0;
        keep_segments(catalog, 1, MODEL_SEGMENTS);
        struct stat large = stat_file(&p);
        must_fail_rename = !is_renamed;
        must_fail_sync = !is_synced;
        sl_file_install(&calls);
        keep_segments(catalog, 8, 9); /* done, whatever becomes of the file */
        assert_int_equal(stat_file(&p).st_ino == large.st_ino, !is_renamed);
        expect_segments(catalog, 8, 9);
        struct stat info;
        assert_int_equal(stat(p.rest, &info), -1);

        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        struct sl_catalog_segment s = segment_of(10);
        sl_catalog_put_segment(edit, &s);
        assert_int_equal(sl_catalog_commit(catalog, edit, &err), is_synced ? SL_OK : SL_IO);
        expect_segments(catalog, 8, is_synced ? 10 : 9);
        must_fail_rename = must_fail_sync = false;
        keep_segments(catalog, 8, 12);
        assert_true(stat_file(&p).st_size <= 12 * PAGE_BYTES && large.st_size > 12 * PAGE_BYTES);
        sl_file_install(NULL);
        sl_catalog_close(catalog);
        catalog = open_catalog(&p);
        expect_segments(catalog, 8, 12);
        sl_catalog_close(catalog);
        test_dir_remove(p.root);
    }
}

static void
what_a_power_cut_left_beside_it_is_removed(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_error err = {0};
    struct stat info;
    int fd;
    struct sl_catalog *catalog = open_catalog(&p);
    put_everything(catalog);
    sl_catalog_close(catalog);
    TEST_OK(sl_file_open(AT_FDCWD, p.rest, O_WRONLY | O_CREAT, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, 0, "half", 4, &err), &err);
    sl_file_close(fd);
    catalog = open_catalog(&p);
    expect_everything(catalog);
    sl_catalog_close(catalog);
    assert_int_equal(stat(p.rest, &info), -1);
    test_dir_remove(p.root);
}

static void
write_byte(const struct place *p, uint64_t offset, uint8_t byte)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_file_open(AT_FDCWD, p->file, O_WRONLY, &fd, &err), &err);
    TEST_OK(sl_file_write_at(fd, offset, &byte, 1, &err), &err);
    sl_file_close(fd);
}

static void
a_file_made_by_its_directorys_name_opens_too(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    put_everything(catalog);
    sl_catalog_close(catalog);
    size_t size_bytes;
    uint8_t *bytes = test_read_file(p.file, &size_bytes);
    for (size_t root = 0; root < 2; root++) { /* LMDB's MDB_NOSUBDIR */
        size_t flags_offset = root * (size_t)PAGE_BYTES + 40 + 5;
        assert_int_equal(bytes[flags_offset], 0x40);
        write_byte(&p, flags_offset, 0);
    }
    free(bytes);
    catalog = open_catalog(&p);
    expect_everything(catalog);
    put_everything(catalog);
    sl_catalog_close(catalog);
    catalog = open_catalog(&p);
    expect_everything(catalog);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

/* Undetected damage must be harmless: everything is there, and stays there when more comes. */
static void
expect_harmless(struct place *p, struct sl_catalog *catalog)
{
    expect_everything(catalog);
    for (unsigned i = 0; i < 3; i++) {
        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        sl_catalog_put_counter(edit, SL_CATALOG_SEGMENT_NUMBER, 21);
        sl_catalog_put_meta(edit, "other", &i, sizeof(i), "0123456789", 10);
        commit(catalog, edit);
    }
    sl_catalog_close(catalog);
    catalog = open_catalog(p);
    expect_everything(catalog);
    sl_catalog_close(catalog);
}

static void
a_damaged_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    put_everything(catalog);
    sl_catalog_close(catalog);
    size_t size_bytes;
    uint8_t *bytes = test_read_file(p.file, &size_bytes);
    uint64_t seed = test_seed();
    unsigned refused = 0, tried = 0;

    for (size_t i = 0; i < size_bytes; i++) {
        bool is_root = i % 4096 < 160 && i < 8192;
        if (test_random_below(&seed, is_root ? 100 : 12000) >= test_rounds(100))
            continue;
        struct sl_error err = {0};
        uint8_t flip = (uint8_t)(1u << test_random_below(&seed, 8));
        tried++;
        write_byte(&p, i, bytes[i] ^ flip);
        sl_status st = sl_catalog_open(p.path, &catalog, &err);
        struct sl_error check_err = {0};
        sl_status check_st = sl_catalog_check(p.path, &check_err);
        if (st == SL_OK) {
            assert_int_equal(check_st, SL_OK);
            expect_harmless(&p, catalog);
        } else {
            assert_true(st == SL_CORRUPT || st == SL_VERSION);
            assert_null(catalog);
            assert_true(check_st == SL_VERSION || check_st == SL_CORRUPT);
            assert_true(strlen(check_err.text) > 0);
            refused++;
        }
        struct sl_error write_err = {0};
        int fd;
        TEST_OK(sl_file_open(AT_FDCWD, p.file, O_WRONLY | O_TRUNC, &fd, &write_err), &write_err);
        TEST_OK(sl_file_write_at(fd, 0, bytes, size_bytes, &write_err), &write_err);
        sl_file_close(fd);
    }
    print_message("%u damaged bytes of %zu, %u refused\n", tried, size_bytes, refused);
    assert_true(refused > tried / 8);
    free(bytes);
    test_dir_remove(p.root);
}

static void
a_cut_file_is_refused(void **state)
{
    (void)state;
    struct place p = make_place();
    struct sl_catalog *catalog = open_catalog(&p);
    put_everything(catalog);
    sl_catalog_close(catalog);
    size_t size_bytes;
    uint8_t *bytes = test_read_file(p.file, &size_bytes);
    for (size_t cut = 0; cut < size_bytes; cut += 2048 * (100 / test_rounds(100))) {
        struct sl_error err = {0};
        int fd;
        TEST_OK(sl_file_open(AT_FDCWD, p.file, O_WRONLY | O_TRUNC, &fd, &err), &err);
        TEST_OK(sl_file_write_at(fd, 0, bytes, cut, &err), &err);
        sl_file_close(fd);
        assert_int_equal(sl_catalog_open(p.path, &catalog, &err), SL_CORRUPT);
    }
    free(bytes);
    test_dir_remove(p.root);
}

static void
a_damaged_catalog_is_moved_aside(void **state)
{
    (void)state;
    struct place p = make_place();
    char moved[4200];
    char expected[4200];
    struct sl_error err = {0};
    for (unsigned i = 1; i <= 3; i++) {
        sl_catalog_close(open_catalog(&p));
        TEST_OK(sl_catalog_move_aside(p.path, moved, sizeof(moved), &err), &err);
        (void)snprintf(expected, sizeof(expected), "%s.damaged-%u", p.path, i);
        assert_string_equal(moved, expected);
        struct stat info;
        assert_int_equal(stat(moved, &info), 0);
    }
    assert_int_equal(sl_catalog_check(p.path, &err), SL_MISSING);
    struct sl_catalog *catalog = open_catalog(&p);
    assert_true(sl_catalog_is_new(catalog));
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
every_damaged_bit_of_a_record_is_refused(void **state)
{
    (void)state;
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    struct sl_catalog_segment segment = segment_of(5);
    struct sl_catalog_column column = {"a", SL_TYPE_U8, SL_UNIT_NONE};
    struct sl_error err = {0};
    sl_catalog_put_segment(edit, &segment);
    sl_catalog_put_column(edit, 0, &column);
    sl_catalog_put_meta(edit, "k", "key", 3, "value", 5);
    for (size_t i = 0; i < edit->op_count; i++) {
        const struct sl_catalog_op *op = &edit->ops[i];
        uint8_t *record = edit->bytes.bytes + op->key_offset - SL_CATALOG_RECORD_HEAD_BYTES;
        size_t size_bytes = SL_CATALOG_RECORD_HEAD_BYTES + op->key_bytes + op->value_bytes;
        struct sl_catalog_record decoded;
        TEST_OK(sl_catalog_record_decode(record, size_bytes, &decoded, &err), &err);
        for (size_t bit = 0; bit < size_bytes * 8; bit++) {
            record[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(sl_catalog_record_decode(record, size_bytes, &decoded, &err),
                             SL_CORRUPT);
            record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t cut = 0; cut < size_bytes; cut++)
            assert_int_equal(sl_catalog_record_decode(record, cut, &decoded, &err), SL_CORRUPT);
    }
    sl_catalog_edit_destroy(edit);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_there_after_reopening),
        cmocka_unit_test(removing_takes_the_dead_rows_of_a_segment_along),
        cmocka_unit_test(an_edit_is_applied_wholly_or_not_at_all),
        cmocka_unit_test(the_map_grows_with_the_catalog),
        cmocka_unit_test(random_edits_agree_with_plain_arrays),
        cmocka_unit_test(a_catalog_that_shrank_is_written_anew),
        cmocka_unit_test(commits_of_one_size_do_not_write_it_anew),
        cmocka_unit_test(a_name_that_is_not_on_disk_holds_commits_back),
        cmocka_unit_test(what_a_power_cut_left_beside_it_is_removed),
        cmocka_unit_test(a_file_made_by_its_directorys_name_opens_too),
        cmocka_unit_test(every_damaged_bit_of_a_record_is_refused),
        cmocka_unit_test(a_damaged_byte_is_refused_or_harmless),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(a_damaged_catalog_is_moved_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
