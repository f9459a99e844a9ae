/* SPDX-License-Identifier: MIT */

#include "crypto/pem.h"

#include "pki.h"

static void test_read(void)
{
	const struct {
		const char *name;
		int n_certs; /* -1: cannot be read */
		Failure why;
		const char *part;
	} rows[] = {
		{ "ca.pem", 1, 0, NULL },
		{ "both.pem", 2, 0, NULL },
		{ "ca-crl.pem", 1, 0, NULL },
		{ "only-crl.pem", 0, FAILURE_FORMAT, "only-crl.pem has no certificate" },
		{ "encrypted.key", 0, FAILURE_FORMAT, "has no certificate" },
		{ "text.pem", -1, FAILURE_FORMAT, "text.pem is not a PEM file" },
		{ "cut.pem", -1, FAILURE_FORMAT, "cannot read" },
		{ "damaged.pem", -1, FAILURE_FORMAT, "damaged.pem" },
		{ "missing.pem", -1, FAILURE_NOT_FOUND, "missing.pem" },
		{ "empty.pem", -1, FAILURE_FORMAT, "empty.pem is empty" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *path = pki_path(rows[i].name);
		g_autoptr(GError) error = NULL, other = NULL;
		g_autoptr(PemStack) stack = pem_read(path, &error);
		g_autoptr(CertStack) certs = pem_read_certs(path, &other);

		g_assert_true((stack != NULL) == (rows[i].n_certs >= 0));
		g_assert_true((certs != NULL) == (rows[i].n_certs > 0));
		if (certs)
			g_assert_cmpint(sk_X509_num(certs), ==, rows[i].n_certs);
		if (!stack)
			pki_assert_error(error, rows[i].why, rows[i].part);
		if (!certs)
			pki_assert_error(other, rows[i].why, rows[i].part);
		pki_assert_clean();
	}
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/pem/read", test_read);
	return pki_run();
}
