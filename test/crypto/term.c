/* SPDX-License-Identifier: MIT */

#include "crypto/term.h"

#include <string.h>

#include "crypto/keyring_content.h"
#include "pki.h"

#define Y2070 3155760000 /* when the signers of make_pki.sh end */

static GBytes *signed_by(const char *name)
{
	g_autoptr(SignKey) key = pki_key(name);
	g_autoptr(GBytes) text = g_bytes_new_static("text", 4);
	GBytes *cms = sign_attached(key, text, NULL);

	g_assert_nonnull(cms);
	return cms;
}

static Keyring *load(const char *path, bool check_crl, bool signing_time)
{
	KeyringRules rules = { .path = path,
		               .check_crl = check_crl,
		               .use_bundle_signing_time = signing_time };
	Keyring *keyring = keyring_load(&rules, NULL);

	g_assert_nonnull(keyring);
	return keyring;
}

static void test_earliest_end(void)
{
	g_autoptr(GBytes) cms = signed_by("ec");
	g_autoptr(Keyring) keyring = load(pki_path("ca.pem"), false, false);
	g_auto(Term) term = TERM_NONE;

	g_assert_true(verify_cms_term(cms, keyring, &term, NULL));
	g_assert_cmpint(term.until, ==, Y2070);
	g_assert_cmpstr(term.because, ==, "certificate 'O = Test Org, CN = EC Signer' expires");
	g_assert_nonnull(term.anchor);
	pki_assert_clean();
}

/* At the first second it names, and not before, the keyring refuses. */
static void test_end_is_where_openssl_has_it(void)
{
	g_autoptr(GBytes) cms = signed_by("ec");
	g_autoptr(Keyring) keyring = load(pki_path("ca.pem"), false, false);
	g_autoptr(Keyring) last = keyring_at(keyring, Y2070 - 1),
			   first = keyring_at(keyring, Y2070);
	g_auto(Term) term = TERM_NONE, none = TERM_NONE;
	g_autoptr(GError) error = NULL;

	g_assert_true(verify_cms_term(cms, last, &term, NULL));
	g_assert_cmpint(term.until, ==, Y2070);
	g_assert_false(verify_cms_term(cms, first, &none, &error));
	pki_assert_error(error, FAILURE_SIGNATURE, "certificate has expired");
}

static void test_crl_ends_first(void)
{
	KeyringRules rules = { .path = pki_path("ca-crl.pem") };
	g_autoptr(KeyringContent) content = keyring_content_load(&rules, NULL);
	const KeyringCrl *crl = content->crls->pdata[0];
	g_autoptr(GBytes) cms = signed_by("ec");
	g_autoptr(Keyring) strict = load(pki_path("ca-crl.pem"), true, false);
	g_autoptr(Keyring) lax = load(pki_path("ca-crl.pem"), false, false);
	g_autoptr(Keyring) then = keyring_at(strict, crl->renew + 1);
	g_auto(Term) term = TERM_NONE, other = TERM_NONE, none = TERM_NONE;
	g_autoptr(GError) error = NULL;

	g_assert_true(verify_cms_term(cms, strict, &term, NULL));
	g_assert_cmpint(term.until, ==, crl->renew);
	g_assert_cmpstr(term.because, ==,
	                "the CRL of 'O = Test Org, CN = Test CA' has to be renewed");
	g_assert_true(verify_cms_term(cms, lax, &other, NULL));
	g_assert_cmpint(other.until, ==, Y2070);
	g_assert_false(verify_cms_term(cms, then, &none, &error));
	pki_assert_error(
		error, FAILURE_SIGNATURE,
		"the CRL of 'O = Test Org, CN = Test CA' in the keyring had to be renewed");
}

