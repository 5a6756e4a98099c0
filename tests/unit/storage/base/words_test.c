/*
 * words_test.c - bits are counted and listed; the fast kernels agree with their definition.
 *
 * Method: the definition is checked against bits that are asked for one by one, the best kernels by
 * comparison with it. Counts 1 .. 300 are one word and several, with every tail; the list has its
 * exact size, so that a number too many is seen.
 */
#include "storage/base/words.h"
#include "tests/support/test.h"

/* A word of no bit, of all, of few or of many. */
static uint64_t
draw(uint64_t *seed)
{
    uint64_t word = test_random(seed);
    switch (test_random_below(seed, 5)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return word & test_random(seed) & test_random(seed) & test_random(seed);
    case 3:
        return word | test_random(seed);
    default:
        return word;
    }
}

static void
agree_once(uint32_t bit_count, uint64_t *seed)
{
    const struct sl_words_kernels *kernels[] = {&sl_words_kernels_scalar, sl_words_kernels_best()};
    size_t word_count = sl_words_for(bit_count);
    uint64_t *words = malloc(word_count * sizeof(*words));

    for (size_t w = 0; w < word_count; w++)
        words[w] = draw(seed);
    if (bit_count % 64 != 0)
        words[word_count - 1] &= (UINT64_C(1) << bit_count % 64) - 1;
    for (unsigned k = 0; k < 2; k++) {
        uint32_t *list = malloc(bit_count * sizeof(*list));
        uint32_t listed = kernels[k]->list(words, bit_count, list);
        uint32_t seen = 0;
        for (uint32_t i = 0; i < bit_count; i++)
            if (sl_bit_get(words, i)) {
                assert_true(seen < listed);
                assert_int_equal(list[seen], i);
                seen++;
            }
        assert_int_equal(listed, seen);
        assert_int_equal(kernels[k]->count(words, word_count), seen);
        free(list);
    }
    free(words);
}

static void
bits_are_counted_and_listed(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (uint32_t bit_count = 1; bit_count <= 300; bit_count++)
        for (int round = 0; round < 30; round++)
            agree_once(bit_count, &seed);
}

static void
no_words_have_no_bits(void **state)
{
    const struct sl_words_kernels *kernels[] = {&sl_words_kernels_scalar, sl_words_kernels_best()};
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        assert_int_equal(kernels[k]->count(NULL, 0), 0);
        assert_int_equal(kernels[k]->list(NULL, 0, NULL), 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_counted_and_listed),
        cmocka_unit_test(no_words_have_no_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
