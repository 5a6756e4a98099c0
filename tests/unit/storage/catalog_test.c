/*
 * catalog_test.c - what a commit put is there after reopening, all of it or nothing.
 *
 * Method: examples; a random model of segments and producers against plain arrays.
 */
#include <stdio.h>

#include "tests/unit/storage/catalog_sample.h"

static void
what_was_committed_is_there_after_reopening(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog = catalog_open(&p);
    assert_true(sl_catalog_is_new(catalog));
    catalog_put_everything(catalog);
    catalog_expect_everything(catalog);
    assert_true(sl_catalog_bytes(catalog) > 4096);
    sl_catalog_close(catalog);

    catalog = catalog_open(&p);
    assert_false(sl_catalog_is_new(catalog));
    catalog_expect_everything(catalog);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
removing_takes_the_dead_rows_of_a_segment_along(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog = catalog_open(&p);
    catalog_put_everything(catalog);
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    sl_catalog_remove_segment(edit, 3);
    sl_catalog_remove_segment(edit, 999); /* never was */
    sl_catalog_remove_producer(edit, "nprobe-1", 8);
    sl_catalog_remove_import(edit, (struct sl_hash128){.low = 1, .high = 2});
    sl_catalog_put_meta(edit, "user", "alice", 5, NULL, 0);
    catalog_commit(catalog, edit);
    struct sl_catalog_state *s = catalog_load(catalog);
    assert_int_equal(s->segment_count, 19);
    assert_int_equal(s->dead_count, 1);
    assert_int_equal(s->deads[0].segment, 4);
    assert_int_equal(s->producer_count, 0);
    assert_int_equal(s->import_count, 0);
    sl_catalog_state_destroy(s);
    catalog_expect_users(catalog, "bob=;");
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
an_edit_is_applied_wholly_or_not_at_all(void **state)
{
    (void)state;
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog = catalog_open(&p);
    struct sl_error err = {0};
    catalog_put_everything(catalog);

    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    sl_catalog_remove_segment(edit, 3);
    char key[SL_CATALOG_KEY_BYTES_MAX + 1] = {0};
    sl_catalog_put_meta(edit, "user", key, sizeof(key), "x", 1);
    assert_int_equal(sl_catalog_commit(catalog, edit, &err), SL_LIMIT);
    catalog_expect_everything(catalog);

    edit = sl_catalog_edit_create();
    sl_catalog_remove_segment(edit, 3);
    sl_catalog_edit_destroy(edit);
    catalog_expect_everything(catalog);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
}

static void
the_map_grows_with_the_catalog(void **state)
{
    (void)state;
    enum { VALUES = 10, VALUE_BYTES = 4 << 20 };
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog = catalog_open(&p);
    uint8_t *value = sl_new(VALUE_BYTES);
    catalog_put_everything(catalog);
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    for (uint8_t i = 0; i < VALUES; i++)
        sl_catalog_put_meta(edit, "large", &i, 1, value, VALUE_BYTES);
    catalog_commit(catalog, edit);
    assert_true(sl_catalog_bytes(catalog) > (uint64_t)VALUES * VALUE_BYTES);
    catalog_expect_everything(catalog);
    sl_catalog_close(catalog);
    catalog = catalog_open(&p);
    catalog_expect_everything(catalog);
    sl_catalog_close(catalog);
    free(value);
    test_dir_remove(p.root);
}

enum { MODEL_PRODUCERS = 40 };

struct model {
    bool has_segment[CATALOG_SEGMENTS + 1];
    uint64_t batch_of[MODEL_PRODUCERS]; /* 0: no such producer */
};

static void
expect_model(struct sl_catalog *catalog, const struct model *m)
{
    struct sl_catalog_state *s = catalog_load(catalog);
    size_t at = 0;
    for (uint64_t i = 1; i <= CATALOG_SEGMENTS; i++) {
        if (m->has_segment[i])
            catalog_expect_segment(&s->segments[at++], i);
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
    struct catalog_place p = catalog_place_create();
    struct sl_catalog *catalog = catalog_open(&p);
    uint64_t seed = test_seed();
    struct model *m = sl_new(sizeof(*m));
    for (unsigned round = 0; round < 150; round++) {
        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        for (uint64_t i = test_random_below(&seed, 20); i > 0; i--) {
            uint64_t number = 1 + test_random_below(&seed, CATALOG_SEGMENTS);
            struct sl_catalog_segment s = catalog_segment(number);
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
        catalog_commit(catalog, edit);
        if (round % 10 == 0) {
            sl_catalog_close(catalog);
            catalog = catalog_open(&p);
        }
        expect_model(catalog, m);
    }
    free(m);
    sl_catalog_close(catalog);
    test_dir_remove(p.root);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
