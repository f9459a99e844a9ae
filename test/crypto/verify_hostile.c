/* SPDX-License-Identifier: MIT */

/* crypto/verify.c: bytes of an attacker. Never a crash, never other signed bytes. */

#include "crypto/verify.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "pki.h"

static const char manifest[] = "[update]\ncompatible=Test\nversion=1\n";

static bool read_manifest(void *user G_GNUC_UNUSED, void *to, size_t size, uint64_t at,
                          GError **error)
{
	if (at + size > strlen(manifest))
		return fail(error, FAILURE_IO, "beyond the end");
	memcpy(to, manifest + at, size);
	return true;
}

static const VerifyContent content = { sizeof(manifest) - 1, read_manifest, NULL };

static GBytes *make(const char *name, bool is_detached)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static(manifest, strlen(manifest));
	g_autoptr(SignKey) key = pki_key(name);
	GBytes *cms =
		is_detached ? sign_detached(key, &content, NULL) : sign_attached(key, bytes, NULL);

	g_assert_nonnull(cms);
	return cms;
}

/* Everything that takes such bytes; true: it verified, over the right content. */
static bool try_all(GBytes *cms, bool is_detached, const Keyring *keyring, const char *hashes)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(Signers) signers = NULL;

	bool ok = verify_cms(cms, is_detached ? &content : NULL, keyring, &signers,
	                     is_detached ? NULL : &bytes, &error);
	pki_assert_clean();
	if (!ok) {
		g_assert_nonnull(error);
		g_assert_null(strchr(error->message, '\n'));
		g_assert_null(signers);
		g_assert_null(bytes);
		return false;
	}
	if (!is_detached)
		g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), manifest,
		                strlen(manifest));
	g_autofree char *got = signers_spki_hashes(signers);
	g_assert_cmpstr(got, ==, hashes);
	return true;
}

/* Those that believe nothing. */
static void look(GBytes *cms)
{
	g_autoptr(GBytes) peeked = verify_cms_peek(cms, NULL);
	g_autofree char *dump = verify_cms_dump_cert(cms, NULL);
	g_autoptr(GError) error = NULL;
	VerifyCmsKind kind;

	g_assert_true(verify_cms_kind(cms, &kind, &error) == !error);
	pki_assert_clean();
}

static char *hashes_of(GBytes *cms, bool is_detached, const Keyring *keyring)
{
	g_autoptr(Signers) signers = NULL;
	g_autoptr(GBytes) bytes = NULL;

	g_assert_true(verify_cms(cms, is_detached ? &content : NULL, keyring, &signers,
	                         is_detached ? NULL : &bytes, NULL));
	return signers_spki_hashes(signers);
}

/* What a flip may leave valid is what no signature covers and OpenSSL does not
 * look at: the name of the signature algorithm (the digest's and the key count),
 * unused parameters. More than a handful of bytes would be a hole. */
static void mutate(const char *name, bool is_detached)
{
	static const uint8_t flips[] = { 0x01, 0x20, 0x80, 0xff };
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");
	g_autoptr(GBytes) cms = make(name, is_detached);
	g_autofree char *hashes = hashes_of(cms, is_detached, keyring);
	size_t size;
	const uint8_t *data = g_bytes_get_data(cms, &size);
	unsigned n_flips = g_test_slow() ? G_N_ELEMENTS(flips) : 1;
	unsigned n_accepted = 0, n_tried = 0;

	for (size_t at = 0; at < size; at++)
		for (unsigned flip = 0; flip < n_flips; flip++) {
			uint8_t *copy = g_memdup2(data, size);
			copy[at] ^= flips[flip];
			g_autoptr(GBytes) mutant = g_bytes_new_take(copy, size);

			n_tried++;
			if (flip == 0 && at % 4 == 0) /* all parse alike, and parsing is slow */
				look(mutant);
			if (try_all(mutant, is_detached, keyring, hashes)) {
				n_accepted++;
				g_test_message("byte %zu ^ %02x is not covered", at, flips[flip]);
			}
		}
	g_test_message("%s: %u of %u mutants of %zu bytes still verify", name, n_accepted, n_tried,
	               size);
	g_assert_cmpuint(n_accepted, <=, 24 * n_flips);
}

static void test_mutate_rsa(void)
{
	mutate("rsa", false);
}

static void test_mutate_ec(void)
{
	mutate("ec", false);
}

static void test_mutate_detached(void)
{
	mutate("ec", true);
}

static void test_truncate(void)
{
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");
	g_autoptr(GBytes) cms = make("rsa", false);

	for (size_t size = 0; size < g_bytes_get_size(cms); size++) {
		/* A copy, so that reading over the end shows. */
		g_autoptr(GBytes) cut = g_bytes_new(g_bytes_get_data(cms, NULL), size);
		VerifyCmsKind kind;

		g_assert_false(try_all(cut, false, keyring, NULL));
		look(cut);
		g_assert_false(verify_cms_kind(cut, &kind, NULL));
	}
}

static void test_trailing(void)
{
	static const char tails[][3] = { { 0 }, { '\n' }, { 0x30, 0 }, { 0x05, 0x00 } };
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");
	g_autoptr(GBytes) cms = make("ec", false);

	for (unsigned i = 0; i < G_N_ELEMENTS(tails); i++) {
		g_autoptr(GByteArray) longer = g_byte_array_new();
		g_autoptr(GError) error = NULL;
		VerifyCmsKind kind;

		g_byte_array_append(longer, g_bytes_get_data(cms, NULL),
		                    (unsigned)g_bytes_get_size(cms));
		g_byte_array_append(longer, (const uint8_t *)tails[i], i < 2 ? 1 : 2);
		g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(g_steal_pointer(&longer));
		g_assert_false(verify_cms_kind(bytes, &kind, &error));
		pki_assert_error(error, FAILURE_FORMAT,
		                 i < 2 ? "1 bytes follow" : "2 bytes follow");
		g_assert_false(try_all(bytes, false, keyring, NULL));
	}
}

