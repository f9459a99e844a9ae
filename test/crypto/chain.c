/* SPDX-License-Identifier: MIT */

/* crypto/chain.c: one row a certificate and what the keyring asks of it. */

#include "crypto/chain.h"

#include "pki.h"

#define IN_2020 1590000000 /* May */

static const struct {
	const char *cert, *others; /* others: came with the signature */
	KeyringRules rules;        /* path: by name */
	time_t at;                 /* 0: now */
	int length;                /* 0: refused */
	const char *part;
} cases[] = {
	{ "rsa", NULL, { .path = "ca.pem" }, 0, 2, NULL },
	{ "ec", NULL, { .path = "ca.pem" }, 0, 2, NULL },
	{ "ec", NULL, { .path = "both.pem" }, 0, 2, NULL },
	{ "ec", NULL, { .directory = "folder" }, 0, 2, NULL },
	{ "ec", NULL, { .path = "other-ca.pem", .directory = "folder" }, 0, 2, NULL },
	{ "chained", "inter.pem", { .path = "ca.pem" }, 0, 3, NULL },
	{ "chained", NULL, { .path = "bundle.pem" }, 0, 3, NULL },
	{ "self", NULL, { .path = "self.pem" }, 0, 1, NULL },

	{ "ec", NULL, { .path = "other-ca.pem" }, 0, 0, "unable to get local issuer certificate" },
	{ "ec",
	  "ca.pem",
	  { .path = "other-ca.pem" },
	  0,
	  0,
	  "self-signed certificate in certificate chain: certificate 'O = Test Org, CN = Test CA'" },
	{ "self", NULL, { .path = "ca.pem" }, 0, 0, "self-signed certificate: certificate '" },
	{ "chained", NULL, { .path = "ca.pem" }, 0, 0, "unable to get local issuer certificate" },
	{ "other", NULL, { .path = "ca.pem" }, 0, 0, "unable to get local issuer certificate" },
	{ "below-leaf", "ec.pem", { .path = "ca.pem" }, 0, 0, "invalid CA certificate" },

	{ "expired",
	  NULL,
	  { .path = "ca.pem" },
	  0,
	  0,
	  "Verify error: certificate has expired: certificate 'O = Test Org, CN = Expired Signer', "
	  "valid from Jan  1 00:00:00 2020 GMT until Jan  1 00:00:00 2021 GMT, checked for 20" },
	{ "expired", NULL, { .path = "ca.pem", .no_check_time = true }, 0, 2, NULL },
	/* For another time than that of the clock, with the reason for it. */
	{ "expired", NULL, { .path = "ca.pem", .check_time = IN_2020 }, 0, 2, NULL },
	{ "ec",
	  NULL,
	  { .path = "ca.pem", .check_time = 946684800, .check_reason = "so it is" },
	  0,
	  0,
	  "certificate is not yet valid: certificate 'O = Test Org, CN = Test CA', valid from "
	  "Jan  1 00:00:00 2015 GMT until Jan  1 00:00:00 2075 GMT, checked for "
	  "2000-01-01T00:00:00Z (so it is)" },
	{ "expired",
	  NULL,
	  { .path = "ca.pem", .check_reason = "the clock says so" },
	  0,
	  0,
	  " (the clock says so)" },
	{ "future", NULL, { .path = "ca.pem" }, 0, 0, "certificate is not yet valid" },
	{ "future", NULL, { .path = "ca.pem", .no_check_time = true }, 0, 2, NULL },
	{ "future", NULL, { .path = "ca.pem", .no_check_time = true }, IN_2020, 2, NULL },
	{ "expired", NULL, { .path = "ca.pem" }, IN_2020, 2, NULL },
	{ "expired",
	  NULL,
	  { .path = "expired.pem", .allow_partial_chain = true },
	  IN_2020,
	  1,
	  NULL },
	{ "future", NULL, { .path = "ca.pem" }, IN_2020, 0, "(signing time)" },

	{ "chained", NULL, { .path = "inter.pem" }, 0, 0, "unable to get issuer certificate" },
	{ "chained", NULL, { .path = "inter.pem", .allow_partial_chain = true }, 0, 2, NULL },
	{ "ec", NULL, { .path = "ec.pem", .allow_partial_chain = true }, 0, 1, NULL },
	{ "ec", NULL, { .path = "rsa.pem", .allow_partial_chain = true }, 0, 0, "unable to get" },

	{ "ec", NULL, { .path = "ca-crl.pem", .check_crl = true }, 0, 2, NULL },
	{ "revoked",
	  NULL,
	  { .path = "ca-crl.pem", .check_crl = true },
	  0,
	  0,
	  "certificate revoked: certificate 'O = Test Org, CN = Revoked Signer'" },
	{ "revoked", NULL, { .path = "ca-crl.pem" }, 0, 2, NULL },
	{ "ec",
	  NULL,
	  { .path = "ca.pem", .check_crl = true },
	  0,
	  0,
	  "unable to get certificate CRL" },
	{ "chained", "inter.pem", { .path = "ca-crl.pem", .check_crl = true }, 0, 3, NULL },
	{ "chained",
	  "inter.pem",
	  { .path = "ca-half-crl.pem", .check_crl = true },
	  0,
	  0,
	  "unable to get certificate CRL" },

	/* Not asked for a purpose is CMS's own. */
	{ "code", NULL, { .path = "ca.pem" }, 0, 0, "unsuitable certificate purpose" },
	{ "server", NULL, { .path = "ca.pem" }, 0, 0, "unsuitable certificate purpose" },
	{ "ec", NULL, { .path = "ca.pem", .check_purpose = "smimesign" }, 0, 2, NULL },
	{ "code", NULL, { .path = "ca.pem", .check_purpose = "any" }, 0, 2, NULL },
	{ "server", NULL, { .path = "ca.pem", .check_purpose = "any" }, 0, 2, NULL },
	{ "server", NULL, { .path = "ca.pem", .check_purpose = "sslserver" }, 0, 2, NULL },
	{ "code",
	  NULL,
	  { .path = "ca.pem", .check_purpose = "sslserver" },
	  0,
	  0,
	  "unsuitable certificate purpose" },
	{ "code", NULL, { .path = "ca.pem", .check_purpose = "codesign" }, 0, 2, NULL },
	{ "code", NULL, { .path = "ca.pem", .check_purpose = "codesign-rauc" }, 0, 2, NULL },
	{ "code-no-usage", NULL, { .path = "ca.pem", .check_purpose = "codesign" }, 0, 2, NULL },
	{ "code-wrong-usage",
	  NULL,
	  { .path = "ca.pem", .check_purpose = "codesign" },
	  0,
	  0,
	  "CN = Code Signer of wrong Usage' has a keyUsage without digitalSignature" },
	{ "ec",
	  NULL,
	  { .path = "ca.pem", .check_purpose = "codesign" },
	  0,
	  0,
	  "unsuitable certificate purpose: certificate 'O = Test Org, CN = EC Signer' has no "
	  "extendedKeyUsage, codeSigning is needed" },
	{ "server",
	  NULL,
	  { .path = "ca.pem", .check_purpose = "codesign" },
	  0,
	  0,
	  "has an extendedKeyUsage without codeSigning" },
	{ "code-server",
	  "inter-server.pem",
	  { .path = "ca.pem", .check_purpose = "any" },
	  0,
	  3,
	  NULL },
	{ "code-server",
	  "inter-server.pem",
	  { .path = "ca.pem", .check_purpose = "codesign" },
	  0,
	  0,
	  "CN = Server Intermediate' has an extendedKeyUsage without codeSigning" },
};

