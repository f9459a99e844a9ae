/* SPDX-License-Identifier: MIT */

/* crypto/cipher.c: the openssl program judges what we encrypt. */

#include "crypto/cipher.h"

#include <string.h>

#include "pki.h"

static const uint8_t key[CIPHER_KEY_SIZE] = { 0x76, 0x13, 0x05, 0xcf, 0x2d, 0xe9, 0xa8, 0xff,
	                                      0x17, 0x08, 0xea, 0xc7, 0x46, 0x76, 0xc6, 0x06,
	                                      0x63, 0x04, 0x25, 0xb2, 0x2b, 0xb8, 0x21, 0x2e,
	                                      0x5e, 0x23, 0x14, 0xe3, 0xe6, 0x1e, 0x8a, 0xb5 };

#define KEY_HEX "761305cf2de9a8ff1708eac74676c606630425b22bb8212e5e2314e3e61e8ab5"

/* The number of the sector, and the IV that dm-crypt's plain64 gives it. */
static const struct {
	uint64_t sector;
	const char *iv;
} sectors[] = {
	{ 0, "00000000000000000000000000000000" },
	{ 1, "08000000000000000000000000000000" },
	{ 32, "00010000000000000000000000000000" },
	{ 0x20000000, "00000000010000000000000000000000" }, /* 2 TiB */
};

static void fill(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void test_openssl_agrees(void)
{
	uint8_t data[CIPHER_SECTOR];
	g_autoptr(Cipher) cipher = cipher_new(key, true);

	for (unsigned i = 0; i < G_N_ELEMENTS(sectors); i++) {
		fill(data, sizeof(data));
		g_autoptr(GBytes) plain = g_bytes_new(data, sizeof(data));
		pki_write(pki_own("plain"), plain);
		g_autofree char *command =
			g_strdup_printf("openssl enc -aes-256-cbc -nopad -K " KEY_HEX
		                        " -iv %s -in plain -out crypt && echo done",
		                        sectors[i].iv);
		g_autofree char *said = pki_shell(command);
		g_assert_nonnull(said);
		g_autoptr(GBytes) expected = pki_read(pki_own("crypt"));

		cipher_run(cipher, data, 1, sectors[i].sector);
		g_assert_cmpmem(data, sizeof(data), g_bytes_get_data(expected, NULL),
		                g_bytes_get_size(expected));
	}
}

/* Many sectors at once are what one after the other is. */
static void test_back(void)
{
	enum { N = 5 };
	static uint8_t data[N * CIPHER_SECTOR], original[N * CIPHER_SECTOR];
	g_autoptr(Cipher) to = cipher_new(key, true), from = cipher_new(key, false);

	fill(original, sizeof(original));
	memcpy(data, original, sizeof(data));
	cipher_run(to, data, N, 7);
	for (unsigned i = N; i-- > 0;) {
		g_assert_cmpint(memcmp(data + i * CIPHER_SECTOR, original + i * CIPHER_SECTOR,
		                       CIPHER_SECTOR),
		                !=, 0);
		cipher_run(from, data + i * CIPHER_SECTOR, 1, 7 + i);
	}
	g_assert_cmpmem(data, sizeof(data), original, sizeof(original));
}

static void test_wipe(void)
{
	char secret[] = "secret";

	cipher_wipe(secret, sizeof(secret));
	for (unsigned i = 0; i < sizeof(secret); i++)
		g_assert_cmpint(secret[i], ==, 0);
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/cipher/openssl-agrees", test_openssl_agrees);
	g_test_add_func("/crypto/cipher/back", test_back);
	g_test_add_func("/crypto/cipher/wipe", test_wipe);
	return pki_run();
}
