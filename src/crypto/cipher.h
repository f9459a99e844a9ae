/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * AES-256-CBC in sectors of 4096 bytes, as dm-crypt has it with
 * "aes-cbc-plain64 ... sector_size:4096" and without iv_large_sectors:
 *
 *     IV of sector i    [ i * 8, 64 bit, little endian ][ 8 zero bytes ]
 *
 * The size stays the same, nothing is padded, and nothing says whether the key
 * was right: what is decrypted must have been vouched for by other means.
 */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_KEY_SIZE 32
#define CIPHER_SECTOR   4096

typedef struct Cipher Cipher; /* not thread-safe: one a thread */

Cipher *cipher_new(const uint8_t key[CIPHER_KEY_SIZE], bool encrypts);
void cipher_free(Cipher *cipher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cipher, cipher_free)

/* Whole sectors in place, the first of which is number `sector`. */
void cipher_run(Cipher *cipher, uint8_t *data, size_t n_sectors, uint64_t sector);

/* Forget a secret that is on the stack or about to be freed. */
void cipher_wipe(void *data, size_t size);
