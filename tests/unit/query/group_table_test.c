/*
 * group_table_test.c - group tables, address and text pools against naive versions.
 *
 * Method: random keys with many repetitions go into tables in bulk and one by one, more of them
 * than a table remembers; the tables are joined, united, and must hold what a sorted array holds,
 * with the sums of all records. A table that runs out of budget says so and gives all of it back.
 */
#include "query/addr_pool.h"
#include "query/group_table.h"
#include "query/text_pool.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { KEYS = 50000, KEY_BYTES = 16 };

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

static bool
add_counts(void *context, void *const *into, void *const *from, uint32_t count)
{
    (void)context;
    for (uint32_t i = 0; i < count; i++)
        *(uint64_t *)into[i] += *(const uint64_t *)from[i];
    return true;
}

/* `count` keys of about `distinct` different ones, some of them in a row, counted in the table. The
 * last ones may come when keys are not looked for any more. */
static void
fill(struct sl_group_table *table, struct key *keys, uint32_t count, uint64_t distinct,
     uint64_t *seed)
{
    void **records = sl_new(count * sizeof(*records));

    uint32_t most = count / 5 * 4;

    for (uint32_t i = 0; i < count; i++)
        keys[i] = i % 7 == 6 ? keys[i - 1] : (struct key){{test_random_below(seed, distinct), 7}};
    assert_true(sl_group_table_add_many(table, keys, KEY_BYTES, most, records));
    assert_true(
        sl_group_table_add_many(table, keys + most, KEY_BYTES, count - most, records + most));
    for (uint32_t i = 0; i < count; i++) {
        assert_memory_equal((uint8_t *)records[i] + table->state_bytes, &keys[i], KEY_BYTES);
        ++*(uint64_t *)records[i];
    }
    free(records);
}

/* Each key once, in its partition, found by the index; returns the sum of all counts. */
static uint64_t
check_united(struct sl_group_table *table, unsigned partition)
{
    const struct sl_group_partition *p = &table->partitions[partition];
    struct sl_group_index index;
    struct key absent = {{UINT64_MAX, 1}};
    uint64_t total = 0;
    uint64_t seen = 0;

    assert_true(sl_group_table_unite(table, partition, add_counts, NULL, &index));
    for (const struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        uint32_t count = sl_group_page_count(table, p, page);
        assert_true(count <= page->capacity);
        for (uint32_t i = 0; i < count; i++, seen++) {
            const uint8_t *record = page->records + i * table->record_bytes;
            const uint8_t *key = record + table->state_bytes;
            uint64_t hash = sl_group_hash(key, KEY_BYTES);
            assert_int_equal(sl_group_partition_of(hash), partition);
            assert_ptr_equal(sl_group_index_find(&index, table, hash, key), record);
            total += *(const uint64_t *)(const void *)record;
        }
    }
    assert_int_equal(seen, p->record_count);
    assert_null(sl_group_index_find(&index, table, sl_group_hash(&absent, KEY_BYTES), &absent));
    sl_group_index_fini(&index, table->budget);
    return total;
}

static void
united_tables_agree_with_a_sorted_array(void **state)
{
    static const uint64_t distincts[] = {1, 100, 9000, 60000, UINT32_MAX};
    struct sl_budget budget = {.limit_bytes = (size_t)64 << 20};
    uint64_t seed = test_seed();
    struct key *keys = sl_new(2 * (size_t)KEYS * sizeof(*keys));
    (void)state;

    for (size_t d = 0; d < SL_COUNTOF(distincts); d++) {
        struct sl_group_table a, b;
        uint64_t total = 0;
        sl_group_table_init(&a, &budget, 8, KEY_BYTES);
        sl_group_table_init(&b, &budget, 8, KEY_BYTES);
        fill(&a, keys, KEYS, distincts[d], &seed);
        fill(&b, keys + KEYS, KEYS, distincts[d], &seed);
        for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++) {
            /* A united partition goes on taking records. */
            assert_true(sl_group_table_unite(&a, p, add_counts, NULL, NULL));
            sl_group_table_join(&a, &b, p);
            total += check_united(&a, p);
        }
        assert_int_equal(total, 2 * KEYS);
        assert_int_equal(sl_group_table_count(&a), count_distinct(keys, 2 * (size_t)KEYS));
        assert_int_equal(sl_group_table_count(&b), 0);
        sl_group_table_fini(&a);
        sl_group_table_fini(&b);
        assert_int_equal(budget.used_bytes, 0);
    }
    free(keys);
}

