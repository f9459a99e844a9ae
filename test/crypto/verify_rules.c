/* SPDX-License-Identifier: MIT */

/* crypto/verify.c: signing time and names of signers, over CMS made by hand. */

#include "crypto/verify.h"

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <string.h>

#include "crypto/cms.h"
#include "pki.h"

#define CONTENT "content"

typedef struct {
	int type; /* V_ASN1_...; 0: no such attribute */
	const char *value;
} TimeAttribute;

static void add_time(CMS_SignerInfo *info, TimeAttribute attribute)
{
	if (attribute.type)
		g_assert_true(CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime,
		                                          attribute.type, attribute.value,
		                                          (int)strlen(attribute.value)));
}

/* Signs with the given signing time, or without any attributes. */
static GBytes *sign_at(const char *name, TimeAttribute time)
{
	g_autofree char *cert_name_ = g_strconcat(name, ".pem", NULL);
	g_autofree char *key_name = g_strconcat(name, ".key", NULL);
	g_autoptr(X509) cert = cert_load(pki_path(cert_name_), NULL);
	g_autoptr(EVP_PKEY) key = cert_load_key(pki_path(key_name), NULL, NULL);
	g_autoptr(BIO) bio = BIO_new_mem_buf(CONTENT, -1);
	g_autoptr(CMS_ContentInfo) cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	unsigned flags = CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP;

	CMS_SignerInfo *info =
		CMS_add1_signer(cms, cert, key, NULL, time.type ? flags : flags | CMS_NOATTR);
	g_assert_nonnull(info);
	add_time(info, time);
	g_assert_true(CMS_set_detached(cms, 0));
	g_assert_true(CMS_final(cms, bio, NULL, CMS_BINARY));
	return cms_encode(cms, NULL);
}

static bool verify(GBytes *cms, const KeyringRules *rules, GError **error)
{
	g_autoptr(Keyring) keyring = keyring_load(rules, NULL);
	g_autoptr(Signers) signers = NULL;
	g_autoptr(GBytes) bytes = NULL;

	g_assert_nonnull(keyring);
	if (!verify_cms(cms, NULL, keyring, &signers, &bytes, error)) {
		g_assert_null(bytes);
		g_assert_null(signers);
		return false;
	}
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), CONTENT,
	                strlen(CONTENT));
	pki_assert_clean();
	return true;
}

/* The signer "expired" was valid during 2020, "future" will be from 2060 on. */
static const struct {
	const char *name;
	TimeAttribute time;
	bool no_check_time;
	const char *part; /* NULL: verifies */
} times[] = {
	{ "expired", { V_ASN1_UTCTIME, "200501120000Z" }, false, NULL },
	{ "expired", { V_ASN1_GENERALIZEDTIME, "20200501120000Z" }, false, NULL },
	{ "future", { V_ASN1_GENERALIZEDTIME, "20610501120000Z" }, false, NULL },
	{ "expired", { V_ASN1_UTCTIME, "191231235959Z" }, false, "certificate is not yet valid" },
	{ "expired", { V_ASN1_UTCTIME, "210101000001Z" }, false, "certificate has expired" },
	{ "ec",
	  { V_ASN1_UTCTIME, "120101000001Z" },
	  false,
	  "Verify error: certificate is not yet valid: certificate 'O = Test Org, CN = Test CA'" },
	{ "expired", { 0 }, false, "Bundle signing time attribute not found in signature" },
	{ "expired",
	  { V_ASN1_UTF8STRING, "200501120000Z" },
	  false,
	  "neither UTCTime nor GeneralizedTime" },
	{ "expired", { V_ASN1_UTCTIME, "200532120000Z" }, false, "malformed" },
	{ "expired", { V_ASN1_UTCTIME, "" }, false, "malformed" },
	{ "expired", { V_ASN1_GENERALIZEDTIME, "20201301120000Z" }, false, "malformed" },
	{ "expired", { 0 }, true, NULL },
	{ "expired", { V_ASN1_UTCTIME, "210101000001Z" }, true, NULL },
};

static void test_signing_time(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(times); i++) {
		KeyringRules rules = { .path = pki_path("ca.pem"),
			               .use_bundle_signing_time = true,
			               .no_check_time = times[i].no_check_time };
		g_autoptr(GBytes) cms = sign_at(times[i].name, times[i].time);
		g_autoptr(GError) error = NULL;

		g_test_message("row %u", i);
		bool ok = verify(cms, &rules, &error);
		if (!times[i].part) {
			g_assert_no_error(error);
			continue;
		}
		g_assert_false(ok);
		pki_assert_error(error, FAILURE_SIGNATURE, times[i].part);
	}
}

