/* SPDX-License-Identifier: MIT */

#include "crypto/signers.h"

#include "pki.h"

static SignerCert *cert(const char *hash)
{
	SignerCert *made = g_new0(SignerCert, 1);

	made->spki_hash = g_strdup(hash);
	return made;
}

static void test_chain(void)
{
	GPtrArray *chain = g_ptr_array_new_with_free_func((GDestroyNotify)signers_cert_free);

	g_ptr_array_add(chain, cert("AA:BB"));
	g_ptr_array_add(chain, cert("CC:DD"));
	g_autoptr(Signers) signers = signers_new_take(g_strdup("'CN = a'"), chain);
	g_autofree char *hashes = signers_spki_hashes(signers);

	g_assert_cmpstr(hashes, ==, "AA:BB CC:DD");
	g_assert_cmpstr(signers_subjects(signers), ==, "'CN = a'");
	g_assert_true(signers_chain(signers) == chain);
}

static void test_several(void)
{
	g_autoptr(Signers) signers = signers_new_take(g_strdup("'CN = a', 'CN = b'"), NULL);
	g_autofree char *hashes = signers_spki_hashes(signers);

	g_assert_cmpstr(hashes, ==, "");
	g_assert_null(signers_chain(signers));
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/signers/chain", test_chain);
	g_test_add_func("/crypto/signers/several", test_several);
	return pki_run();
}