/* A sl_group_keep_fn: every so many-th key stays; 0: none. */
static bool
is_multiple(void *context, const uint8_t *record)
{
    uint64_t divisor = *(const uint64_t *)context;
    uint64_t word;
    memcpy(&word, record + 8, sizeof(word)); /* behind the state */
    return divisor != 0 && word % divisor == 0;
}

/* The first words of the keys of a partition in their order, as far as `divisor` keeps them. */
static uint64_t
list_words(struct sl_group_table *table, unsigned partition, uint64_t divisor, uint64_t *words)
{
    const struct sl_group_partition *p = &table->partitions[partition];
    uint64_t count = 0;
    for (const struct sl_group_page *page = p->first; page != NULL; page = page->next)
        for (uint32_t i = 0; i < sl_group_page_count(table, p, page); i++) {
            const uint8_t *record = page->records + i * table->record_bytes;
            if (is_multiple(&divisor, record))
                memcpy(&words[count++], record + 8, sizeof(*words));
        }
    return count;
}

static void
records_that_stay_keep_their_order_and_others_give_memory_back(void **state)
{
    static const uint64_t divisors[] = {1, 3, 40, 0};
    struct sl_budget budget = {.limit_bytes = (size_t)64 << 20};
    uint64_t seed = test_seed();
    struct key *keys = sl_new(KEYS * sizeof(*keys));
    uint64_t *before = sl_new(KEYS * sizeof(*before));
    uint64_t *after = sl_new(KEYS * sizeof(*after));
    struct sl_group_table table;
    (void)state;

    for (size_t d = 0; d < SL_COUNTOF(divisors); d++) {
        uint64_t divisor = divisors[d];
        sl_group_table_init(&table, &budget, 8, KEY_BYTES);
        fill(&table, keys, KEYS, UINT32_MAX, &seed);
        sl_group_index_fini(&table.recent, &budget);
        size_t filled_bytes = budget.used_bytes;
        for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++) {
            uint64_t count = list_words(&table, p, divisor, before);
            sl_group_table_keep(&table, p, is_multiple, &divisor);
            assert_int_equal(table.partitions[p].record_count, count);
            assert_int_equal(list_words(&table, p, 1, after), count);
            assert_memory_equal(before, after, count * sizeof(*before));
        }
        if (divisor == 1)
            assert_int_equal(budget.used_bytes, filled_bytes);
        else
            assert_true(budget.used_bytes < filled_bytes * (divisor == 3 ? 7 : 2) / 10);
        for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++) {
            uint64_t count = table.partitions[p].record_count;
            assert_non_null(sl_group_table_append(&table, p, NULL, &keys[0]));
            assert_int_equal(list_words(&table, p, 1, after), count + 1);
            assert_int_equal(after[count], keys[0].words[0]);
        }
        sl_group_table_fini(&table);
        assert_int_equal(budget.used_bytes, 0);
    }
    free(after);
    free(before);
    free(keys);
}

