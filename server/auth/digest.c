/*
 * digest.c - see digest.h.
 */
#include "server/auth/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/random.h>

static void
digest(const EVP_MD *kind, const struct sl_piece *pieces, size_t count, uint8_t *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good = context != NULL && EVP_DigestInit_ex(context, kind, NULL) == 1;
    for (size_t i = 0; i < count && is_good; i++)
        is_good = EVP_DigestUpdate(context, pieces[i].bytes, pieces[i].size_bytes) == 1;
    is_good = is_good && EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    SL_ASSERT(is_good);
}

void
sl_sha1(const struct sl_piece *pieces, size_t count, uint8_t out[SL_SHA1_BYTES])
{
    digest(EVP_sha1(), pieces, count, out);
}

void
sl_sha256(const struct sl_piece *pieces, size_t count, uint8_t out[SL_SHA256_BYTES])
{
    digest(EVP_sha256(), pieces, count, out);
}

void
sl_hmac_sha256(struct sl_piece key, struct sl_piece text, uint8_t out[SL_SHA256_BYTES])
{
    const uint8_t *made =
        HMAC(EVP_sha256(), key.bytes, (int)key.size_bytes, text.bytes, text.size_bytes, out, NULL);
    SL_ASSERT(made != NULL);
}

void
sl_pbkdf2_sha256(const char *password, struct sl_piece salt, uint32_t iterations,
                 uint8_t key[SL_SHA256_BYTES])
{
    int made = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt.bytes, (int)salt.size_bytes,
                                 (int)iterations, EVP_sha256(), SL_SHA256_BYTES, key);
    SL_ASSERT(made == 1);
}

void
sl_random_bytes(void *bytes, size_t size_bytes)
{
    SL_ASSERT(size_bytes <= 256); /* so few bytes are never cut short */
    ssize_t got = getrandom(bytes, size_bytes, 0);
    SL_ASSERT(got == (ssize_t)size_bytes);
}

bool
sl_is_same_secret(const void *a, const void *b, size_t size_bytes)
{
    return CRYPTO_memcmp(a, b, size_bytes) == 0;
}

void
sl_wipe(void *bytes, size_t size_bytes)
{
    OPENSSL_cleanse(bytes, size_bytes);
}
