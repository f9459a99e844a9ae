/* SPDX-License-Identifier: MIT */

#include "crypto/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define IV_UNITS (CIPHER_SECTOR / 512) /* plain64 counts in old sectors */

struct Cipher {
	EVP_CIPHER *aes;
	EVP_CIPHER_CTX *context;
};

/* AES in memory cannot fail but by our own mistake, and going on would mean to
 * ship a payload in the clear. */
static void must(int ok)
{
	g_assert(ok == 1);
}

Cipher *cipher_new(const uint8_t key[CIPHER_KEY_SIZE], bool encrypts)
{
	Cipher *cipher = g_new0(Cipher, 1);

	cipher->aes = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	cipher->context = EVP_CIPHER_CTX_new();
	must(cipher->aes && cipher->context);
	must(EVP_CipherInit_ex2(cipher->context, cipher->aes, key, NULL, encrypts, NULL));
	must(EVP_CIPHER_CTX_set_padding(cipher->context, 0));
	return cipher;
}

void cipher_free(Cipher *cipher)
{
	if (!cipher)
		return;
	EVP_CIPHER_CTX_free(cipher->context); /* wipes the key */
	EVP_CIPHER_free(cipher->aes);
	g_free(cipher);
}

/* The key stays, only the IV is new. */
static void start_sector(Cipher *cipher, uint64_t sector)
{
	uint64_t le = GUINT64_TO_LE(sector * IV_UNITS);
	uint8_t iv[16] = { 0 };

	memcpy(iv, &le, sizeof(le));
	must(EVP_CipherInit_ex2(cipher->context, NULL, NULL, iv, -1, NULL));
}

void cipher_run(Cipher *cipher, uint8_t *data, size_t n_sectors, uint64_t sector)
{
	int n;

	for (; n_sectors > 0; n_sectors--, sector++, data += CIPHER_SECTOR) {
		start_sector(cipher, sector);
		must(EVP_CipherUpdate(cipher->context, data, &n, data, CIPHER_SECTOR));
		g_assert(n == CIPHER_SECTOR);
	}
}

void cipher_wipe(void *data, size_t size)
{
	OPENSSL_cleanse(data, size);
}
