/* SPDX-License-Identifier: MIT */

#include "crypto/cert.h"

#include <string.h>

#include "pki.h"

static const struct {
	const char *file;
	Failure why;
	const char *part;
} refused[] = {
	{ "missing.pem", FAILURE_NOT_FOUND, "missing.pem" },
	{ "empty.pem", FAILURE_FORMAT, "empty.pem is empty" },
	{ "text.pem", FAILURE_FORMAT, "text.pem has no certificate" },
	{ "ca.der", FAILURE_FORMAT, "ca.der has no certificate" },
	{ "ec.key", FAILURE_FORMAT, "ec.key has no certificate" },
	{ "only-crl.pem", FAILURE_FORMAT, "Expecting: CERTIFICATE" },
	{ "cut.pem", FAILURE_FORMAT, "cannot read certificate" },
	{ "damaged.pem", FAILURE_FORMAT, "cannot read certificate" },
	{ "folder", FAILURE_IO, "folder" },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(cert_load(pki_path(refused[i].file), &error));
		pki_assert_error(error, refused[i].why, refused[i].part);
	}
}

static const struct {
	const char *file, *passphrase;
	Failure why;
	const char *part; /* NULL: loads */
} keys[] = {
	{ "ec.key", NULL, 0, NULL },
	{ "ec.key", "needless", 0, NULL },
	{ "encrypted.key", "secret", 0, NULL },
	{ "encrypted.key", NULL, FAILURE_CONFIG, "RAUC_KEY_PASSPHRASE" },
	{ "encrypted.key", "", FAILURE_CONFIG, "RAUC_KEY_PASSPHRASE" },
	{ "encrypted.key", "wrong", FAILURE_CONFIG, "is the passphrase right?" },
	{ "missing.key", NULL, FAILURE_NOT_FOUND, "missing.key" },
	{ "ec.pem", NULL, FAILURE_FORMAT, "ec.pem" },
	{ "ec.der", NULL, FAILURE_FORMAT, "ec.der has no private key in PEM format" },
	{ "text.pem", NULL, FAILURE_FORMAT, "text.pem has no private key" },
	{ "empty.pem", NULL, FAILURE_FORMAT, "is empty" },
};

static void test_keys(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(EVP_PKEY) key =
			cert_load_key(pki_path(keys[i].file), keys[i].passphrase, &error);

		if (keys[i].part) {
			g_assert_null(key);
			pki_assert_error(error, keys[i].why, keys[i].part);
			continue;
		}
		g_assert_no_error(error);
		g_assert_nonnull(key);
		pki_assert_clean();
	}
}

/* How private keys lie about: what openssl wrote, now and twenty years ago. */
static const struct {
	const char *made_by; /* writes k from $P/rsa.key, or $P/ec.key */
	bool is_encrypted;
	bool is_legacy; /* no passphrase opens it: OpenSSL 3 has the cipher no more */
} forms[] = {
	{ "openssl pkcs8 -topk8 -nocrypt -in $P/rsa.key -out k", false, false },
	{ "openssl pkcs8 -topk8 -nocrypt -in $P/ec.key -out k", false, false },
	{ "openssl rsa -traditional -in $P/rsa.key -out k", false, false },
	{ "openssl ec -in $P/ec.key -out k", false, false },
	{ "(openssl ecparam -name prime256v1; openssl ec -in $P/ec.key) >k", false, false },
	{ "(cat $P/rsa.pem; cat $P/rsa.key) >k", false, false },
	{ "(echo words before; cat $P/ec.key; echo and after) >k", false, false },
	{ "openssl genpkey -algorithm ed25519 -out k", false, false },
	{ "openssl pkcs8 -topk8 -in $P/rsa.key -passout env:W -out k", true, false },
	{ "openssl pkcs8 -topk8 -in $P/ec.key -passout env:W -out k", true, false },
	{ "openssl pkcs8 -topk8 -scrypt -in $P/ec.key -passout env:W -out k", true, false },
	{ "openssl pkcs8 -topk8 -v2 des3 -in $P/rsa.key -passout env:W -out k", true, false },
	{ "openssl pkcs8 -topk8 -v2 aes-128-cbc -v2prf hmacWithSHA1 -in $P/ec.key -passout env:W "
	  "-out k",
	  true, false },
	{ "openssl rsa -traditional -aes256 -in $P/rsa.key -passout env:W -out k", true, false },
	{ "openssl rsa -traditional -des3 -in $P/rsa.key -passout env:W -out k", true, false },
	{ "openssl ec -aes128 -in $P/ec.key -passout env:W -out k", true, false },
	{ "openssl pkcs8 -topk8 -provider legacy -provider default -v1 PBE-MD5-DES -in $P/rsa.key "
	  "-passout env:W -out k",
	  true, true },
};

static const char *const passphrases[] = { "s", "two words", "gr\xc3\xbc\xc3\x9f", "$(id) 'x' \\",
	                                   "0123456789012345678901234567890123456789" };

static const struct {
	const char *passphrase, *part;
} wrong[] = {
	{ NULL, "is encrypted: set its passphrase in RAUC_KEY_PASSPHRASE" },
	{ "", "is encrypted: set its passphrase in RAUC_KEY_PASSPHRASE" },
	{ "wrong", "cannot decrypt private key" },
	{ "S", "is the passphrase right?" },
};