static void
few_keys_have_one_record_each_until_they_are_forgotten(void **state)
{
    struct sl_budget budget = {.limit_bytes = (size_t)1 << 20};
    struct sl_group_table table;
    uint64_t seed = test_seed();
    struct key keys[500];
    void *records[500];
    (void)state;

    for (uint32_t count = 0; count <= 80; count++) {
        sl_group_table_init(&table, &budget, 0, KEY_BYTES);
        for (uint32_t i = 0; i < count; i++)
            keys[i] = (struct key){{test_random_below(&seed, 20), 7}};
        assert_true(sl_group_table_add_many(&table, keys, KEY_BYTES, count, records));
        for (uint32_t i = 0; i < count; i++) {
            uint64_t hash = sl_group_hash(&keys[i], KEY_BYTES);
            unsigned partition = sl_group_partition_of(hash);
            assert_ptr_equal(sl_group_table_add(&table, partition, hash, &keys[i]), records[i]);
        }
        uint64_t before = sl_group_table_count(&table);
        sl_group_table_forget(&table);
        assert_true(sl_group_table_add_many(&table, keys, KEY_BYTES, count, records));
        assert_int_equal(sl_group_table_count(&table), 2 * before);
        sl_group_table_fini(&table);
    }
    assert_int_equal(budget.used_bytes, 0);
}

static void
a_key_of_no_bytes_is_one_group(void **state)
{
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct sl_group_table table;
    (void)state;

    sl_group_table_init(&table, &budget, 24, 0);
    void *record = sl_group_table_add(&table, 0, 0, NULL);
    assert_non_null(record);
    assert_ptr_equal(sl_group_table_add(&table, 0, 0, NULL), record);
    assert_ptr_equal(table.partitions[0].first->records, record);
    assert_non_null(sl_group_table_append(&table, 0, NULL, NULL));
    assert_true(sl_group_table_unite(&table, 0, add_counts, NULL, NULL));
    assert_int_equal(sl_group_table_count(&table), 1);
    sl_group_table_fini(&table);
}

static void
records_of_joined_tables_have_places_of_their_own(void **state)
{
    enum { TABLES = 3, RECORDS = 5000 };
    struct sl_budget budget = {.limit_bytes = (size_t)8 << 20};
    struct sl_group_table tables[TABLES];
    static bool seen[SL_GROUP_PARTITIONS][TABLES * RECORDS];
    uint64_t seed = test_seed();
    (void)state;

    for (uint32_t t = 0; t < TABLES; t++) {
        sl_group_table_init(&tables[t], &budget, 16, 8);
        sl_group_table_number(&tables[t], 8, t, TABLES);
        for (uint64_t i = 0; i < RECORDS / (t + 1); i++) {
            uint64_t key = test_random(&seed);
            unsigned partition = sl_group_partition_of(sl_group_hash(&key, 8));
            uint64_t *record = sl_group_table_append(&tables[t], partition, NULL, &key);
            assert_non_null(record);
            assert_int_equal(record[0], 0);
            assert_int_equal(sl_group_place_partition((uint32_t)record[1]), partition);
        }
    }
    for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++) {
        for (uint32_t t = 1; t < TABLES; t++)
            sl_group_table_join(&tables[0], &tables[t], p);
        const struct sl_group_partition *part = &tables[0].partitions[p];
        for (const struct sl_group_page *page = part->first; page != NULL; page = page->next)
            for (uint32_t i = 0; i < sl_group_page_count(&tables[0], part, page); i++) {
                const uint64_t *record = (const void *)(page->records + (size_t)i * 24);
                uint32_t number = sl_group_place_number((uint32_t)record[1]);
                assert_true(number < sl_group_number_end(&tables[0], p));
                assert_false(seen[p][number]);
                seen[p][number] = true;
            }
    }
    for (uint32_t t = 0; t < TABLES; t++)
        sl_group_table_fini(&tables[t]);
    assert_int_equal(budget.used_bytes, 0);
}

