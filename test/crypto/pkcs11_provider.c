/* SPDX-License-Identifier: MIT */

/* crypto/pkcs11_provider.c with a stand-in for the provider (pkcs11_standin.c). */

#include "crypto/pkcs11_provider.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "pki.h"
#include "token.h"

/* Everything that openssl.cnf would read as something else. */
#define ODD_MODULE "a $odd #'\"\\`{module}.so"
#define URL        "pkcs11:token=one;object=rsa?pin-value=1234"

static char *read_log(void)
{
	char *log = NULL;

	g_file_get_contents(pki_own("standin.log"), &log, NULL, NULL);
	g_assert_true(file_remove_tree(pki_own("standin.log"), NULL));
	return log;
}

/* It is brought up once, with the module, and gets a URL of one key and the PIN beside it. */
static void test_load(void)
{
	SignKeyFiles files = { .cert_path = pki_path("rsa.pem"), .key_path = URL };
	g_autoptr(GBytes) bytes = g_bytes_new_static("x", 1);
	g_autoptr(GError) error = NULL;
	g_autoptr(SignKey) key = sign_key_load(&files, &error);
	g_autofree char *log = read_log();
	g_autofree char *first =
		g_strdup_printf("module=%s\nurl=pkcs11:token=one;", pki_own(ODD_MODULE));

	g_assert_no_error(error);
	pki_assert_clean();
	g_assert_true(g_str_has_prefix(log, first));
	g_assert_nonnull(strstr(log, ";object=rsa;id=%01;type=private\npin=1234\n"));
	g_assert_null(strstr(log, "pin-value"));

	/* What OpenSSL had before is still there. */
	g_autoptr(GBytes) cms = sign_attached(key, bytes, &error);
	g_assert_no_error(error);
	pki_write(pki_own("cms"), cms);
	g_autofree char *out =
		pki_shell("openssl cms -verify -binary -inform DER -in cms -CAfile $P/ca.pem");
	g_assert_cmpstr(out, ==, "x");

	g_autoptr(EVP_PKEY) again = cert_load_key(URL, NULL, &error);
	g_autofree char *second = read_log();
	g_assert_no_error(error);
	g_assert_null(strstr(second, "module="));
}

static void test_other_key(void)
{
	SignKeyFiles files = { .cert_path = pki_path("ec.pem"), .key_path = URL };
	g_autoptr(GError) error = NULL;

	g_assert_null(sign_key_load(&files, &error));
	pki_assert_error(error, FAILURE_CONFIG,
	                 "key pkcs11:token=one;object=rsa?*** does not belong");
}

static void test_refused(void)
{
	g_autoptr(GError) error = NULL, no_pin = NULL, wrong = NULL;
	g_autofree char *key = g_strdup(g_getenv("STANDIN_KEY"));

	g_assert_null(pkcs11_provider_load_key("pkcs11:object=x", NULL, &no_pin));
	pki_assert_error(no_pin, FAILURE_CONFIG,
	                 "OpenSSL's provider 'pkcs11' cannot use private key pkcs11:object=x");
	g_assert_null(pkcs11_provider_load_key("pkcs11:object=x", "4711", &wrong));
	pki_assert_error(wrong, FAILURE_CONFIG, "cannot use private key pkcs11:object=x");
	g_setenv("STANDIN_KEY", "", TRUE);
	g_assert_null(cert_load_key(URL, NULL, &error));
	pki_assert_error(error, FAILURE_CONFIG, "cannot use private key pkcs11:token=one;");
	g_assert_null(strstr(error->message, "1234"));
	g_setenv("STANDIN_KEY", key, TRUE);
}

static void skip(const void *why)
{
	g_test_skip(why);
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);

	const char *lack = token_set_up();
	if (lack) {
		g_test_add_data_func("/crypto/pkcs11_provider", lack, skip);
		return pki_run();
	}

	g_autofree char *made = pki_shell(
		"openssl pkcs8 -topk8 -nocrypt -in $P/rsa.key -outform DER -out standin.der");
	g_assert_nonnull(made);
	g_assert_cmpint(symlink(g_getenv("SHIM"), pki_own(ODD_MODULE)), ==, 0);
	g_setenv("RAUC_PKCS11_MODULE", pki_own(ODD_MODULE), TRUE);
	g_setenv("OPENSSL_MODULES", g_getenv("STANDIN"), TRUE);
	g_setenv("STANDIN_KEY", pki_own("standin.der"), TRUE);
	g_setenv("STANDIN_LOG", pki_own("standin.log"), TRUE);
	g_test_add_func("/crypto/pkcs11_provider/load", test_load);
	g_test_add_func("/crypto/pkcs11_provider/other-key", test_other_key);
	g_test_add_func("/crypto/pkcs11_provider/refused", test_refused);
	return pki_run();
}
