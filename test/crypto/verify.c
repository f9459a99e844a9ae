/* SPDX-License-Identifier: MIT */

/* crypto/verify.c, over what the openssl program and crypto/sign.c sign. */

#include "crypto/verify.h"

#include <limits.h>
#include <string.h>

#include "pki.h"

static const char manifest[] = "[update]\ncompatible=Test\r\nversion=1\n";

static bool read_memory(void *user, void *to, size_t size, uint64_t at, GError **error)
{
	GBytes *bytes = user;

	if (at + size > g_bytes_get_size(bytes))
		return fail(error, FAILURE_IO, "the disk is scratched");
	memcpy(to, (const char *)g_bytes_get_data(bytes, NULL) + at, size);
	return true;
}

/* `openssl cms <what>` over a file "in" with the manifest; the result is DER. */
static GBytes *openssl_cms(const char *what)
{
	g_autofree char *command =
		g_strdup_printf("openssl cms -binary -outform DER -in in -out out %s", what);

	g_assert_true(g_file_set_contents(pki_own("in"), manifest, -1, NULL));
	g_autofree char *said = pki_shell(command);
	if (!said)
		g_error("the openssl program refused: %s", command);
	return pki_read(pki_own("out"));
}

static GBytes *make_attached(const char *name)
{
	g_autoptr(GBytes) content = g_bytes_new_static(manifest, strlen(manifest));
	g_autoptr(SignKey) key = pki_key(name);
	GBytes *cms = sign_attached(key, content, NULL);

	g_assert_nonnull(cms);
	return cms;
}

static void assert_verifies(GBytes *cms, const Keyring *keyring, const char *subjects,
                            unsigned n_chain)
{
	g_autoptr(Signers) signers = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) error = NULL;
	bool ok = verify_cms(cms, NULL, keyring, &signers, &bytes, &error);

	g_assert_no_error(error);
	g_assert_true(ok);
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), manifest,
	                strlen(manifest));
	g_assert_cmpstr(signers_subjects(signers), ==, subjects);
	g_assert_cmpuint(signers_chain(signers) ? signers_chain(signers)->len : 0, ==, n_chain);
	pki_assert_clean();
}

static void assert_refused(GBytes *cms, const Keyring *keyring, const char *part)
{
	g_autoptr(Signers) signers = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_false(verify_cms(cms, NULL, keyring, &signers, &bytes, &error));
	g_assert_null(signers);
	g_assert_null(bytes);
	pki_assert_error(error, FAILURE_SIGNATURE, part);
}