/* A wrong passphrase can give bytes that look decrypted; whatever they are then, it is one error. */
static void assert_refuses(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(cert_load_key(pki_own("k"), wrong[i].passphrase, &error));
		pki_assert_error(error, FAILURE_CONFIG, wrong[i].part);
	}
	for (unsigned i = 0; i < 300; i++) {
		g_autofree char *guess = g_strdup_printf("guess %u", i);
		g_autoptr(GError) error = NULL;

		if (i >= 3 && !g_test_thorough())
			break;
		g_assert_null(cert_load_key(pki_own("k"), guess, &error));
		pki_assert_error(error, FAILURE_CONFIG, "is the passphrase right?");
	}
}

static void test_forms(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
		const char *passphrase = passphrases[i % G_N_ELEMENTS(passphrases)];
		g_autoptr(GError) error = NULL;

		g_setenv("W", passphrase, TRUE);
		g_test_message("%s", forms[i].made_by);
		g_autofree char *made = pki_shell(forms[i].made_by);
		g_assert_nonnull(made);
		g_autoptr(EVP_PKEY) key = cert_load_key(pki_own("k"), passphrase, &error);
		if (forms[i].is_legacy) {
			g_assert_null(key);
			pki_assert_error(error, FAILURE_CONFIG, "unsupported");
			continue;
		}
		g_assert_no_error(error);
		g_assert_nonnull(key);
		pki_assert_clean();
		if (forms[i].is_encrypted)
			assert_refuses();
	}
}

static void test_long_passphrase(void)
{
	g_autofree char *passphrase = g_strnfill(100000, 'x');
	g_autoptr(GError) error = NULL;

	g_assert_null(cert_load_key(pki_path("encrypted.key"), passphrase, &error));
	pki_assert_error(error, FAILURE_CONFIG, "is the passphrase right?");
}

/* PKCS#11 URLs are crypto/pkcs11.c's; a keyring cannot be one. */
static void test_pkcs11(void)
{
	g_autoptr(GError) error = NULL, key_error = NULL, pem_error = NULL;
	size_t size;

	g_assert_null(cert_load("pkcs11:token", &error));
	pki_assert_error(error, FAILURE_CONFIG, "pkcs11:token is not a valid PKCS#11 URL");
	g_assert_null(cert_load_key("pkcs11:token", NULL, &key_error));
	pki_assert_error(key_error, FAILURE_CONFIG, "pkcs11:token is not a valid PKCS#11 URL");
	g_assert_null(cert_read_pem("pkcs11:token=a?pin-value=1", &size, &pem_error));
	pki_assert_error(pem_error, FAILURE_UNSUPPORTED,
	                 "pkcs11:token=a?***: this must be a PEM file");
}

/* What the openssl program says of the same certificate. */
static void assert_judge(const char *ours, const char *command)
{
	g_autofree char *theirs = pki_shell(command);

	g_assert_nonnull(theirs);
	g_assert_cmpstr(ours, ==, g_strchomp(theirs));
}

static void test_describe(void)
{
	g_autoptr(X509) cert = cert_load(pki_path("chained.pem"), NULL);
	g_autoptr(SignerCert) described = cert_describe(cert, NULL);
	g_autoptr(GString) hash = g_string_new(NULL);

	g_assert_cmpstr(described->subject, ==, "O = Test Org, CN = Chained Signer");
	g_assert_cmpstr(described->issuer, ==, "O = Test Org, CN = Test Intermediate");
	g_assert_cmpstr(described->not_before, ==, "Jan  1 00:00:00 2020 GMT");
	g_assert_cmpstr(described->not_after, ==, "Jan  1 00:00:00 2070 GMT");
	g_assert_cmpint(described->not_after_unix, ==, 3155760000);
	for (const char *at = described->spki_hash; *at; at++)
		if (*at != ':')
			g_string_append_c(hash, g_ascii_tolower(*at));
	g_assert_cmpuint(strlen(described->spki_hash), ==, 95);
	assert_judge(hash->str, "openssl x509 -in $P/chained.pem -noout -pubkey | openssl pkey "
	                        "-pubin -outform DER | sha256sum | cut -c-64");
	assert_judge(described->subject,
	             "openssl x509 -in $P/chained.pem -noout -subject -nameopt oneline | cut -c9-");

	g_autofree char *text = cert_print(cert, NULL);
	assert_judge(g_strchomp(text),
	             "openssl x509 -in $P/chained.pem -noout -text -nameopt compat");
	g_assert_true(g_str_has_prefix(text, "Certificate:\n"));
	pki_assert_clean();
}

/* The first certificate of several counts. */
static void test_first(void)
{
	g_autoptr(X509) cert = cert_load(pki_path("bundle.pem"), NULL);
	g_autofree char *subject = cert_subject(cert);

	g_assert_cmpstr(subject, ==, "O = Test Org, CN = Test Intermediate");
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/cert/refused", test_refused);
	g_test_add_func("/crypto/cert/keys", test_keys);
	g_test_add_func("/crypto/cert/forms", test_forms);
	g_test_add_func("/crypto/cert/long-passphrase", test_long_passphrase);
	g_test_add_func("/crypto/cert/pkcs11", test_pkcs11);
	g_test_add_func("/crypto/cert/describe", test_describe);
	g_test_add_func("/crypto/cert/first", test_first);
	return pki_run();
}
