/*
 * catalog_sample.c - see catalog_sample.h.
 */
#include "tests/unit/storage/catalog_sample.h"

#include <stdio.h>

struct catalog_place
catalog_place_create(void)
{
    struct catalog_place p = {.root = test_dir_create()};
    (void)snprintf(p.path, sizeof(p.path), "%s/catalog", p.root);
    (void)snprintf(p.file, sizeof(p.file), "%s/data.mdb", p.path);
    (void)snprintf(p.rest, sizeof(p.rest), "%s/data.new", p.path);
    return p;
}

struct sl_catalog *
catalog_open(const struct catalog_place *p)
{
    struct sl_error err = {0};
    struct sl_catalog *catalog;
    TEST_OK(sl_catalog_open(p->path, &catalog, &err), &err);
    return catalog;
}

struct sl_catalog_state *
catalog_load(struct sl_catalog *catalog)
{
    struct sl_error err = {0};
    struct sl_catalog_state *state;
    TEST_OK(sl_catalog_load(catalog, &state, &err), &err);
    return state;
}

void
catalog_commit(struct sl_catalog *catalog, struct sl_catalog_edit *edit)
{
    struct sl_error err = {0};
    TEST_OK(sl_catalog_commit(catalog, edit, &err), &err);
}

struct sl_catalog_segment
catalog_segment(uint64_t number)
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

void
catalog_expect_segment(const struct sl_catalog_segment *s, uint64_t number)
{
    struct sl_catalog_segment e = catalog_segment(number);
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

void
catalog_put_everything(struct sl_catalog *catalog)
{
    static uint8_t bitmap[5000]; /* larger than a page of LMDB */
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint64_t i = 1; i <= 20; i++) {
        struct sl_catalog_segment s = catalog_segment(i);
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
    catalog_commit(catalog, edit);
}

static void
list_user(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
    char *text = context;
    size_t used = strlen(text);
    (void)snprintf(text + used, 200 - used, "%.*s=%.*s;", (int)key_bytes, (const char *)key,
                   (int)value_bytes, (const char *)value);
}

void
catalog_expect_users(struct sl_catalog *catalog, const char *expected)
{
    struct sl_error err = {0};
    char users[200] = "";
    TEST_OK(sl_catalog_walk_meta(catalog, "user", list_user, users, &err), &err);
    assert_string_equal(users, expected);
}

void
catalog_expect_everything(struct sl_catalog *catalog)
{
    struct sl_catalog_state *s = catalog_load(catalog);
    assert_int_equal(s->segment_count, 20);
    for (size_t i = 0; i < 20; i++)
        catalog_expect_segment(&s->segments[i], i + 1);
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
    catalog_expect_users(catalog, "alice=secret;bob=;");
}

void
catalog_keep_segments(struct sl_catalog *catalog, uint64_t first, uint64_t last)
{
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint64_t i = 1; i <= CATALOG_SEGMENTS; i++) {
        struct sl_catalog_segment s = catalog_segment(i);
        if (i >= first && i <= last)
            sl_catalog_put_segment(edit, &s);
        else
            sl_catalog_remove_segment(edit, i);
    }
    catalog_commit(catalog, edit);
}

void
catalog_expect_segments(struct sl_catalog *catalog, uint64_t first, uint64_t last)
{
    struct sl_catalog_state *s = catalog_load(catalog);
    assert_int_equal(s->segment_count, last - first + 1);
    for (size_t i = 0; i < s->segment_count; i++)
        catalog_expect_segment(&s->segments[i], first + i);
    sl_catalog_state_destroy(s);
}
