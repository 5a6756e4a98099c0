/*
 * scheme.h - how a client proves that it knows a password, and what the server keeps to judge it.
 *
 * No scheme sends the password. `challenge` is the 20 bytes that the server greets with; XOR is
 * byte by byte, + joins bytes:
 *
 *   sluice_sha256          the native protocol's own, the computation of SCRAM (RFC 5802):
 *                            salted = PBKDF2-HMAC-SHA-256(password, salt, iterations)
 *                            client key = HMAC-SHA-256(salted, "Client Key")
 *                            stored key = SHA-256(client key)
 *                            message = challenge + nonce + salt + iterations (4 bytes, LE)
 *                            proof = client key XOR HMAC-SHA-256(stored key, message)
 *   mysql_native_password  SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password)))
 *   caching_sha2_password  SHA256(password) XOR SHA256(SHA256(SHA256(password)) + challenge)
 *
 * The double hashes that MySQL's schemes are judged by have no salt, and whoever has listened to
 * a login and knows one can log in: they are secrets. So is the file that holds them.
 *
 * Sources: RFC 5802, RFC 8018; the last two as MySQL 8.0's manual describes them.
 * Threads: any; nothing here has a state.
 * Layer:   server/auth. Facade: server and client include it.
 */
#ifndef SLUICE_SERVER_AUTH_SCHEME_H
#define SLUICE_SERVER_AUTH_SCHEME_H

#include "server/auth/digest.h"

#define SL_SCHEME_NONE   "none"
#define SL_SCHEME_SLUICE "sluice_sha256"
#define SL_SCHEME_NATIVE "mysql_native_password"
#define SL_SCHEME_SHA2   "caching_sha2_password"

enum {
    SL_CHALLENGE_BYTES = 20,
    SL_SALT_BYTES = 16,
    SL_NONCE_BYTES = 20,
    SL_ITERATIONS = 10000,
    SL_ITERATIONS_MIN = 1000, /* fewer, and the peer wants to guess */
    SL_ITERATIONS_MAX = 1000000,
    SL_PASSWORD_BYTES_MAX = 255,
    /* A verifier as bytes: salt, iterations, stored key, native, sha2. */
    SL_VERIFIER_BYTES = SL_SALT_BYTES + 4 + SL_SHA256_BYTES + SL_SHA1_BYTES + SL_SHA256_BYTES,
};

struct sl_verifier {
    uint8_t salt[SL_SALT_BYTES];
    uint32_t iterations;
    uint8_t stored_key[SL_SHA256_BYTES];
    uint8_t native[SL_SHA1_BYTES]; /* SHA1(SHA1(password)) */
    uint8_t sha2[SL_SHA256_BYTES]; /* SHA256(SHA256(password)) */
};

/* For a new password, with a new salt. */
void sl_verifier_make(const char *password, struct sl_verifier *out_verifier);

void sl_verifier_encode(const struct sl_verifier *verifier, uint8_t bytes[SL_VERIFIER_BYTES]);
/* False: the iterations are out of their range. */
bool sl_verifier_decode(const uint8_t bytes[SL_VERIFIER_BYTES], struct sl_verifier *out_verifier);

/* What both sides of sluice_sha256 know before the proof. */
struct sl_exchange {
    uint8_t challenge[SL_CHALLENGE_BYTES];
    uint8_t nonce[SL_NONCE_BYTES]; /* the client's */
    uint8_t salt[SL_SALT_BYTES];
    uint32_t iterations;
};
/* The client's side; iterations are in their range. */
void sl_proof_make(const char *password, const struct sl_exchange *exchange,
                   uint8_t proof[SL_SHA256_BYTES]);

/* The server's: does the response prove the password? False for one of another size. */
bool sl_proof_is_right(const struct sl_verifier *verifier, const struct sl_exchange *exchange,
                       struct sl_piece proof);
bool sl_native_is_right(const struct sl_verifier *verifier,
                        const uint8_t challenge[SL_CHALLENGE_BYTES], struct sl_piece response);
bool sl_sha2_is_right(const struct sl_verifier *verifier,
                      const uint8_t challenge[SL_CHALLENGE_BYTES], struct sl_piece response);

#endif
