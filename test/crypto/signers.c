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

static const struct {
	gint64 ends[3];
	unsigned n;
	gint64 until;
} chains[] = {
	{ { 5 }, 1, 5 },       { { 9, 7, 8 }, 3, 7 },
	{ { 9, 0, 8 }, 3, 0 }, /* one that nobody could read */
	{ { -5 }, 1, 0 },      { { 0 }, 0, 0 },
};

static void test_until(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(chains); i++) {
		GPtrArray *chain =
			g_ptr_array_new_with_free_func((GDestroyNotify)signers_cert_free);

		for (unsigned k = 0; k < chains[i].n; k++) {
			SignerCert *made = cert("AA");

			made->not_after_unix = chains[i].ends[k];
			g_ptr_array_add(chain, made);
		}
		g_autoptr(Signers) signers = signers_new_take(g_strdup("'CN = a'"), chain);
		g_assert_cmpint(signers_until(signers), ==, chains[i].until);
		g_assert_cmpint(signers_time(signers), ==, 0);
		signers_set_time(signers, 3);
		g_assert_cmpint(signers_time(signers), ==, 3);
	}
}

static void test_several(void)
{
	g_autoptr(Signers) signers = signers_new_take(g_strdup("'CN = a', 'CN = b'"), NULL);
	g_autofree char *hashes = signers_spki_hashes(signers);

	g_assert_cmpstr(hashes, ==, "");
	g_assert_null(signers_chain(signers));
	g_assert_cmpint(signers_until(signers), ==, 0);
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/signers/chain", test_chain);
	g_test_add_func("/crypto/signers/until", test_until);
	g_test_add_func("/crypto/signers/several", test_several);
	return pki_run();
}
