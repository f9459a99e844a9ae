/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * SHA-256, in one go, in parts, and over many blocks with a salt.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define DIGEST_SIZE 32
#define DIGEST_HEX  64 /* without the NUL */

typedef struct Digest Digest; /* not thread-safe: one a thread */

Digest *digest_new(void);
void digest_free(Digest *digest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Digest, digest_free)

void digest_update(Digest *digest, const void *data, size_t size);
/* Writes the result and makes the digest new again. */
void digest_finish(Digest *digest, uint8_t result[DIGEST_SIZE]);
/* Start over, dropping what was put in. */
void digest_reset(Digest *digest);

void digest_bytes(const void *data, size_t size, uint8_t result[DIGEST_SIZE]);

/* Tells chance damage, many times faster, and no more than that: who wants to can make other bytes
 * with the same result. The same on every machine whose OpenSSL has Poly1305; elsewhere SHA-256. */
void digest_quick(const void *data, size_t size, uint8_t result[DIGEST_SIZE]);

/* Hex is written in lower case and read in either; `hex` must be n * 2 digits. */
char *digest_hex(const uint8_t *bytes, size_t n);
bool digest_parse_hex(const char *hex, uint8_t *bytes, size_t n);
