/* SPDX-License-Identifier: MIT */

#include "crypto/keyring_content.h"

#include "pki.h"

static KeyringContent *load(const char *path, const char *folder)
{
	KeyringRules rules = { .path = path, .directory = folder };
	g_autoptr(GError) error = NULL;
	KeyringContent *content = keyring_content_load(&rules, &error);

	g_assert_no_error(error);
	pki_assert_clean();
	return content;
}

static const KeyringCert *cert(const KeyringContent *content, unsigned n)
{
	return content->certs->pdata[n];
}

static const KeyringCrl *crl(const KeyringContent *content, unsigned n)
{
	return content->crls->pdata[n];
}

static void test_who_issued_whom(void)
{
	g_autoptr(KeyringContent) content = load(pki_path("bundle.pem"), NULL);

	g_assert_cmpuint(content->certs->len, ==, 2);
	g_assert_cmpstr(cert(content, 0)->facts->subject, ==,
	                "O = Test Org, CN = Test Intermediate");
	g_assert_false(cert(content, 0)->is_self_signed);
	g_assert_null(cert(content, 0)->weakness);
	g_assert_true(cert(content, 0)->is_ca);
	g_assert_cmpint(cert(content, 0)->issuer, ==, 1);
	g_assert_true(cert(content, 1)->is_self_signed);
	g_assert_cmpint(cert(content, 1)->issuer, ==, 1);
	g_assert_cmpint(cert(content, 1)->crl, ==, -1);
	g_assert_cmpint(cert(content, 1)->facts->not_before_unix, ==, 1420070400); /* 2015-01-01 */
	g_assert_cmpint(cert(content, 1)->facts->not_after_unix, ==, 3313526400);  /* 2075-01-01 */
	g_assert_cmpstr(cert(content, 0)->source, ==, pki_path("bundle.pem"));
}

static void test_crls(void)
{
	g_autoptr(KeyringContent) content = load(pki_path("ca-crl.pem"), NULL);

	g_assert_cmpuint(content->certs->len, ==, 1);
	g_assert_cmpuint(content->crls->len, ==, 2);
	g_assert_cmpint(cert(content, 0)->crl, ==, 0);
	g_assert_cmpint(crl(content, 0)->by, ==, 0);
	g_assert_cmpuint(crl(content, 0)->n_revoked, ==, 1);
	g_assert_cmpint(crl(content, 0)->renew - crl(content, 0)->made, ==, 30 * 24 * 60 * 60);
	g_assert_cmpint(crl(content, 1)->by, ==, -1);
	g_assert_cmpstr(crl(content, 1)->issuer, ==, "O = Test Org, CN = Test Intermediate");
}

/* The newest counts; a certificate that is on a list is known to be. */
static void test_newest_crl_and_revoked(void)
{
	g_autofree char *made = pki_shell(
		"cat $P/ca.pem $P/revoked.pem $P/ec.pem $P/before.crl $P/ca.crl > ring.pem && "
		"cat $P/ca.crl $P/before.crl >> ring.pem");
	g_assert_nonnull(made);
	g_autoptr(KeyringContent) content = load(pki_own("ring.pem"), NULL);

	g_assert_cmpuint(content->certs->len, ==, 3);
	g_assert_cmpuint(content->crls->len, ==, 2); /* each once */
	g_assert_true(cert(content, 1)->is_revoked);
	g_assert_false(cert(content, 2)->is_revoked);
	g_assert_false(cert(content, 0)->is_revoked);
	g_assert_cmpint(crl(content, 0)->made, <=, crl(content, 1)->made);
}

/* Its name alone does not make a CRL one of that CA. */
static void test_forged_crl(void)
{
	g_autofree char *made = pki_shell(
		"set -e; cp $P/ca.conf . ; touch root.txt; "
		"openssl req -new -x509 -config ca.conf -extensions x_ca -days 9 -key $P/other-ca.key "
		"-subj '/O=Test Org/CN=Test CA' -out ca.pem; cp $P/other-ca.key ca.key; "
		"openssl ca -config ca.conf -name root -gencrl -out forged.crl; "
		"cat $P/ca.pem forged.crl > ring.pem");
	g_assert_nonnull(made);
	g_autoptr(KeyringContent) content = load(pki_own("ring.pem"), NULL);

	g_assert_cmpstr(crl(content, 0)->issuer, ==, "O = Test Org, CN = Test CA");
	g_assert_cmpint(crl(content, 0)->by, ==, -1);
	g_assert_cmpint(cert(content, 0)->crl, ==, -1);
}

static void test_folder(void)
{
	g_autofree char *made =
		pki_shell("mkdir ring && cp $P/ca.pem $P/other-ca.pem $P/ca.crl ring "
	                  "&& openssl rehash ring && cp $P/ec.pem ring/stray.pem");
	g_assert_nonnull(made);
	g_autoptr(KeyringContent) folder = load(NULL, pki_own("ring"));
	g_autoptr(KeyringContent) both = load(pki_path("ca.pem"), pki_own("ring"));

	g_assert_cmpuint(folder->certs->len, ==, 2);
	g_assert_cmpuint(folder->crls->len, ==, 1);
	g_assert_cmpuint(both->certs->len, ==, 2);
}

static void test_refused(void)
{
	const struct {
		const char *path, *folder;
		Failure why;
		const char *part;
	} rows[] = {
		{ NULL, NULL, FAILURE_CONFIG, "No keyring file or directory provided" },
		{ "missing.pem", NULL, FAILURE_NOT_FOUND, "keyring: " },
		{ "text.pem", NULL, FAILURE_FORMAT, "text.pem is not a PEM file" },
		{ "only-crl.pem", NULL, FAILURE_FORMAT, "only-crl.pem has no certificate" },
		{ NULL, "missing-folder", FAILURE_NOT_FOUND, "keyring directory: " },
		{ NULL, "empty-folder", FAILURE_FORMAT, "empty-folder has no certificate" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		KeyringRules rules = { 0 };
		g_autoptr(GError) error = NULL;

		rules.path = rows[i].path ? pki_path(rows[i].path) : NULL;
		rules.directory = rows[i].folder ? pki_path(rows[i].folder) : NULL;
		g_assert_null(keyring_content_load(&rules, &error));
		pki_assert_error(error, rows[i].why, rows[i].part);
	}
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/keyring_content/who-issued-whom", test_who_issued_whom);
	g_test_add_func("/crypto/keyring_content/crls", test_crls);
	g_test_add_func("/crypto/keyring_content/newest-and-revoked", test_newest_crl_and_revoked);
	g_test_add_func("/crypto/keyring_content/forged-crl", test_forged_crl);
	g_test_add_func("/crypto/keyring_content/folder", test_folder);
	g_test_add_func("/crypto/keyring_content/refused", test_refused);
	return pki_run();
}