/* Nobody's clock but ours without the rule. */
static void test_signing_time_off(void)
{
	KeyringRules rules = { .path = pki_path("ca.pem") };
	TimeAttribute time = { V_ASN1_UTCTIME, "200501120000Z" };
	g_autoptr(GBytes) cms = sign_at("expired", time);
	g_autoptr(GError) error = NULL;

	g_assert_false(verify(cms, &rules, &error));
	pki_assert_error(error, FAILURE_SIGNATURE, "certificate has expired");
}

static GBytes *sign_two(const char *one, const char *two)
{
	g_autofree char *command = g_strdup_printf(
		"printf %s >in; openssl cms -sign -nodetach -binary -outform DER -in in -out out "
		"-signer $P/%s.pem -inkey $P/%s.key -signer $P/%s.pem -inkey $P/%s.key",
		CONTENT, one, one, two, two);
	g_autofree char *out = pki_shell(command);

	g_assert_nonnull(out);
	return pki_read(pki_own("out"));
}

static void test_signing_time_of_two(void)
{
	KeyringRules rules = { .path = pki_path("ca.pem"), .use_bundle_signing_time = true };
	g_autoptr(GBytes) cms = sign_two("ec", "rsa");
	g_autoptr(GError) error = NULL;

	g_assert_false(verify(cms, &rules, &error));
	pki_assert_error(error, FAILURE_SIGNATURE,
	                 "multiple signerInfos are not supported with 'use-bundle-signing-time'");
}

/* Every signer must be fit, whoever else signed. */
static void test_one_of_two_expired(void)
{
	KeyringRules rules = { .path = pki_path("ca.pem") };
	g_autoptr(GBytes) first = sign_two("ec", "expired"), second = sign_two("expired", "ec");
	g_autoptr(GError) error = NULL, other = NULL;

	g_assert_false(verify(first, &rules, &error));
	pki_assert_error(error, FAILURE_SIGNATURE, "certificate has expired");
	g_assert_false(verify(second, &rules, &other));
	pki_assert_error(other, FAILURE_SIGNATURE, "certificate has expired");
}

static const struct {
	const char *one, *two; /* two: NULL is one signer */
	const char *allowed[4];
	bool ok;
} names[] = {
	{ "ec", NULL, { "EC Signer" }, true },
	{ "ec", NULL, { "RSA Signer", "EC Signer" }, true },
	{ "ec", NULL, { "RSA Signer" }, false },
	{ "ec", NULL, { NULL }, false },
	{ "ec", NULL, { "ec signer", "EC Signer ", "EC", "EC Signer2" }, false },
	{ "ec", NULL, { "CN = EC Signer" }, false },
	{ "ec", "rsa", { "RSA Signer" }, true },
	{ "ec", "rsa", { "EC Signer" }, true },
	{ "ec", "rsa", { "Test CA", "Other" }, false },
};

static void test_allowed_names(void)
{
	TimeAttribute time = { V_ASN1_UTCTIME, "200501120000Z" };

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		const char *allowed[5] = { NULL };
		KeyringRules rules = { .path = pki_path("ca.pem"), .allowed_signer_cns = allowed };
		g_autoptr(GBytes) cms = names[i].two ? sign_two(names[i].one, names[i].two)
		                                     : sign_at(names[i].one, time);
		g_autoptr(GError) error = NULL;

		memcpy(allowed, names[i].allowed, sizeof(names[i].allowed));
		g_test_message("row %u", i);
		if (verify(cms, &rules, &error) != names[i].ok)
			g_error("row %u: %s", i, error ? error->message : "verified");
		if (!names[i].ok)
			pki_assert_error(error, FAILURE_SIGNATURE,
			                 "No signature CN matching allowed-signer-cns found");
	}
}

/* <name>.pem and .key in our own folder, issued by the test CA to these bytes as CN. */
static void issue(const char *name, const char *cn, int size)
{
	g_autoptr(X509) ca = cert_load(pki_path("ca.pem"), NULL), cert = X509_new();
	g_autoptr(EVP_PKEY) ca_key = cert_load_key(pki_path("ca.key"), NULL, NULL);
	g_autoptr(EVP_PKEY) key = cert_load_key(pki_path("ec.key"), NULL, NULL);
	g_autofree char *path = g_strconcat(pki_own(name), ".pem", NULL);

	X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), NID_commonName, V_ASN1_UTF8STRING,
	                           (const unsigned char *)cn, size, -1, 0);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 99);
	X509_set_issuer_name(cert, X509_get_subject_name(ca));
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	g_assert_cmpint(X509_sign(cert, ca_key, EVP_sha256()), >, 0);

	g_autoptr(BIO) file = BIO_new_file(path, "w");
	g_assert_true(PEM_write_bio_X509(file, cert));
}

