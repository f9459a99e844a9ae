/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Decrypting in user space what dm-crypt would: the payload of a bundle of
 * format crypt (chapter 1.5), over a verity source that has checked it.
 */

#include "base/pool.h"
#include "crypto/cipher.h"
#include "source/source.h"

/* Has the size of `below`, which it keeps and which must be whole sectors of 4096 bytes. */
Source *source_crypt_new(Source *below, const uint8_t key[CIPHER_KEY_SIZE], GError **error);

/* Encrypt the file behind `plain` in place, in the pool: each part is read from `plain`
 * once, before its place in `fd` is overwritten. The size must be whole sectors. */
bool source_crypt_encrypt(Source *plain, int fd, const uint8_t key[CIPHER_KEY_SIZE], Pool *pool,
                          GError **error);