static const struct {
	const char *how; /* openssl cms; P is the folder of the certificates */
	const char *subjects;
	unsigned n_chain;
	const char *part; /* NULL: verifies */
} made_by_openssl[] = {
	{ "-sign -nodetach -signer $P/rsa.pem -inkey $P/rsa.key", "'O = Test Org, CN = RSA Signer'",
	  2, NULL },
	{ "-sign -nodetach -nosmimecap -signer $P/ec.pem -inkey $P/ec.key",
	  "'O = Test Org, CN = EC Signer'", 2, NULL },
	{ "-sign -nodetach -signer $P/chained.pem -inkey $P/chained.key -certfile $P/inter.pem",
	  "'O = Test Org, CN = Chained Signer'", 3, NULL },
	{ "-sign -nodetach -keyid -signer $P/inter.pem -inkey $P/inter.key",
	  "'O = Test Org, CN = Test Intermediate'", 0, "unsuitable certificate purpose" },
	{ "-sign -nodetach -md sha512 -signer $P/rsa.pem -inkey $P/rsa.key",
	  "'O = Test Org, CN = RSA Signer'", 2, NULL },
	{ "-sign -nodetach -signer $P/rsa.pem -inkey $P/rsa.key -keyopt rsa_padding_mode:pss",
	  "'O = Test Org, CN = RSA Signer'", 2, NULL },
	{ "-sign -nodetach -noattr -signer $P/ec.pem -inkey $P/ec.key",
	  "'O = Test Org, CN = EC Signer'", 2, NULL },
	{ "-sign -nodetach -stream -signer $P/ec.pem -inkey $P/ec.key",
	  "'O = Test Org, CN = EC Signer'", 2, NULL },
	{ "-sign -nodetach -signer $P/rsa.pem -inkey $P/rsa.key -signer $P/ec.pem -inkey $P/ec.key",
	  "'O = Test Org, CN = EC Signer', 'O = Test Org, CN = RSA Signer'", 0, NULL },
	{ "-sign -nodetach -signer $P/rsa.pem -inkey $P/rsa.key "
	  "-signer $P/other.pem -inkey $P/other.key",
	  NULL, 0, "unable to get local issuer certificate" },
	{ "-sign -nodetach -signer $P/other.pem -inkey $P/other.key", NULL, 0,
	  "signature verification failed: Verify error: unable to get local issuer certificate: "
	  "certificate 'O = Test Org, CN = Other Signer'" },
	{ "-sign -nodetach -signer $P/expired.pem -inkey $P/expired.key", NULL, 0,
	  "signature verification failed: Verify error: certificate has expired" },
	{ "-sign -nodetach -nocerts -signer $P/ec.pem -inkey $P/ec.key", NULL, 0,
	  "signer certificate not found" },
	{ "-sign -nodetach -econtent_type 1.2.3.4 -signer $P/ec.pem -inkey $P/ec.key", NULL, 0,
	  "something else than plain data" },
	{ "-sign -signer $P/ec.pem -inkey $P/ec.key", NULL, 0,
	  "Expected an inline signature but got detached" },
	{ "-encrypt $P/rsa.pem", NULL, 0,
	  "Expected CMS of type 'pkcs7-signedData' but got 'pkcs7-envelopedData'" },
	{ "-data_create", NULL, 0, "Expected CMS of type 'pkcs7-signedData' but got 'pkcs7-data'" },
};

static void test_made_by_openssl(void)
{
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");

	for (unsigned i = 0; i < G_N_ELEMENTS(made_by_openssl); i++) {
		g_autoptr(GBytes) cms = openssl_cms(made_by_openssl[i].how);

		g_test_message("%s", made_by_openssl[i].how);
		if (made_by_openssl[i].part)
			assert_refused(cms, keyring, made_by_openssl[i].part);
		else
			assert_verifies(cms, keyring, made_by_openssl[i].subjects,
			                made_by_openssl[i].n_chain);
	}
}

static void test_made_by_us(void)
{
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");
	g_autoptr(GBytes) rsa = make_attached("rsa"), ec = make_attached("ec");

	assert_verifies(rsa, keyring, "'O = Test Org, CN = RSA Signer'", 2);
	assert_verifies(ec, keyring, "'O = Test Org, CN = EC Signer'", 2);
}

static void test_chain(void)
{
	g_autoptr(Keyring) keyring = pki_keyring("bundle.pem");
	g_autoptr(GBytes) cms = make_attached("chained"), bytes = NULL;
	g_autoptr(Signers) signers = NULL;

	g_assert_true(verify_cms(cms, NULL, keyring, &signers, &bytes, NULL));
	const GPtrArray *chain = signers_chain(signers);
	const SignerCert *leaf = chain->pdata[0], *root = chain->pdata[2];
	g_assert_cmpuint(chain->len, ==, 3);
	g_assert_cmpstr(leaf->subject, ==, "O = Test Org, CN = Chained Signer");
	g_assert_cmpstr(leaf->issuer, ==, "O = Test Org, CN = Test Intermediate");
	g_assert_cmpstr(root->subject, ==, root->issuer);

	g_autofree char *hashes = signers_spki_hashes(signers);
	g_assert_cmpuint(strlen(hashes), ==, 95 * 3 + 2);
	g_assert_true(g_str_has_prefix(hashes, leaf->spki_hash));
	g_assert_true(g_str_has_suffix(hashes, root->spki_hash));
}

static bool verify_detached(GBytes *cms, GBytes *payload, uint64_t size, GError **error)
{
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");
	g_autoptr(Signers) signers = NULL;
	VerifyContent content = { size, read_memory, payload };

	return verify_cms(cms, &content, keyring, &signers, NULL, error);
}

