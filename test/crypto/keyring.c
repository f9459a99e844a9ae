/* SPDX-License-Identifier: MIT */

#include "crypto/keyring.h"

#include "pki.h"

static const struct {
	const char *path, *folder, *purpose;
	Failure why;
	const char *part; /* NULL: loads */
} cases[] = {
	{ "ca.pem", NULL, NULL, 0, NULL },
	{ "both.pem", NULL, "smimesign", 0, NULL },
	{ "ca.pem", NULL, "codesign", 0, NULL },
	{ "ca.pem", NULL, "codesign-rauc", 0, NULL },
	{ "ca.pem", NULL, "any", 0, NULL },
	{ "ca.pem", NULL, "timestampsign", 0, NULL },
	{ NULL, "folder", NULL, 0, NULL },
	{ "ca.pem", "folder", NULL, 0, NULL },
	{ "only-crl.pem", "folder", NULL, 0, NULL },
	{ "ca-crl.pem", NULL, NULL, 0, NULL },
	{ NULL, NULL, NULL, FAILURE_CONFIG, "No keyring file or directory provided" },
	{ "ca.pem", NULL, "Codesign", FAILURE_CONFIG,
	  "failed to configure X509 purpose 'Codesign'" },
	{ "ca.pem", NULL, "", FAILURE_CONFIG, "failed to configure X509 purpose ''" },
	{ "missing.pem", NULL, NULL, FAILURE_NOT_FOUND, "missing.pem" },
	{ "empty.pem", NULL, NULL, FAILURE_FORMAT, "empty.pem is empty" },
	{ "text.pem", NULL, NULL, FAILURE_FORMAT, "text.pem is not a PEM file" },
	{ "ca.der", NULL, NULL, FAILURE_FORMAT, "ca.der is not a PEM file" },
	{ "ec.key", NULL, NULL, FAILURE_FORMAT, "ec.key has no certificate" },
	{ "encrypted.key", NULL, NULL, FAILURE_FORMAT, "encrypted.key has no certificate" },
	{ "only-crl.pem", NULL, NULL, FAILURE_FORMAT, "only-crl.pem has no certificate" },
	{ "cut.pem", NULL, NULL, FAILURE_FORMAT, "cut.pem" },
	{ "damaged.pem", NULL, NULL, FAILURE_FORMAT, "damaged.pem" },
	{ "folder", NULL, NULL, FAILURE_IO, "folder" },
	{ NULL, "empty-folder", NULL, FAILURE_CONFIG, "run openssl rehash" },
	{ NULL, "missing-folder", NULL, FAILURE_NOT_FOUND, "missing-folder" },
	{ NULL, "ca.pem", NULL, FAILURE_NOT_FOUND, "ca.pem" },
	{ "ca.pem", "missing-folder", NULL, FAILURE_NOT_FOUND, "missing-folder" },
};

static void test_load(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		KeyringRules rules = { .check_purpose = cases[i].purpose };
		g_autoptr(GError) error = NULL;

		rules.path = cases[i].path ? pki_path(cases[i].path) : NULL;
		rules.directory = cases[i].folder ? pki_path(cases[i].folder) : NULL;
		g_autoptr(Keyring) keyring = keyring_load(&rules, &error);
		if (cases[i].part) {
			g_assert_null(keyring);
			pki_assert_error(error, cases[i].why, cases[i].part);
			continue;
		}
		g_assert_no_error(error);
		g_assert_nonnull(keyring);
		pki_assert_clean();
	}
}

static void load_in_subprocess(bool check_crl)
{
	KeyringRules rules = { .path = pki_path("ca-crl.pem"), .check_crl = check_crl };

	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_autoptr(Keyring) keyring = keyring_load(&rules, NULL);
	g_assert_nonnull(keyring);
}

static void test_crl_off(void)
{
	if (g_test_subprocess()) {
		load_in_subprocess(false);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stderr("*Detected CRL but CRL checking is disabled!*");
}

static void test_crl_on(void)
{
	if (g_test_subprocess()) {
		load_in_subprocess(true);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stderr_unmatched("*CRL*");
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/keyring/load", test_load);
	g_test_add_func("/crypto/keyring/crl-off", test_crl_off);
	g_test_add_func("/crypto/keyring/crl-on", test_crl_on);
	return pki_run();
}
