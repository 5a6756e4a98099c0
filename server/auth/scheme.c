/*
 * scheme.c - see scheme.h.
 */
#include "server/auth/scheme.h"

#include <string.h>

#include "storage/base/cursor.h"

static struct sl_piece
piece(const void *bytes, size_t size_bytes)
{
    return (struct sl_piece){.bytes = bytes, .size_bytes = size_bytes};
}

static void
put_u32le(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> i * 8);
}

/* ---- sluice_sha256 ---- */

static void
client_key_of(const char *password, const uint8_t salt[SL_SALT_BYTES], uint32_t iterations,
              uint8_t key[SL_SHA256_BYTES])
{
    static const char label[] = "Client Key";
    uint8_t salted[SL_SHA256_BYTES];
    sl_pbkdf2_sha256(password, piece(salt, SL_SALT_BYTES), iterations, salted);
    sl_hmac_sha256(piece(salted, sizeof(salted)), piece(label, sizeof(label) - 1), key);
    sl_wipe(salted, sizeof(salted));
}

/* What the proof and the client key differ by. */
static void
mask_of(const uint8_t stored_key[SL_SHA256_BYTES], const struct sl_exchange *exchange,
        uint8_t mask[SL_SHA256_BYTES])
{
    uint8_t message[SL_CHALLENGE_BYTES + SL_NONCE_BYTES + SL_SALT_BYTES + 4];
    uint8_t *at = message;
    memcpy(at, exchange->challenge, SL_CHALLENGE_BYTES);
    at += SL_CHALLENGE_BYTES;
    memcpy(at, exchange->nonce, SL_NONCE_BYTES);
    at += SL_NONCE_BYTES;
    memcpy(at, exchange->salt, SL_SALT_BYTES);
    put_u32le(at + SL_SALT_BYTES, exchange->iterations);
    sl_hmac_sha256(piece(stored_key, SL_SHA256_BYTES), piece(message, sizeof(message)), mask);
}

void
sl_proof_make(const char *password, const struct sl_exchange *exchange,
              uint8_t proof[SL_SHA256_BYTES])
{
    uint8_t key[SL_SHA256_BYTES];
    uint8_t stored_key[SL_SHA256_BYTES];
    uint8_t mask[SL_SHA256_BYTES];
    client_key_of(password, exchange->salt, exchange->iterations, key);
    const struct sl_piece whole = piece(key, sizeof(key));
    sl_sha256(&whole, 1, stored_key);
    mask_of(stored_key, exchange, mask);
    for (size_t i = 0; i < SL_SHA256_BYTES; i++)
        proof[i] = key[i] ^ mask[i];
    sl_wipe(key, sizeof(key));
}

bool
sl_proof_is_right(const struct sl_verifier *verifier, const struct sl_exchange *exchange,
                  struct sl_piece proof)
{
    uint8_t key[SL_SHA256_BYTES];
    uint8_t digest[SL_SHA256_BYTES];
    uint8_t mask[SL_SHA256_BYTES];
    const uint8_t *bytes = proof.bytes;
    if (proof.size_bytes != SL_SHA256_BYTES)
        return false;
    mask_of(verifier->stored_key, exchange, mask);
    for (size_t i = 0; i < SL_SHA256_BYTES; i++)
        key[i] = bytes[i] ^ mask[i];
    const struct sl_piece whole = piece(key, sizeof(key));
    sl_sha256(&whole, 1, digest);
    sl_wipe(key, sizeof(key));
    return sl_is_same_secret(digest, verifier->stored_key, sizeof(digest));
}

/* ---- MySQL's ---- */

/* Both: the response is H(password) XOR a digest that the server can compute, and what is kept is
 * H(H(password)). */
