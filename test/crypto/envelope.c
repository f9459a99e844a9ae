/* SPDX-License-Identifier: MIT */

/* crypto/envelope.c: the openssl program opens ours and makes some for us. */

#include "crypto/envelope.h"

#include <string.h>

#include "pki.h"

static const char secret[] = "the signature, and the key of the payload\r\n";

static GBytes *seal(const char *a, const char *b, unsigned *n, GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static(secret, strlen(secret));
	const char *paths[] = { a, b, NULL };

	return envelope_seal(bytes, paths, n, error);
}

static void assert_inside(GBytes *cms, const EnvelopeKey *key)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) inside = envelope_open(cms, key, &error);

	g_assert_no_error(error);
	pki_assert_clean();
	g_assert_cmpmem(g_bytes_get_data(inside, NULL), g_bytes_get_size(inside), secret,
	                strlen(secret));
}

static const struct {
	const char *key, *cert, *passphrase;
} openers[] = {
	{ "rsa.key", "rsa.pem", NULL },
	{ "rsa.key", NULL, NULL },
	{ "ec.key", "ec.pem", NULL },
	{ "ec.key", NULL, NULL },
	{ "encrypted.key", "ec.pem", "secret" },
};

static EnvelopeKey opener(unsigned i)
{
	return (EnvelopeKey){ pki_path(openers[i].key),
		              openers[i].cert ? pki_path(openers[i].cert) : NULL,
		              openers[i].passphrase };
}

static void test_ours(void)
{
	g_autoptr(GError) error = NULL;
	unsigned n = 0;
	g_autoptr(GBytes) cms = seal(pki_path("rsa.pem"), pki_path("ec.pem"), &n, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(n, ==, 2);
	pki_write(pki_own("cms"), cms);
	for (unsigned i = 0; i < G_N_ELEMENTS(openers); i++) {
		EnvelopeKey key = opener(i);

		assert_inside(cms, &key);
	}
	g_autofree char *by_rsa = pki_shell("openssl cms -decrypt -inform DER -in cms -binary "
	                                    "-recip $P/rsa.pem -inkey $P/rsa.key");
	g_autofree char *by_ec = pki_shell("openssl cms -decrypt -inform DER -in cms -binary "
	                                   "-recip $P/ec.pem -inkey $P/ec.key");
	g_assert_cmpstr(by_rsa, ==, secret);
	g_assert_cmpstr(by_ec, ==, secret);
}

static void test_of_openssl(void)
{
	g_autoptr(GBytes) plain = g_bytes_new_static(secret, strlen(secret));

	pki_write(pki_own("plain"), plain);
	g_autofree char *made = pki_shell("openssl cms -encrypt -binary -aes-256-cbc -in plain "
	                                  "-outform DER -out cms $P/rsa.pem $P/ec.pem && echo ok");
	g_assert_nonnull(made);
	g_autoptr(GBytes) cms = pki_read(pki_own("cms"));
	for (unsigned i = 0; i < G_N_ELEMENTS(openers); i++) {
		EnvelopeKey key = opener(i);

		assert_inside(cms, &key);
	}
}

/* Every certificate of a file, each once. */
static void test_recipients(void)
{
	g_autoptr(GError) error = NULL;
	unsigned n = 0;
	g_autoptr(GBytes) cms = seal(pki_path("bundle.pem"), pki_path("ca.pem"), &n, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(n, ==, 2); /* inter.pem and ca.pem */
	g_autofree char *shown = envelope_recipients(cms, &error);
	g_assert_no_error(error);
	/* DER sorts a SET, so which comes first is not ours to say */
	g_assert_true(g_str_has_prefix(shown, "2 Recipients:\n"
	                                      "  0   Issuer:    O = Test Org, CN = Test CA\n"
	                                      "      Serial:    0x"));
	g_assert_nonnull(strstr(shown, "\n  1   Issuer:    O = Test Org, CN = Test CA\n"));
	g_assert_nonnull(strstr(shown, "      Algorithm: dhSinglePass-stdDH-sha1kdf-scheme\n"));
	g_assert_nonnull(strstr(shown, "      Algorithm: rsaEncryption\n"));
}

static const struct {
	const char *path;
	Failure why;
	const char *part;
} bad_recipients[] = {
	{ "nowhere.pem", FAILURE_NOT_FOUND, "nowhere.pem" },
	{ "ec.key", FAILURE_FORMAT, "Expecting: CERTIFICATE" },
	{ "text.pem", FAILURE_FORMAT, "Expecting: CERTIFICATE" },
	{ "empty.pem", FAILURE_FORMAT, "is empty" },
	{ "cut.pem", FAILURE_FORMAT, "cut.pem" },
	{ "damaged.pem", FAILURE_FORMAT, "cannot read a certificate in" },
	{ "ca.der", FAILURE_FORMAT, "Expecting: CERTIFICATE" },
	{ NULL, FAILURE_USAGE, "no recipients" },
};

static void test_bad_recipients(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bad_recipients); i++) {
		const char *name = bad_recipients[i].path;
		g_autoptr(GError) error = NULL;
		unsigned n = 99;

		g_assert_null(seal(name ? pki_path(name) : NULL, NULL, &n, &error));
		g_assert_cmpuint(n, ==, 99);
		pki_assert_error(error, bad_recipients[i].why, bad_recipients[i].part);
	}
}