/* The same root, renewed: the newer certificate of its key goes on where the older one ends. */
static void test_follows_the_next_chain(void)
{
	g_autofree char *made = pki_shell(
		"set -e; cp $P/ca.conf .; k=$P/other-ca.key; s='/O=Test Org/CN=Root'; "
		"for d in 100 200; do openssl req -new -x509 -config ca.conf -extensions x_ca -days $d "
		"-key $k -subj \"$s\" -out $d.pem; done; "
		"openssl req -new -config ca.conf -key $P/ec.key -subj '/CN=Leaf' | openssl x509 -req "
		"-days 150 -CA 100.pem -CAkey $k -set_serial 5 -extfile ca.conf -extensions x_leaf "
		"-out leaf.pem; "
		"cat 100.pem 200.pem > both.pem; cat 200.pem 100.pem > turned.pem; "
		"for f in 100 leaf; do date -u -d \"$(openssl x509 -in $f.pem -noout -enddate | "
		"cut -d= -f2)\" +%s; done");
	g_assert_nonnull(made);
	g_auto(GStrv) ends = g_strsplit(made, "\n", -1);
	const struct {
		const char *keyring, *end, *because;
	} rows[] = {
		{ "100.pem", ends[0], "CN = Root" },
		{ "200.pem", ends[1], "CN = Leaf" },
		{ "both.pem", ends[1], "CN = Leaf" },
		{ "turned.pem", ends[1], "CN = Leaf" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(Keyring) keyring = load(pki_own(rows[i].keyring), false, false);
		g_auto(Term) term = TERM_NONE;

		g_assert_true(verify_cert_term(pki_own("leaf.pem"), keyring, &term, NULL));
		g_assert_cmpint(term.until, ==, g_ascii_strtoll(rows[i].end, NULL, 10));
		g_assert_nonnull(strstr(term.because, rows[i].because));
	}
}

static void test_signing_time_has_no_end(void)
{
	g_autoptr(GBytes) cms = signed_by("ec");
	g_autoptr(Keyring) keyring = load(pki_path("ca.pem"), false, true);
	g_autoptr(Keyring) later = keyring_at(keyring, Y2070 + 1);
	g_auto(Term) term = TERM_NONE;

	g_assert_true(verify_cms_term(cms, later, &term, NULL));
	g_assert_cmpint(term.until, ==, TERM_ENDLESS);
	g_assert_null(term.because);
}

static void test_of_a_certificate(void)
{
	const char *const cns[] = { "EC Signer", NULL };
	KeyringRules rules = { .path = pki_path("ca.pem"), .allowed_signer_cns = cns };
	g_autoptr(Keyring) keyring = load(pki_path("ca.pem"), false, false);
	g_autoptr(Keyring) picky = keyring_load(&rules, NULL);
	const struct {
		const char *cert;
		const Keyring *keyring;
		Failure why; /* 0: accepted */
		const char *part;
	} rows[] = {
		{ "ec.pem", keyring, 0, NULL },
		{ "ec.pem", picky, 0, NULL },
		{ "rsa.pem", keyring, 0, NULL },
		{ "rsa.pem", picky, FAILURE_SIGNATURE, "No signature CN matching" },
		{ "chained.pem", keyring, FAILURE_SIGNATURE, "unable to get local issuer" },
		{ "other.pem", keyring, FAILURE_SIGNATURE, "unable to get local issuer" },
		{ "expired.pem", keyring, FAILURE_SIGNATURE, "certificate has expired" },
		{ "missing.pem", keyring, FAILURE_NOT_FOUND, "missing.pem" },
		{ "ec.key", keyring, FAILURE_FORMAT, "ec.key has no certificate" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(Term) term = TERM_NONE;
		bool ok = verify_cert_term(pki_path(rows[i].cert), rows[i].keyring, &term, &error);

		g_assert_true(ok == !rows[i].part);
		if (!ok)
			pki_assert_error(error, rows[i].why, rows[i].part);
	}
}

/* As signing takes them: the first certificate of each file. */
static void test_of_a_signer(void)
{
	const char *const inter[] = { pki_path("inter.pem"), NULL };
	const char *const both[] = { pki_path("ca.pem"), pki_path("inter.pem"), NULL };
	const char *const wrong[] = { pki_path("other-ca.pem"), NULL };
	const char *const missing[] = { pki_path("inter.pem"), pki_path("missing.pem"), NULL };
	g_autoptr(Keyring) keyring = load(pki_path("ca.pem"), false, false);
	const struct {
		const char *const *intermediates;
		Failure why; /* 0: accepted */
	} rows[] = { { inter, 0 },
		     { both, 0 },
		     { NULL, FAILURE_SIGNATURE },
		     { wrong, FAILURE_SIGNATURE },
		     { missing, FAILURE_NOT_FOUND } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(Term) term = TERM_NONE;
		bool ok = verify_signer_term(pki_path("chained.pem"), rows[i].intermediates,
		                             keyring, &term, &error);

		g_assert_true(ok == !rows[i].why);
		if (ok)
			g_assert_cmpint(term.until, ==, Y2070);
		else
			g_assert_error(error, FAILURE, (int)rows[i].why);
		pki_assert_clean();
	}
}

/* A file with the chain behind the signer is enough. */
static void test_of_a_chain(void)
{
	g_autofree char *made = pki_shell("cat $P/chained.pem $P/inter.pem > chain.pem");
	g_autoptr(Keyring) keyring = load(pki_path("ca.pem"), false, false);
	g_auto(Term) term = TERM_NONE;

	g_assert_nonnull(made);
	g_assert_true(verify_cert_term(pki_own("chain.pem"), keyring, &term, NULL));
	g_assert_cmpint(term.until, ==, Y2070);
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/term/earliest-end", test_earliest_end);
	g_test_add_func("/crypto/term/end-is-where-openssl-has-it",
	                test_end_is_where_openssl_has_it);
	g_test_add_func("/crypto/term/crl-ends-first", test_crl_ends_first);
	g_test_add_func("/crypto/term/follows-the-next-chain", test_follows_the_next_chain);
	g_test_add_func("/crypto/term/signing-time", test_signing_time_has_no_end);
	g_test_add_func("/crypto/term/of-a-certificate", test_of_a_certificate);
	g_test_add_func("/crypto/term/of-a-signer", test_of_a_signer);
	g_test_add_func("/crypto/term/of-a-chain", test_of_a_chain);
	return pki_run();
}