static void
a_full_budget_is_an_answer_and_is_given_back(void **state)
{
    struct sl_budget budget = {.limit_bytes = 64 << 10};
    struct sl_group_table table;
    uint64_t key[2] = {0};
    (void)state;

    sl_group_table_init(&table, &budget, 8, KEY_BYTES);
    bool is_full = false;
    for (uint64_t i = 0; i < 100000 && !is_full; i++) {
        key[0] = i;
        uint64_t hash = sl_group_hash(key, KEY_BYTES);
        is_full = sl_group_table_add(&table, sl_group_partition_of(hash), hash, key) == NULL;
    }
    assert_true(is_full);
    assert_true(budget.used_bytes <= budget.limit_bytes);
    sl_group_table_fini(&table);
    assert_int_equal(budget.used_bytes, 0);
}

static void
addresses_have_codes_and_codes_addresses(void **state)
{
    enum { ADDRS = 20000 };
    struct sl_budget budget = {.limit_bytes = (size_t)4 << 20};
    struct sl_addr_pool *pool = sl_addr_pool_create(&budget);
    uint32_t *codes = sl_new(ADDRS * sizeof(*codes));
    (void)state;

    for (uint32_t turn = 0; turn < 2; turn++)
        for (uint32_t i = 0; i < ADDRS; i++) {
            struct sl_addr addr = {.low = i, .high = i % 3 == 0 ? 0 : UINT64_C(0x20010db8) << 32};
            if (i % 3 == 0)
                addr.low = UINT32_MAX - i; /* 240.0.0.0/4 */
            uint32_t code;
            assert_true(sl_addr_pool_code(pool, addr, &code));
            assert_true(code >= SL_ADDR_CODE_NUMBERED && code != SL_ADDR_CODE_NONE);
            if (turn == 1)
                assert_int_equal(code, codes[i]);
            codes[i] = code;
            assert_true(sl_addr_equal(sl_addr_pool_addr(pool, code), addr));
        }
    /* Together, old ones, new ones and doubles: the same codes. */
    struct sl_addr many[SL_ADDR_POOL_MANY];
    uint32_t many_codes[SL_ADDR_POOL_MANY];
    for (uint32_t i = 0; i < SL_ADDR_POOL_MANY; i++) {
        uint64_t low = i % 2 == 0 ? 3 * i + 1 : ADDRS + i % 500;
        many[i] = (struct sl_addr){.low = low, .high = UINT64_C(0x20010db8) << 32};
    }
    assert_true(sl_addr_pool_number(pool, many, SL_ADDR_POOL_MANY, many_codes));
    for (uint32_t i = 0; i < SL_ADDR_POOL_MANY; i++) {
        assert_true(sl_addr_equal(sl_addr_pool_addr(pool, many_codes[i]), many[i]));
        if (many[i].low < ADDRS)
            assert_int_equal(many_codes[i], codes[many[i].low]);
        if (i % 2 != 0 && i >= 500)
            assert_int_equal(many_codes[i], many_codes[i - 500]);
    }
    uint32_t code;
    assert_true(sl_addr_pool_code(pool, sl_addr_from_v4(SL_ADDR_CODE_NUMBERED - 1), &code));
    assert_int_equal(code, SL_ADDR_CODE_NUMBERED - 1);
    assert_int_equal(sl_addr_pool_addr(pool, code).low, SL_ADDR_CODE_NUMBERED - 1);
    sl_addr_pool_destroy(pool);
    free(codes);
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
        cmocka_unit_test(united_tables_agree_with_a_sorted_array),
        cmocka_unit_test(records_that_stay_keep_their_order_and_others_give_memory_back),
        cmocka_unit_test(few_keys_have_one_record_each_until_they_are_forgotten),
        cmocka_unit_test(a_key_of_no_bytes_is_one_group),
        cmocka_unit_test(records_of_joined_tables_have_places_of_their_own),
        cmocka_unit_test(a_full_budget_is_an_answer_and_is_given_back),
        cmocka_unit_test(addresses_have_codes_and_codes_addresses),
        cmocka_unit_test(texts_equal_without_case_share_a_number),
        cmocka_unit_test(a_binary_pool_tells_letters_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
