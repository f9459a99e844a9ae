/* SPDX-License-Identifier: MIT */

/* crypto/sign.c: the openssl program judges what we sign. */

#include "crypto/sign.h"

#include <string.h>

#include "pki.h"

static const char manifest[] = "[update]\ncompatible=Test\r\nversion=1\n";

static bool read_memory(void *user, void *to, size_t size, uint64_t at, GError **error)
{
	GBytes *bytes = user;

	if (at + size > g_bytes_get_size(bytes))
		return fail(error, FAILURE_INTEGRITY, "the disk is scratched");
	memcpy(to, (const char *)g_bytes_get_data(bytes, NULL) + at, size);
	return true;
}

/* Bytes that are no text, over several parts of a stream. */
static GBytes *make_payload(void)
{
	uint8_t *payload = g_malloc(300001);

	for (unsigned i = 0; i < 300001; i++)
		payload[i] = (uint8_t)(i * 7 + (i >> 9));
	return g_bytes_new_take(payload, 300001);
}

static const struct {
	const char *cert, *key, *passphrase;
	const char *intermediates[4];
	const char *n_certs;
} signers[] = {
	{ "rsa.pem", "rsa.key", NULL, { NULL }, "1" },
	{ "ec.pem", "ec.key", NULL, { NULL }, "1" },
	{ "ec.pem", "encrypted.key", "secret", { NULL }, "1" },
	{ "chained.pem", "chained.key", NULL, { "inter.pem" }, "2" },
	{ "chained.pem", "chained.key", NULL, { "bundle.pem" }, "2" },
	{ "chained.pem", "chained.key", NULL, { "inter.pem", "ca.pem", "inter.pem" }, "3" },
	{ "ec.pem", "ec.key", NULL, { "ec.pem" }, "1" },
};

static SignKey *load(unsigned i)
{
	const char *paths[4] = { NULL };
	g_autoptr(GError) error = NULL;
	SignKeyFiles files = { pki_path(signers[i].cert), pki_path(signers[i].key), paths,
		               signers[i].passphrase };

	for (unsigned j = 0; signers[i].intermediates[j]; j++)
		paths[j] = pki_path(signers[i].intermediates[j]);
	SignKey *key = sign_key_load(&files, &error);
	g_assert_no_error(error);
	return key;
}

static void assert_certs(const char *expected)
{
	g_autofree char *n = pki_shell("openssl cms -cmsout -inform DER -in cms -outform PEM "
	                               "| openssl cms -cmsout -print -inform PEM -noout "
	                               "| grep -c 'd.certificate:'");

	g_assert_cmpstr(g_strchomp(n), ==, expected);
}

static void test_attached(void)
{
	g_autoptr(GBytes) content = g_bytes_new_static(manifest, strlen(manifest));

	for (unsigned i = 0; i < G_N_ELEMENTS(signers); i++) {
		g_autoptr(SignKey) key = load(i);
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) cms = sign_attached(key, content, &error);

		g_assert_no_error(error);
		pki_assert_clean();
		pki_write(pki_own("cms"), cms);
		g_autofree char *out = pki_shell("openssl cms -verify -binary -inform DER -in cms "
		                                 "-CAfile $P/bundle.pem");
		g_assert_cmpstr(out, ==, manifest);
		assert_certs(signers[i].n_certs);
	}
}

static void test_detached(void)
{
	g_autoptr(GBytes) payload = make_payload();
	VerifyContent content = { g_bytes_get_size(payload), read_memory, payload };

	pki_write(pki_own("payload"), payload);
	for (unsigned i = 0; i < G_N_ELEMENTS(signers); i++) {
		g_autoptr(SignKey) key = load(i);
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) cms = sign_detached(key, &content, &error);

		g_assert_no_error(error);
		pki_assert_clean();
		g_assert_cmpuint(g_bytes_get_size(cms), <, 5000);
		pki_write(pki_own("cms"), cms);
		g_autofree char *out = pki_shell("openssl cms -verify -binary -inform DER -in cms "
		                                 "-content payload -CAfile $P/bundle.pem -out "
		                                 "/dev/null && printf x | dd of=payload bs=1 "
		                                 "seek=299999 conv=notrunc 2>/dev/null");
		g_assert_nonnull(out);
		g_assert_null(pki_shell("openssl cms -verify -binary -inform DER -in cms "
		                        "-content payload -CAfile $P/bundle.pem -out /dev/null"));
		pki_write(pki_own("payload"), payload);
	}
}

