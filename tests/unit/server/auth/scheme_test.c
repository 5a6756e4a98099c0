/*
 * scheme_test.c - proofs of passwords against numbers that another implementation computed
 * (hashlib and hmac of Python 3.11, password "secret", challenge 01 02 .. 14).
 */
#include "server/auth/scheme.h"
#include "tests/support/test.h"

static const uint8_t native_response[] = {0xb3, 0x2b, 0xb3, 0xa5, 0x83, 0xe1, 0x34,
                                          0x0c, 0x0a, 0x11, 0x08, 0xd5, 0x8b, 0x1b,
                                          0xe4, 0x97, 0x81, 0xad, 0x8c, 0x2f};
static const uint8_t sha2_response[] = {
    0x74, 0x6e, 0xbe, 0x20, 0x5d, 0x56, 0xa0, 0x70, 0x7a, 0xcb, 0x3e, 0x79, 0x6e, 0x83, 0x4e, 0x0d,
    0xd7, 0xb1, 0xd6, 0x17, 0x43, 0xb2, 0x6b, 0xd5, 0x20, 0x2c, 0x7a, 0x62, 0x32, 0x30, 0xc7, 0xc9};
/* salt 00 01 .. 0f, 4,096 iterations, nonce 64 65 .. 77 */
static const uint8_t proof_response[] = {
    0x0c, 0xe7, 0xd1, 0x5d, 0x42, 0x3b, 0xa4, 0x0f, 0x03, 0x94, 0xa8, 0x14, 0x83, 0x80, 0x4c, 0x04,
    0x43, 0xed, 0xd5, 0x6d, 0xe3, 0x1d, 0x51, 0x4a, 0x93, 0x9b, 0x23, 0x6d, 0x27, 0x72, 0x26, 0x60};
static const uint8_t stored_key[] = {
    0x4c, 0x7a, 0x0f, 0x86, 0x84, 0xc0, 0xba, 0xac, 0xa8, 0x42, 0xc2, 0xb8, 0x75, 0x41, 0xe7, 0x71,
    0x4c, 0xe0, 0x7c, 0x3f, 0x1f, 0x76, 0x68, 0x6c, 0x80, 0xa6, 0x61, 0x59, 0x5a, 0x8d, 0x3f, 0x95};

static struct sl_exchange
sample_exchange(void)
{
    struct sl_exchange exchange = {.iterations = 4096};
    for (size_t i = 0; i < SL_CHALLENGE_BYTES; i++)
        exchange.challenge[i] = (uint8_t)(i + 1);
    for (size_t i = 0; i < SL_NONCE_BYTES; i++)
        exchange.nonce[i] = (uint8_t)(i + 100);
    for (size_t i = 0; i < SL_SALT_BYTES; i++)
        exchange.salt[i] = (uint8_t)i;
    return exchange;
}

typedef bool judge_fn(const struct sl_verifier *, const struct sl_exchange *, struct sl_piece);

static bool
judge_native(const struct sl_verifier *v, const struct sl_exchange *x, struct sl_piece response)
{
    return sl_native_is_right(v, x->challenge, response);
}

static bool
judge_sha2(const struct sl_verifier *v, const struct sl_exchange *x, struct sl_piece response)
{
    return sl_sha2_is_right(v, x->challenge, response);
}

/* The right response, each of its bits turned, each shorter one, a longer one. */
static void
check(judge_fn *judge, const struct sl_verifier *v, const uint8_t *right, size_t size_bytes)
{
    struct sl_exchange exchange = sample_exchange();
    uint8_t response[64] = {0};
    memcpy(response, right, size_bytes);
    assert_true(judge(v, &exchange, (struct sl_piece){response, size_bytes}));
    for (size_t bit = 0; bit < size_bytes * 8; bit++) {
        response[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(judge(v, &exchange, (struct sl_piece){response, size_bytes}));
        response[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size_bytes; cut++)
        assert_false(judge(v, &exchange, (struct sl_piece){response, cut}));
    assert_false(judge(v, &exchange, (struct sl_piece){response, size_bytes + 1}));
    exchange.challenge[7] ^= 1;
    assert_false(judge(v, &exchange, (struct sl_piece){response, size_bytes}));
}

static void
right_responses_are_right_and_others_are_not(void **state)
{
    struct sl_verifier v;
    (void)state;
    sl_verifier_make("secret", &v);
    memcpy(v.stored_key, stored_key, sizeof(stored_key)); /* of the sample's salt */
    check(judge_native, &v, native_response, sizeof(native_response));
    check(judge_sha2, &v, sha2_response, sizeof(sha2_response));
    check(sl_proof_is_right, &v, proof_response, sizeof(proof_response));

    sl_verifier_make("Secret", &v);
    struct sl_exchange exchange = sample_exchange();
    assert_false(
        sl_native_is_right(&v, exchange.challenge, (struct sl_piece){native_response, 20}));
    assert_false(sl_sha2_is_right(&v, exchange.challenge, (struct sl_piece){sha2_response, 32}));
}

static void
a_client_proves_what_a_server_judges(void **state)
{
    struct sl_verifier v;
    struct sl_verifier again;
    uint8_t proof[SL_SHA256_BYTES];
    uint8_t bytes[SL_VERIFIER_BYTES];
    struct sl_exchange exchange = sample_exchange();
    (void)state;
    sl_proof_make("secret", &exchange, proof);
    assert_memory_equal(proof, proof_response, sizeof(proof));

    sl_verifier_make("secret", &v);
    sl_verifier_encode(&v, bytes);
    assert_true(sl_verifier_decode(bytes, &again));
    memcpy(exchange.salt, again.salt, SL_SALT_BYTES);
    exchange.iterations = again.iterations;
    sl_proof_make("secret", &exchange, proof);
    assert_true(sl_proof_is_right(&again, &exchange, (struct sl_piece){proof, sizeof(proof)}));
    exchange.nonce[0] ^= 1;
    assert_false(sl_proof_is_right(&again, &exchange, (struct sl_piece){proof, sizeof(proof)}));

    struct sl_verifier other;
    sl_verifier_make("secret", &other);
    assert_memory_not_equal(v.salt, other.salt, SL_SALT_BYTES);
}

static void
a_verifier_of_few_iterations_is_refused(void **state)
{
    struct sl_verifier v;
    uint8_t bytes[SL_VERIFIER_BYTES];
    (void)state;
    sl_verifier_make("secret", &v);
    v.iterations = SL_ITERATIONS_MIN - 1;
    sl_verifier_encode(&v, bytes);
    assert_false(sl_verifier_decode(bytes, &v));
    v.iterations = SL_ITERATIONS_MAX + 1;
    sl_verifier_encode(&v, bytes);
    assert_false(sl_verifier_decode(bytes, &v));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_responses_are_right_and_others_are_not),
        cmocka_unit_test(a_client_proves_what_a_server_judges),
        cmocka_unit_test(a_verifier_of_few_iterations_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