static Keyring *load(KeyringRules rules)
{
	g_autoptr(GError) error = NULL;

	rules.path = rules.path ? pki_path(rules.path) : NULL;
	rules.directory = rules.directory ? pki_path(rules.directory) : NULL;
	Keyring *keyring = keyring_load(&rules, &error);
	g_assert_no_error(error);
	return keyring;
}

static void test_rules(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(Keyring) keyring = load(cases[i].rules);
		g_autofree char *name = g_strconcat(cases[i].cert, ".pem", NULL);
		g_autoptr(X509) cert = cert_load(pki_path(name), NULL);
		g_autoptr(CertStack) others = sk_X509_new_null();
		g_autoptr(GError) error = NULL;

		g_test_message("row %u: %s", i, name);
		if (cases[i].others)
			sk_X509_push(others, cert_load(pki_path(cases[i].others), NULL));
		g_autoptr(CertStack) chain =
			chain_verify(keyring, cert, others, cases[i].at ? &cases[i].at : NULL,
		                     &error);
		if (!cases[i].length) {
			g_assert_null(chain);
			pki_assert_error(error, FAILURE_SIGNATURE, cases[i].part);
			g_assert_true(g_str_has_prefix(error->message, CHAIN_FAILED));
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpint(sk_X509_num(chain), ==, cases[i].length);
		g_assert_cmpint(X509_cmp(sk_X509_value(chain, 0), cert), ==, 0);
		pki_assert_clean();
	}
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/chain/rules", test_rules);
	return pki_run();
}