static void test_ed25519_recipient(void)
{
	g_autoptr(GError) error = NULL;
	unsigned n;
	g_autofree char *made = pki_shell(
		"openssl req -x509 -newkey ed25519 -nodes -keyout ed.key -out ed.pem -subj /CN=Ed "
		"2>/dev/null && echo ok");

	g_assert_nonnull(made);
	g_assert_null(seal(pki_own("ed.pem"), NULL, &n, &error));
	pki_assert_error(error, FAILURE_CONFIG, "RSA and EC keys");
}

static const struct {
	const char *key, *cert, *passphrase;
	Failure why;
	const char *part;
} refused[] = {
	{ "other.key", NULL, NULL, FAILURE_CONFIG, "opens none of its 2 recipients" },
	{ "chained.key", "chained.pem", NULL, FAILURE_CONFIG, "no matching recipient" },
	{ "ec.key", "rsa.pem", NULL, FAILURE_CONFIG, "does not belong to certificate" },
	{ "nowhere.key", NULL, NULL, FAILURE_NOT_FOUND, "nowhere.key" },
	{ "ec.key", "nowhere.pem", NULL, FAILURE_NOT_FOUND, "nowhere.pem" },
	{ "encrypted.key", NULL, NULL, FAILURE_CONFIG, "RAUC_KEY_PASSPHRASE" },
	{ "encrypted.key", NULL, "wrong", FAILURE_CONFIG, "is the passphrase right?" },
};

static void test_refused(void)
{
	unsigned n;
	g_autoptr(GBytes) cms = seal(pki_path("rsa.pem"), pki_path("ec.pem"), &n, NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		EnvelopeKey key = { pki_path(refused[i].key),
			            refused[i].cert ? pki_path(refused[i].cert) : NULL,
			            refused[i].passphrase };
		g_autoptr(GError) error = NULL;

		g_assert_null(envelope_open(cms, &key, &error));
		pki_assert_error(error, refused[i].why, refused[i].part);
	}
}

/* Every byte changed: refused, or something comes out that nobody will believe; no crash. */
static void test_damaged(void)
{
	unsigned n;
	g_autoptr(GBytes) cms = seal(pki_path("ec.pem"), NULL, &n, NULL);
	EnvelopeKey key = { pki_path("ec.key"), NULL, NULL };
	gsize size;
	const uint8_t *data = g_bytes_get_data(cms, &size);

	for (gsize at = 0; at < size; at++) {
		g_autofree uint8_t *copy = g_memdup2(data, size);
		g_autoptr(GError) error = NULL;

		copy[at] ^= 0x41;
		g_autoptr(GBytes) damaged = g_bytes_new(copy, size);
		g_autoptr(GBytes) inside = envelope_open(damaged, &key, &error);
		g_autofree char *shown = envelope_recipients(damaged, NULL);
		g_assert_true((inside == NULL) == (error != NULL));
		pki_assert_clean();
	}
	for (gsize cut = 0; cut < size; cut++) {
		g_autoptr(GBytes) head = g_bytes_new(data, cut);
		g_autoptr(GError) error = NULL;

		g_assert_null(envelope_open(head, &key, &error));
		g_assert_null(envelope_recipients(head, NULL));
		pki_assert_clean();
	}
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/envelope/ours", test_ours);
	g_test_add_func("/crypto/envelope/of-openssl", test_of_openssl);
	g_test_add_func("/crypto/envelope/recipients", test_recipients);
	g_test_add_func("/crypto/envelope/bad-recipients", test_bad_recipients);
	g_test_add_func("/crypto/envelope/ed25519-recipient", test_ed25519_recipient);
	g_test_add_func("/crypto/envelope/refused", test_refused);
	g_test_add_func("/crypto/envelope/damaged", test_damaged);
	return pki_run();
}