static const struct {
	const char *pattern; /* of grep -E over the ASN.1 in text */
	const char *count;
} structure[] = {
	{ "pkcs7-signedData", "1" },
	{ ":pkcs7-data$", "2" }, /* content type, and the attribute of that name */
	{ ":contentType$", "1" },
	{ ":signingTime$", "1" },
	{ ":messageDigest$", "1" },
	{ "UTCTIME .*:[0-9]{12}Z$", "2" }, /* signing time; notBefore of the certificate */
	{ ":S/MIME Capabilities$", "0" },
	{ ":sha256$", "2" },
	{ " INTEGER +:01$", "2" }, /* of SignedData and of SignerInfo */
	{ ":issuerAndSerialNumber|subjectKeyIdentifier", "0" },
	{ "indefinite| inf ", "0" },
};

static void test_structure(void)
{
	g_autoptr(GBytes) content = g_bytes_new_static(manifest, strlen(manifest));
	g_autoptr(SignKey) key = pki_key("rsa");
	g_autoptr(GBytes) cms = sign_attached(key, content, NULL);

	pki_write(pki_own("cms"), cms);
	for (unsigned i = 0; i < G_N_ELEMENTS(structure); i++) {
		g_autofree char *command = g_strdup_printf(
			"openssl asn1parse -inform DER -in cms | grep -Ec '%s' || :",
			structure[i].pattern);
		g_autofree char *count = pki_shell(command);

		g_test_message("%s", structure[i].pattern);
		g_assert_cmpstr(g_strchomp(count), ==, structure[i].count);
	}
}

static void test_empty(void)
{
	g_autoptr(GBytes) nothing = g_bytes_new(NULL, 0);
	g_autoptr(SignKey) key = pki_key("ec");
	g_autoptr(GBytes) cms = sign_attached(key, nothing, NULL);

	pki_write(pki_own("cms"), cms);
	g_autofree char *out = pki_shell("openssl cms -verify -binary -inform DER -in cms "
	                                 "-CAfile $P/ca.pem");
	g_assert_cmpstr(out, ==, "");
}

static GBytes *append(const char *name, GBytes *cms)
{
	g_autoptr(SignKey) key = pki_key(name);
	g_autoptr(GError) error = NULL;
	GBytes *longer = sign_append(key, cms, &error);

	g_assert_no_error(error);
	pki_assert_clean();
	return longer;
}

static void test_append(void)
{
	g_autoptr(GBytes) content = g_bytes_new_static(manifest, strlen(manifest));
	g_autoptr(SignKey) key = pki_key("rsa");
	g_autoptr(GBytes) one = sign_attached(key, content, NULL);
	g_autoptr(GBytes) two = append("ec", one);
	g_autoptr(GBytes) three = append("other", two);

	pki_write(pki_own("cms"), three);
	assert_certs("3");
	g_autofree char *out = pki_shell("openssl cms -verify -binary -inform DER -in cms "
	                                 "-CAfile $P/both.pem");
	g_assert_cmpstr(out, ==, manifest);
	g_assert_null(
		pki_shell("openssl cms -verify -binary -inform DER -in cms -CAfile $P/ca.pem"));
}

