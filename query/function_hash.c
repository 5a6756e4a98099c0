/*
 * function_hash.c - MD5, SHA1, SHA2, base 64, and what is random: the only user of libcrypto in this layer.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/random.h>

#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/limits.h"

/* The digest in hexadecimal letters. */
static sl_status
hash(struct sl_eval *eval, const EVP_MD *method, struct sl_slice text, struct sl_value *out)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (EVP_Digest(text.bytes, text.size_bytes, digest, &size, method, NULL) != 1)
        return sl_fail(eval->err, SL_UNSUPPORTED, "this digest is switched off in libcrypto");
    uint8_t *bytes = sl_eval_bytes(eval, 2 * (size_t)size);
    if (bytes == NULL)
        return SL_LIMIT;
    for (unsigned i = 0; i < size; i++) {
        bytes[(size_t)2 * i] = (uint8_t)digits[digest[i] >> 4];
        bytes[(size_t)2 * i + 1] = (uint8_t)digits[digest[i] & 15];
    }
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = 2 * size};
    return SL_OK;
}

sl_status
sl_row_md5(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
           struct sl_value *out)
{
    (void)call;
    return hash(eval, EVP_md5(), args[0].as.slice, out);
}

sl_status
sl_row_sha1(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    (void)call;
    return hash(eval, EVP_sha1(), args[0].as.slice, out);
}

/* SHA2(text, bits): 0 is 256; NULL for a length that is none. */
sl_status
sl_row_sha2(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    const EVP_MD *method = NULL;

    (void)call;
    switch (args[1].as.i64) {
    case 224:
        method = EVP_sha224();
        break;
    case 0:
    case 256:
        method = EVP_sha256();
        break;
    case 384:
        method = EVP_sha384();
        break;
    case 512:
        method = EVP_sha512();
        break;
    default:
        out->is_null = true;
        return SL_OK;
    }
    return hash(eval, method, args[0].as.slice, out);
}

/* A line has 76 letters. */
sl_status
sl_row_to_base64(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    enum { LINE_BYTES = 57 }; /* which are 76 letters */
    struct sl_slice text = args[0].as.slice;
    size_t letters = ((size_t)text.size_bytes + 2) / 3 * 4;
    size_t used = 0;

    (void)call;
    if (letters + letters / 76 > SL_SQL_VALUE_BYTES_MAX)
        return sl_fail(eval->err, SL_LIMIT, "a text is too long to be written in base 64");
    uint8_t *bytes = sl_eval_bytes(eval, letters + letters / 76 + 2); /* libcrypto ends with NUL */
    if (bytes == NULL)
        return SL_LIMIT;
    for (uint32_t at = 0; at < text.size_bytes; at += LINE_BYTES) {
        uint32_t rest = text.size_bytes - at;
        if (at > 0)
            bytes[used++] = '\n';
        used += (size_t)EVP_EncodeBlock(&bytes[used], &text.bytes[at],
                                        rest < LINE_BYTES ? (int)rest : LINE_BYTES);
    }
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)used};
    return SL_OK;
}

/* What a letter stands for; 64: padding, 65: blank, 66: no letter. */
static unsigned
sextet(uint8_t letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26U;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52U;
    if (letter == '+' || letter == '/')
        return letter == '+' ? 62 : 63;
    if (letter == '=')
        return 64;
    return letter == ' ' || (letter >= '\t' && letter <= '\r') ? 65 : 66;
}

/* NULL for what is not written in base 64. Blanks do not count. */
sl_status
sl_row_from_base64(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                   struct sl_value *out)
{
    struct sl_slice text = args[0].as.slice;
    uint8_t *bytes = sl_eval_bytes(eval, (size_t)text.size_bytes / 4 * 3 + 3);
    uint32_t bits = 0, letters = 0, padding = 0, used = 0;

    (void)call;
    if (bytes == NULL)
        return SL_LIMIT;
    for (uint32_t i = 0; i < text.size_bytes; i++) {
        unsigned value = sextet(text.bytes[i]);
        if (value == 65)
            continue;
        bool is_late_padding = value == 64 && letters % 4 < 2;
        if (value == 66 || (padding > 0 && (value != 64 || letters % 4 == 0)) || is_late_padding) {
            out->is_null = true;
            return SL_OK;
        }
        padding += value == 64;
        bits = bits << 6 | (value & 63);
        if (++letters % 4 == 0)
            for (int shift = 16; shift >= 0; shift -= 8)
                bytes[used++] = (uint8_t)(bits >> shift);
    }
    out->is_null = letters % 4 != 0;
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = used - padding};
    return SL_OK;
}

