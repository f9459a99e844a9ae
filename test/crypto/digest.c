/* SPDX-License-Identifier: MIT */

#include "crypto/digest.h"

#include <string.h>

#include "pki.h"

/* FIPS 180-2 and the empty message. */
static const struct {
	const char *message;
	const char *hex;
} vectors[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void assert_hex(const uint8_t *bytes, const char *expected)
{
	g_autofree char *hex = digest_hex(bytes, DIGEST_SIZE);

	g_assert_cmpstr(hex, ==, expected);
}

/* One Digest for all: finishing makes it new again. */
static void test_vectors(void)
{
	g_autoptr(Digest) digest = digest_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
		const char *message = vectors[i].message;
		uint8_t result[DIGEST_SIZE];

		digest_bytes(message, strlen(message), result);
		assert_hex(result, vectors[i].hex);
		for (size_t at = 0; message[at]; at++)
			digest_update(digest, message + at, 1);
		digest_finish(digest, result);
		assert_hex(result, vectors[i].hex);
		digest_update(digest, "dropped", 7);
		digest_reset(digest);
	}
	pki_assert_clean();
}

static void test_million(void)
{
	g_autoptr(Digest) digest = digest_new();
	uint8_t part[1000], result[DIGEST_SIZE];

	memset(part, 'a', sizeof(part));
	for (unsigned i = 0; i < 1000; i++)
		digest_update(digest, part, sizeof(part));
	digest_finish(digest, result);
	assert_hex(result, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Poly1305 of RFC 8439, worked out with its formula; then zeroes. */
static const struct {
	const char *byte;
	size_t n;
	const char *hex;
} quick[] = {
	{ "", 0, "64792c20736f206e6f20736563726574" },
	{ "a", 1, "08bbd360692441bda491b4eddae52eab" },
	{ "a", 1000, "4f801c0578ecf022d9eb6ece73bfff0a" },
};

static void test_quick(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(quick); i++) {
		g_autofree char *text = g_strnfill(quick[i].n, quick[i].byte[0]);
		g_autofree char *hex =
			g_strconcat(quick[i].hex, "00000000000000000000000000000000", NULL);
		uint8_t result[DIGEST_SIZE];

		digest_quick(text, quick[i].n, result);
		assert_hex(result, hex);
	}
	pki_assert_clean();
}

static const struct {
	const char *hex;
	bool ok;
} hexes[] = {
	{ "00ffAb", true },
	{ "00ffa", false },
	{ "00ffaB0", false },
	{ "", false },
	{ "00ffag", false },
	{ "00ff a", false },
	{ "0x00ff", false },
	{ "00ffab00", false },
	{ "-0ffab", false },
	{ "\xc3\xa4"
	  "ffab",
	  false },
};

static void test_hex(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(hexes); i++) {
		uint8_t bytes[3] = { 7, 7, 7 };

		g_assert_cmpint(digest_parse_hex(hexes[i].hex, bytes, 3), ==, hexes[i].ok);
		if (hexes[i].ok)
			g_assert_cmpmem(bytes, 3, "\x00\xff\xab", 3);
		else
			g_assert_cmpmem(bytes, 3, "\7\7\7", 3);
	}
	g_assert_true(digest_parse_hex("", NULL, 0));
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/digest/vectors", test_vectors);
	g_test_add_func("/crypto/digest/million", test_million);
	g_test_add_func("/crypto/digest/quick", test_quick);
	g_test_add_func("/crypto/digest/hex", test_hex);
	return pki_run();
}
