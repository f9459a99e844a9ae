/* SPDX-License-Identifier: MIT */

/* crypto/cms.c; what no parser should meet is in verify_hostile.c. */

#include "crypto/cms.h"

#include "pki.h"

static GBytes *make(void)
{
	g_autoptr(GBytes) content = g_bytes_new_static("x", 1);
	g_autoptr(SignKey) key = pki_key("ec");

	return sign_attached(key, content, NULL);
}

static void test_round(void)
{
	g_autoptr(GBytes) bytes = make();
	g_autoptr(CMS_ContentInfo) cms = cms_parse_signed(bytes, NULL);
	g_autoptr(GBytes) again = cms_encode(cms, NULL);
	g_autoptr(GError) error = NULL;

	g_assert_true(g_bytes_equal(bytes, again));
	g_assert_true(cms_check_type(cms, NID_pkcs7_signed, NULL));
	g_assert_false(cms_check_type(cms, NID_pkcs7_enveloped, &error));
	pki_assert_error(error, FAILURE_SIGNATURE,
	                 "Expected CMS of type 'pkcs7-envelopedData' but got 'pkcs7-signedData'");
}

static void test_add_cert(void)
{
	g_autoptr(GBytes) bytes = make();
	g_autoptr(CMS_ContentInfo) cms = cms_parse(bytes, NULL);
	g_autoptr(X509) signer = cert_load(pki_path("ec.pem"), NULL);
	g_autoptr(X509) other = cert_load(pki_path("inter.pem"), NULL);

	g_assert_true(cms_add_cert(cms, signer));
	g_assert_true(cms_add_cert(cms, other));
	g_assert_true(cms_add_cert(cms, other));
	g_autoptr(CertStack) certs = CMS_get1_certs(cms);
	g_assert_cmpint(sk_X509_num(certs), ==, 2);
	pki_assert_clean();
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/cms/round", test_round);
	g_test_add_func("/crypto/cms/add-cert", test_add_cert);
	return pki_run();
}
