/*
 * group_table_test.c - group tables and text pools against naive versions.
 *
 * Method: random keys with many repetitions go into a table one by one and in bulk, and into a
 * sorted array; both must count the same. A table that runs out of budget says so and gives all
 * of it back.
 */
#include "query/group_table.h"
#include "query/text_pool.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { KEYS = 30000, KEY_BYTES = 16 };

struct key {
    uint64_t words[2];
};

static int
compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct key));
}

static uint64_t
count_distinct(struct key *keys, size_t count)
{
    uint64_t distinct = count != 0;
    qsort(keys, count, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < count; i++)
        distinct += memcmp(&keys[i], &keys[i - 1], sizeof(*keys)) != 0;
    return distinct;
}

static void
counts_agree_with_a_sorted_array(void **state)
{
    struct sl_budget budget = {.limit_bytes = (size_t)64 << 20};
    struct sl_group_table table;
    uint64_t seed = test_seed();
    struct key *keys = sl_new(KEYS * sizeof(*keys));
    void **records = sl_new(KEYS * sizeof(*records));
    (void)state;

    sl_group_table_init(&table, &budget, KEY_BYTES, 8);
    for (size_t i = 0; i < KEYS; i++)
        keys[i].words[0] = test_random_below(&seed, 9000);
    assert_true(sl_group_table_add_many(&table, keys, KEY_BYTES, KEYS, records));
    for (size_t i = 0; i < KEYS; i++) {
        assert_memory_equal(records[i], &keys[i], KEY_BYTES);
        ((uint64_t *)records[i])[2]++;
    }
    uint64_t total = 0;
    for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++)
        for (uint32_t i = 0; i < table.partitions[p].record_count; i++) {
            const uint64_t *record = sl_group_record(&table, p, i);
            uint64_t hash = sl_group_hash(record, KEY_BYTES);
            assert_int_equal(sl_group_partition_of(hash), p);
            assert_ptr_equal(sl_group_table_find(&table, p, hash, record), record);
            total += record[2];
        }
    assert_int_equal(total, KEYS);
    struct key absent = {{UINT64_MAX, 1}};
    uint64_t hash = sl_group_hash(&absent, KEY_BYTES);
    assert_null(sl_group_table_find(&table, sl_group_partition_of(hash), hash, &absent));
    assert_int_equal(sl_group_table_count(&table), count_distinct(keys, KEYS));
    sl_group_table_fini(&table);
    assert_int_equal(budget.used_bytes, 0);
    free(records);
    free(keys);
}

static void
bulk_lookups_agree_with_single_ones_at_every_length(void **state)
{
    struct sl_budget budget = {.limit_bytes = (size_t)1 << 20};
    uint64_t seed = test_seed();
    struct key keys[100];
    void *records[100];
    bool is_new;
    (void)state;

    for (uint32_t count = 0; count <= SL_COUNTOF(keys); count++) {
        struct sl_group_table table;
        sl_group_table_init(&table, &budget, KEY_BYTES, 0);
        for (uint32_t i = 0; i < count; i++)
            keys[i] = (struct key){{test_random_below(&seed, 20), 7}};
        assert_true(sl_group_table_add_many(&table, keys, KEY_BYTES, count, records));
        for (uint32_t i = 0; i < count; i++) {
            uint64_t hash = sl_group_hash(&keys[i], KEY_BYTES);
            assert_ptr_equal(
                sl_group_table_add(&table, sl_group_partition_of(hash), hash, &keys[i], &is_new),
                records[i]);
            assert_false(is_new);
        }
        sl_group_table_fini(&table);
    }
    assert_int_equal(budget.used_bytes, 0);
}

static void
a_key_of_no_bytes_is_one_group(void **state)
{
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct sl_group_table table;
    bool is_new;
    (void)state;

    sl_group_table_init(&table, &budget, 0, 24);
    void *record = sl_group_table_add(&table, 0, 0, NULL, &is_new);
    assert_non_null(record);
    assert_true(is_new);
    assert_ptr_equal(sl_group_table_add(&table, 0, 0, NULL, &is_new), record);
    assert_false(is_new);
    assert_ptr_equal(sl_group_record(&table, 0, 0), record);
    sl_group_table_fini(&table);
}

static void
a_full_budget_is_an_answer_and_is_given_back(void **state)
{
    struct sl_budget budget = {.limit_bytes = 64 << 10};
    struct sl_group_table table;
    uint64_t key[2] = {0};
    bool is_new;
    (void)state;

    sl_group_table_init(&table, &budget, KEY_BYTES, 8);
    bool is_full = false;
    for (uint64_t i = 0; i < 100000 && !is_full; i++) {
        key[0] = i;
        uint64_t hash = sl_group_hash(key, KEY_BYTES);
        is_full =
            sl_group_table_add(&table, sl_group_partition_of(hash), hash, key, &is_new) == NULL;
    }
    assert_true(is_full);
    assert_true(budget.used_bytes <= budget.limit_bytes);
    sl_group_table_fini(&table);
    assert_int_equal(budget.used_bytes, 0);
}

static struct sl_slice
slice(const char *text)
{
    return (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
}

static void
texts_equal_without_case_share_a_number(void **state)
{
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct sl_text_pool *pool = sl_text_pool_create(&budget, false);
    struct sl_text_cache *a = sl_text_cache_create(pool);
    struct sl_text_cache *b = sl_text_cache_create(pool);
    (void)state;

    uint32_t dns = sl_text_cache_number(a, slice("dns"));
    assert_int_equal(sl_text_cache_number(b, slice("DNS")), dns);
    assert_int_equal(sl_text_cache_number(b, slice("Dns")), dns);
    assert_int_equal(sl_text_cache_number(a, slice("dns")), dns);
    uint32_t empty = sl_text_cache_number(a, slice(""));
    assert_int_not_equal(empty, dns);
    assert_int_equal(sl_text_cache_number(b, slice("")), empty);
    /* The smallest spelling in byte order, whoever came first. */
    assert_memory_equal(sl_text_pool_slice(pool, dns).bytes, "DNS", 3);
    sl_text_cache_destroy(a);
    sl_text_cache_destroy(b);
    sl_text_pool_destroy(pool);
    assert_int_equal(budget.used_bytes, 0);
}

static void
a_binary_pool_tells_letters_apart(void **state)
{
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct sl_text_pool *pool = sl_text_pool_create(&budget, true);
    struct sl_text_cache *cache = sl_text_cache_create(pool);
    char text[16];
    (void)state;

    uint32_t lower = sl_text_cache_number(cache, slice("a"));
    assert_int_not_equal(sl_text_cache_number(cache, slice("A")), lower);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof(text), "n%u", i);
        assert_int_equal(sl_text_cache_number(cache, slice(text)), i + 2);
    }
    assert_memory_equal(sl_text_pool_slice(pool, 500).bytes, "n498", 4);
    sl_text_cache_destroy(cache);
    sl_text_pool_destroy(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_agree_with_a_sorted_array),
        cmocka_unit_test(bulk_lookups_agree_with_single_ones_at_every_length),
        cmocka_unit_test(a_key_of_no_bytes_is_one_group),
        cmocka_unit_test(a_full_budget_is_an_answer_and_is_given_back),
        cmocka_unit_test(texts_equal_without_case_share_a_number),
        cmocka_unit_test(a_binary_pool_tells_letters_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