static const struct {
	const char *name;
	const char *start; /* of the DER, in hex */
	const char *again; /* and this over and over, up to 1 MiB */
} shapes[] = {
	{ "zeros", "", "00" },
	{ "ones", "", "ff" },
	{ "text", "", "2d2d2d2d2d424547494e" },
	{ "nested sequences", "", "3080" },
	{ "nested sets", "", "3180" },
	{ "nested octet strings", "", "2480" },
	{ "a length of 2 GiB", "30847fffffff", "00" },
	{ "a length of 4 GiB", "3084ffffffff", "00" },
	{ "a length of 2^64", "3088ffffffffffffffff", "00" },
	{ "a long long length", "30fe", "ff" },
	{ "a long tag", "3f", "ff" },
	{ "SignedData nested", "308006092a864886f70d010702a080", "3080" },
	{ "a version without end", "308006092a864886f70d010702a080308002840000fff0", "7f" },
	{ "an OID without end", "308006840000fff0", "81" },
	{ "content nested",
	  "308006092a864886f70d010702a0803080020101310030800609"
	  "2a864886f70d010701a080",
	  "2480" },
	{ "certificates nested",
	  "308006092a864886f70d010702a0803080020101310030800609"
	  "2a864886f70d0107010000a080",
	  "3080" },
	{ "signers without end",
	  "308006092a864886f70d010702a0803080020101310030800609"
	  "2a864886f70d01070100003180",
	  "3000" },
};

static void append_hex(GByteArray *to, const char *hex)
{
	for (; hex[0] && hex[1]; hex += 2) {
		uint8_t byte =
			(uint8_t)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));

		g_byte_array_append(to, &byte, 1);
	}
}

static void test_shapes(void)
{
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");

	for (unsigned i = 0; i < G_N_ELEMENTS(shapes); i++) {
		g_autoptr(GByteArray) der = g_byte_array_new();
		g_autoptr(GError) error = NULL;
		VerifyCmsKind kind;

		append_hex(der, shapes[i].start);
		while (der->len < 1 << 20)
			append_hex(der, shapes[i].again);
		g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(g_steal_pointer(&der));

		gint64 start = g_get_monotonic_time();
		g_assert_false(try_all(bytes, false, keyring, NULL));
		look(bytes);
		g_assert_false(verify_cms_kind(bytes, &kind, &error));
		g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
		g_test_message("%s:", shapes[i].name);
		pki_assert_error(error, FAILURE_FORMAT, "Signature data is no valid CMS");
	}
}

/* More than OpenSSL's int; address space only, no memory. */
static void test_huge(void)
{
	size_t size = (size_t)INT_MAX + 1;
	void *space =
		mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	g_autoptr(GError) error = NULL, sign_error = NULL;
	g_autoptr(SignKey) key = pki_key("ec");
	VerifyCmsKind kind;

	g_assert_true(space != MAP_FAILED);
	g_autoptr(GBytes) bytes = g_bytes_new_static(space, size);
	g_assert_false(verify_cms_kind(bytes, &kind, &error));
	pki_assert_error(error, FAILURE_FORMAT, "it has 2147483648 bytes");
	g_assert_null(sign_attached(key, bytes, &sign_error));
	pki_assert_error(sign_error, FAILURE_FORMAT, "too many");
	munmap(space, size);
}

/* Detached content beyond 4 GiB, 32-bit counters would wrap: only with -m slow. */
static bool read_pattern(void *user G_GNUC_UNUSED, void *to, size_t size, uint64_t at,
                         GError **error G_GNUC_UNUSED)
{
	memset(to, (int)(at >> 20), size);
	return true;
}

static void test_large_content(void)
{
	VerifyContent large = { (4ULL << 30) + 5, read_pattern, NULL };
	VerifyContent other = { large.size - 1, read_pattern, NULL };
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");
	g_autoptr(SignKey) key = pki_key("ec");
	g_autoptr(Signers) signers = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_test_slow()) {
		g_test_skip("hashes 12 GiB: run with -m slow");
		return;
	}
	g_autoptr(GBytes) cms = sign_detached(key, &large, NULL);
	g_assert_nonnull(cms);
	g_assert_true(verify_cms(cms, &large, keyring, &signers, NULL, NULL));
	g_clear_pointer(&signers, signers_free);
	g_assert_false(verify_cms(cms, &other, keyring, &signers, NULL, &error));
	pki_assert_error(error, FAILURE_SIGNATURE, "the content is not what was signed");
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/hostile/mutate-rsa", test_mutate_rsa);
	g_test_add_func("/crypto/hostile/mutate-ec", test_mutate_ec);
	g_test_add_func("/crypto/hostile/mutate-detached", test_mutate_detached);
	g_test_add_func("/crypto/hostile/truncate", test_truncate);
	g_test_add_func("/crypto/hostile/trailing", test_trailing);
	g_test_add_func("/crypto/hostile/shapes", test_shapes);
	g_test_add_func("/crypto/hostile/huge", test_huge);
	g_test_add_func("/crypto/hostile/large-content", test_large_content);
	return pki_run();
}