static void test_append_detached(void)
{
	g_autoptr(GBytes) payload = make_payload();
	VerifyContent content = { g_bytes_get_size(payload), read_memory, payload };
	g_autoptr(SignKey) key = pki_key("ec");
	g_autoptr(SignKey) chained = load(3);
	g_autoptr(GBytes) one = sign_detached(key, &content, NULL);
	g_autoptr(GBytes) two = sign_append(chained, one, NULL);
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");
	g_autoptr(Signers) who = NULL;

	pki_write(pki_own("cms"), two);
	assert_certs("3");
	g_assert_true(verify_cms(two, &content, keyring, &who, NULL, NULL));
	g_assert_null(signers_chain(who));
}

static void test_append_refused(void)
{
	g_autoptr(GBytes) junk = g_bytes_new_static("0", 1);
	g_autoptr(SignKey) key = pki_key("ec");
	g_autoptr(GError) error = NULL, again = NULL;
	g_autofree char *out = pki_shell("openssl cms -encrypt -in $P/ca.pem -outform DER -out cms "
	                                 "$P/rsa.pem");
	g_autoptr(GBytes) enveloped = pki_read(pki_own("cms"));

	g_assert_nonnull(out);
	g_assert_null(sign_append(key, junk, &error));
	pki_assert_error(error, FAILURE_FORMAT, "Signature data is no valid CMS");
	g_assert_null(sign_append(key, enveloped, &again));
	pki_assert_error(again, FAILURE_SIGNATURE, "but got 'pkcs7-envelopedData'");
}

/* A read that fails half way must not become the signature of a half. */
static void test_scratched(void)
{
	g_autoptr(GBytes) payload = make_payload();
	VerifyContent content = { g_bytes_get_size(payload) + 1, read_memory, payload };
	g_autoptr(SignKey) key = pki_key("ec");
	g_autoptr(GError) error = NULL;

	g_assert_null(sign_detached(key, &content, &error));
	pki_assert_error(error, FAILURE_INTEGRITY, "the disk is scratched");
}

static const struct {
	const char *cert, *key, *intermediate;
	Failure why;
	const char *part;
} refused[] = {
	{ "ec.pem", "chained.key", NULL, FAILURE_CONFIG, "key values mismatch" },
	{ "rsa.pem", "ca.key", NULL, FAILURE_CONFIG, "key values mismatch" },
	{ "rsa.pem", "ec.key", NULL, FAILURE_CONFIG, "key type mismatch" },
	{ "ec.pem", "encrypted.key", NULL, FAILURE_CONFIG, "RAUC_KEY_PASSPHRASE" },
	{ "missing.pem", "ec.key", NULL, FAILURE_NOT_FOUND, "missing.pem" },
	{ "ec.pem", "missing.key", NULL, FAILURE_NOT_FOUND, "missing.key" },
	{ "ec.pem", "ec.key", "text.pem", FAILURE_FORMAT, "text.pem has no certificate" },
	{ "ec.pem", "ec.key", "missing.pem", FAILURE_NOT_FOUND, "missing.pem" },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		const char *paths[] = { NULL, NULL };
		SignKeyFiles files = { pki_path(refused[i].cert), pki_path(refused[i].key), paths,
			               NULL };
		g_autoptr(GError) error = NULL;

		paths[0] = refused[i].intermediate ? pki_path(refused[i].intermediate) : NULL;
		g_assert_null(sign_key_load(&files, &error));
		pki_assert_error(error, refused[i].why, refused[i].part);
	}
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/sign/attached", test_attached);
	g_test_add_func("/crypto/sign/detached", test_detached);
	g_test_add_func("/crypto/sign/structure", test_structure);
	g_test_add_func("/crypto/sign/empty", test_empty);
	g_test_add_func("/crypto/sign/append", test_append);
	g_test_add_func("/crypto/sign/append-detached", test_append_detached);
	g_test_add_func("/crypto/sign/append-refused", test_append_refused);
	g_test_add_func("/crypto/sign/scratched", test_scratched);
	g_test_add_func("/crypto/sign/refused", test_refused);
	return pki_run();
}