bool
sl_native_is_right(const struct sl_verifier *verifier, const uint8_t challenge[SL_CHALLENGE_BYTES],
                   struct sl_piece response)
{
    const struct sl_piece mix[] = {piece(challenge, SL_CHALLENGE_BYTES),
                                   piece(verifier->native, SL_SHA1_BYTES)};
    uint8_t once[SL_SHA1_BYTES];
    uint8_t twice[SL_SHA1_BYTES];
    const uint8_t *bytes = response.bytes;
    if (response.size_bytes != SL_SHA1_BYTES)
        return false;
    sl_sha1(mix, 2, once);
    for (size_t i = 0; i < SL_SHA1_BYTES; i++)
        once[i] ^= bytes[i];
    const struct sl_piece whole = piece(once, sizeof(once));
    sl_sha1(&whole, 1, twice);
    sl_wipe(once, sizeof(once));
    return sl_is_same_secret(twice, verifier->native, sizeof(twice));
}

bool
sl_sha2_is_right(const struct sl_verifier *verifier, const uint8_t challenge[SL_CHALLENGE_BYTES],
                 struct sl_piece response)
{
    const struct sl_piece mix[] = {piece(verifier->sha2, SL_SHA256_BYTES),
                                   piece(challenge, SL_CHALLENGE_BYTES)};
    uint8_t once[SL_SHA256_BYTES];
    uint8_t twice[SL_SHA256_BYTES];
    const uint8_t *bytes = response.bytes;
    if (response.size_bytes != SL_SHA256_BYTES)
        return false;
    sl_sha256(mix, 2, once);
    for (size_t i = 0; i < SL_SHA256_BYTES; i++)
        once[i] ^= bytes[i];
    const struct sl_piece whole = piece(once, sizeof(once));
    sl_sha256(&whole, 1, twice);
    sl_wipe(once, sizeof(once));
    return sl_is_same_secret(twice, verifier->sha2, sizeof(twice));
}

/* ---- verifiers ---- */

void
sl_verifier_make(const char *password, struct sl_verifier *verifier)
{
    const struct sl_piece text = piece(password, strlen(password));
    uint8_t once[SL_SHA256_BYTES];
    *verifier = (struct sl_verifier){.iterations = SL_ITERATIONS};
    sl_random_bytes(verifier->salt, sizeof(verifier->salt));

    client_key_of(password, verifier->salt, verifier->iterations, once);
    struct sl_piece whole = piece(once, SL_SHA256_BYTES);
    sl_sha256(&whole, 1, verifier->stored_key);
    sl_sha256(&text, 1, once);
    sl_sha256(&whole, 1, verifier->sha2);
    sl_sha1(&text, 1, once);
    whole.size_bytes = SL_SHA1_BYTES;
    sl_sha1(&whole, 1, verifier->native);
    sl_wipe(once, sizeof(once));
}

void
sl_verifier_encode(const struct sl_verifier *verifier, uint8_t bytes[SL_VERIFIER_BYTES])
{
    memcpy(bytes, verifier->salt, SL_SALT_BYTES);
    bytes += SL_SALT_BYTES;
    put_u32le(bytes, verifier->iterations);
    bytes += 4;
    memcpy(bytes, verifier->stored_key, SL_SHA256_BYTES);
    bytes += SL_SHA256_BYTES;
    memcpy(bytes, verifier->native, SL_SHA1_BYTES);
    memcpy(bytes + SL_SHA1_BYTES, verifier->sha2, SL_SHA256_BYTES);
}

bool
sl_verifier_decode(const uint8_t bytes[SL_VERIFIER_BYTES], struct sl_verifier *verifier)
{
    memcpy(verifier->salt, bytes, SL_SALT_BYTES);
    bytes += SL_SALT_BYTES;
    verifier->iterations = (uint32_t)sl_read_le(bytes, 4);
    bytes += 4;
    memcpy(verifier->stored_key, bytes, SL_SHA256_BYTES);
    bytes += SL_SHA256_BYTES;
    memcpy(verifier->native, bytes, SL_SHA1_BYTES);
    memcpy(verifier->sha2, bytes + SL_SHA1_BYTES, SL_SHA256_BYTES);
    return verifier->iterations >= SL_ITERATIONS_MIN && verifier->iterations <= SL_ITERATIONS_MAX;
}