/* "EC Signer\0.evil.example" must not pass as "EC Signer". */
static void test_name_with_nul(void)
{
	const char *allowed[] = { "EC Signer", NULL };
	KeyringRules rules = { .path = pki_path("ca.pem"), .allowed_signer_cns = allowed };
	g_autoptr(GBytes) content = g_bytes_new_static(CONTENT, strlen(CONTENT));
	g_autoptr(GError) error = NULL;

	issue("nul", "EC Signer\0.evil.example", 23);
	SignKeyFiles files = { .cert_path = pki_own("nul.pem"), .key_path = pki_path("ec.key") };
	g_autoptr(SignKey) key = sign_key_load(&files, NULL);
	g_autoptr(GBytes) cms = sign_attached(key, content, NULL);
	g_assert_false(verify(cms, &rules, &error));
	pki_assert_error(error, FAILURE_SIGNATURE, "has a NUL byte in it");

	/* Nobody asks for names: fine, and the NUL is shown. */
	rules.allowed_signer_cns = NULL;
	g_assert_true(verify(cms, &rules, NULL));
}

/* A CRL from before the revocation, brought by the revoked signer himself. */
static GBytes *sign_with_crl(const char *crl_name)
{
	g_autoptr(X509) cert = cert_load(pki_path("revoked.pem"), NULL);
	g_autoptr(EVP_PKEY) key = cert_load_key(pki_path("revoked.key"), NULL, NULL);
	g_autoptr(BIO) file = BIO_new_file(pki_path(crl_name), "r");
	g_autoptr(BIO) bio = BIO_new_mem_buf(CONTENT, -1);
	g_autoptr(CMS_ContentInfo) cms = CMS_sign(cert, key, NULL, NULL, CMS_PARTIAL | CMS_BINARY);
	X509_CRL *crl = PEM_read_bio_X509_CRL(file, NULL, NULL, NULL);

	g_assert_nonnull(crl);
	g_assert_true(CMS_add1_crl(cms, crl));
	X509_CRL_free(crl);
	g_assert_true(CMS_set_detached(cms, 0));
	g_assert_true(CMS_final(cms, bio, NULL, CMS_BINARY));
	return cms_encode(cms, NULL);
}

static void test_brought_crl(void)
{
	KeyringRules rules = { .path = pki_path("ca-crl.pem"), .check_crl = true };
	KeyringRules without = { .path = pki_path("ca.pem"), .check_crl = true };
	g_autoptr(GBytes) cms = sign_with_crl("before.crl");
	g_autoptr(GError) error = NULL, other = NULL;

	g_assert_false(verify(cms, &rules, &error));
	pki_assert_error(error, FAILURE_SIGNATURE, "certificate revoked");
	g_assert_false(verify(cms, &without, &other));
	pki_assert_error(other, FAILURE_SIGNATURE, "unable to get certificate CRL");
}

static const struct {
	const char *content, *flags;
	bool ok;
} bare[] = {
	{ "1 is the tag of a SET", "-nodetach -noattr", false },
	{ "1 is the tag of a SET", "-nodetach", true },
	{ "0 is another tag", "-nodetach -noattr", true },
	{ "", "-nodetach -noattr", true },
};

/* The signed attributes of one bundle must not pass as the content of another. */
static void test_bare(void)
{
	g_autoptr(Keyring) keyring = pki_keyring("ca.pem");

	for (unsigned i = 0; i < G_N_ELEMENTS(bare); i++) {
		g_autofree char *command = g_strdup_printf(
			"printf '%s' >in; openssl cms -sign -binary -outform DER -in in -out out %s "
			"-signer $P/ec.pem -inkey $P/ec.key",
			bare[i].content, bare[i].flags);
		g_autofree char *said = pki_shell(command);
		g_autoptr(Signers) signers = NULL;
		g_autoptr(GBytes) cms = pki_read(pki_own("out")), bytes = NULL;
		g_autoptr(GError) error = NULL;

		g_assert_nonnull(said);
		bool ok = verify_cms(cms, NULL, keyring, &signers, &bytes, &error);
		g_assert_cmpint(ok, ==, bare[i].ok);
		if (!ok)
			pki_assert_error(error, FAILURE_SIGNATURE, "has no attributes");
	}
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/verify/signing-time", test_signing_time);
	g_test_add_func("/crypto/verify/signing-time-off", test_signing_time_off);
	g_test_add_func("/crypto/verify/signing-time-of-two", test_signing_time_of_two);
	g_test_add_func("/crypto/verify/one-of-two-expired", test_one_of_two_expired);
	g_test_add_func("/crypto/verify/allowed-names", test_allowed_names);
	g_test_add_func("/crypto/verify/name-with-nul", test_name_with_nul);
	g_test_add_func("/crypto/verify/brought-crl", test_brought_crl);
	g_test_add_func("/crypto/verify/bare", test_bare);
	return pki_run();
}
