/*
 * digest.h - SHA-1, SHA-256, HMAC, PBKDF2, random bytes, and a comparison that tells no time.
 *
 * digest.c alone knows libcrypto. Inputs are at most a few kilobytes; nothing here fails but for
 * want of memory in the library, which stops the process like any other want of memory.
 *
 * Threads: any.
 * Layer:   server/auth.
 */
#ifndef SLUICE_SERVER_AUTH_DIGEST_H
#define SLUICE_SERVER_AUTH_DIGEST_H

#include "storage/base/base.h"

enum { SL_SHA1_BYTES = 20, SL_SHA256_BYTES = 32 };

struct sl_piece {
    const void *bytes;
    size_t size_bytes;
};

/* The digest of the pieces, end to end. */
void sl_sha1(const struct sl_piece *pieces, size_t count, uint8_t out[SL_SHA1_BYTES]);
void sl_sha256(const struct sl_piece *pieces, size_t count, uint8_t out[SL_SHA256_BYTES]);

/* HMAC-SHA-256 (RFC 2104). */
void sl_hmac_sha256(struct sl_piece key, struct sl_piece text, uint8_t out[SL_SHA256_BYTES]);

/* PBKDF2-HMAC-SHA-256 (RFC 8018) of 32 bytes. */
void sl_pbkdf2_sha256(const char *password, struct sl_piece salt, uint32_t iterations,
                      uint8_t key[SL_SHA256_BYTES]);

void sl_random_bytes(void *bytes, size_t size_bytes);

/* True when equal; takes as long for a wrong first byte as for a wrong last one. */
bool sl_is_same_secret(const void *a, const void *b, size_t size_bytes);

/* Overwrite; not optimised away. */
void sl_wipe(void *bytes, size_t size_bytes);

#endif