static void test_detached(void)
{
	g_autoptr(GBytes) cms = openssl_cms("-sign -signer $P/rsa.pem -inkey $P/rsa.key");
	g_autoptr(GBytes) attached = make_attached("ec");
	g_autoptr(GBytes) same = g_bytes_new_static(manifest, strlen(manifest));
	g_autoptr(GError) shorter = NULL, longer = NULL, inside = NULL, error = NULL;

	g_assert_true(verify_detached(cms, same, strlen(manifest), &error));
	g_assert_no_error(error);
	pki_assert_clean();
	g_assert_false(verify_detached(cms, same, strlen(manifest) - 1, &shorter));
	pki_assert_error(shorter, FAILURE_SIGNATURE,
	                 "signature verification failed: the content is not what was signed");
	g_assert_false(verify_detached(cms, same, strlen(manifest) + 1, &longer));
	pki_assert_error(longer, FAILURE_IO, "the disk is scratched");
	g_assert_false(verify_detached(attached, same, strlen(manifest), &inside));
	pki_assert_error(inside, FAILURE_SIGNATURE, "Expected a detached signature but got inline");
}

static const struct {
	const char *how;
	bool is_valid;
	VerifyCmsKind kind;
} kinds[] = {
	{ "-sign -nodetach -signer $P/ec.pem -inkey $P/ec.key", true, VERIFY_CMS_ATTACHED },
	{ "-sign -signer $P/ec.pem -inkey $P/ec.key", true, VERIFY_CMS_DETACHED },
	{ "-encrypt $P/rsa.pem", true, VERIFY_CMS_ENVELOPED },
	{ "-encrypt $P/ec.pem", true, VERIFY_CMS_ENVELOPED },
	{ "-data_create", false, 0 },
	{ "-digest_create", false, 0 },
};

static void test_kind(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autoptr(GBytes) cms = openssl_cms(kinds[i].how);
		g_autoptr(GError) error = NULL;
		VerifyCmsKind kind = 77;

		if (!kinds[i].is_valid) {
			g_assert_false(verify_cms_kind(cms, &kind, &error));
			pki_assert_error(error, FAILURE_SIGNATURE, "Expected CMS of type");
			continue;
		}
		g_assert_true(verify_cms_kind(cms, &kind, NULL));
		g_assert_cmpint(kind, ==, kinds[i].kind);
		pki_assert_clean();
	}
}

static void test_peek_and_dump(void)
{
	g_autoptr(GBytes) cms = make_attached("other");
	g_autoptr(GBytes) detached = openssl_cms("-sign -signer $P/ec.pem -inkey $P/ec.key");
	g_autoptr(GBytes) bare = openssl_cms("-sign -nocerts -signer $P/ec.pem -inkey $P/ec.key");
	g_autoptr(GBytes) content = verify_cms_peek(cms, NULL);
	g_autoptr(GError) error = NULL, none = NULL;
	g_autofree char *dump = verify_cms_dump_cert(cms, NULL);

	g_assert_cmpmem(g_bytes_get_data(content, NULL), g_bytes_get_size(content), manifest,
	                strlen(manifest));
	g_assert_true(g_str_has_prefix(dump, "Certificate:\n    Data:\n"));
	g_assert_nonnull(strstr(dump, "Subject: O=Test Org, CN=Other Signer"));
	g_assert_null(verify_cms_peek(detached, &error));
	pki_assert_error(error, FAILURE_FORMAT, "detached");
	g_assert_null(verify_cms_dump_cert(bare, &none));
	pki_assert_error(none, FAILURE_NOT_FOUND, "no certificate");
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/verify/made-by-openssl", test_made_by_openssl);
	g_test_add_func("/crypto/verify/made-by-us", test_made_by_us);
	g_test_add_func("/crypto/verify/chain", test_chain);
	g_test_add_func("/crypto/verify/detached", test_detached);
	g_test_add_func("/crypto/verify/kind", test_kind);
	g_test_add_func("/crypto/verify/peek-and-dump", test_peek_and_dump);
	return pki_run();
}