/* ---- what is random ---- */

/* MySQL's generator: two numbers below 2^30 - 1. */
enum { RANDOM_LIMIT = 0x3fffffff };

static void
seed(struct sl_random *random, uint32_t number)
{
    random->a = (number * UINT32_C(0x10001) + UINT32_C(55555555)) % RANDOM_LIMIT;
    random->b = number * UINT32_C(0x10000001) % RANDOM_LIMIT;
    random->is_seeded = true;
}

static double
draw(struct sl_random *random)
{
    random->a = (random->a * 3 + random->b) % RANDOM_LIMIT;
    random->b = (random->a + random->b + 33) % RANDOM_LIMIT;
    return (double)random->a / RANDOM_LIMIT;
}

static sl_status
random_bytes(struct sl_eval *eval, void *bytes, size_t size)
{
    return getrandom(bytes, size, 0) == (ssize_t)size
               ? SL_OK
               : sl_fail(eval->err, SL_IO, "the system gives no random bytes");
}

uint64_t
sl_random_start(uint32_t number)
{
    struct sl_random random;

    seed(&random, number);
    return (uint64_t)random.a << 32 | random.b;
}

struct sl_random
sl_random_take(_Atomic uint64_t *state, uint32_t count)
{
    uint64_t before = atomic_load_explicit(state, memory_order_relaxed), after;
    struct sl_random random, first;

    do {
        first = random = (struct sl_random){
            .a = (uint32_t)(before >> 32), .b = (uint32_t)before, .is_seeded = true};
        for (uint32_t i = 0; i < count; i++)
            (void)draw(&random);
        after = (uint64_t)random.a << 32 | random.b;
        /* Relaxed: the numbers are all that is handed on. */
    } while (!atomic_compare_exchange_weak_explicit(state, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return first;
}

/*
 * RAND(), RAND(seed). The numbers of a constant seed are one sequence for all rows, of which each block takes
 * its part (program_row.c); another seed is the row's own.
 */
sl_status
sl_row_rand(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    uint32_t number = 0;

    if (call->arg_count == 1 && (!eval->random.is_seeded || call->args[0]->kind != SL_EXPR_CONST)) {
        seed(&eval->random, args[0].is_null ? 0 : (uint32_t)args[0].as.i64);
    } else if (!eval->random.is_seeded) {
        SL_TRY(random_bytes(eval, &number, sizeof(number)));
        seed(&eval->random, number);
    }
    out->as.f64 = draw(&eval->random);
    return SL_OK;
}

/* UUID(): of random bits (version 4). */
sl_status
sl_row_uuid(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
            struct sl_value *out)
{
    enum { UUID_BYTES = 36 };
    uint64_t bits[2];
    char text[UUID_BYTES + 1];

    (void)call;
    (void)args;
    SL_TRY(random_bytes(eval, bits, sizeof(bits)));
    bits[0] = (bits[0] & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    bits[1] = (bits[1] & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    (void)snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%012" PRIx64, (uint32_t)(bits[0] >> 32),
                   (unsigned)(bits[0] >> 16 & 0xffff), (unsigned)(bits[0] & 0xffff),
                   (unsigned)(bits[1] >> 48), bits[1] & UINT64_C(0xffffffffffff));
    uint8_t *bytes = sl_eval_bytes(eval, UUID_BYTES);
    if (bytes == NULL)
        return SL_LIMIT;
    memcpy(bytes, text, UUID_BYTES);
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = UUID_BYTES};
    return SL_OK;
}
