/* SPDX-License-Identifier: MIT */

#include "crypto/term_find.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/error.h"
#include "crypto/reason.h"

/* Chains that follow each other: certificates with the same name and key, of several roots. */
#define MOST_CHAINS 16

typedef STACK_OF(X509_CRL) CrlStack;

void term_clear(Term *term)
{
	g_clear_pointer(&term->because, g_free);
	g_clear_pointer(&term->anchor, g_free);
}

static gint64 unix_time(const ASN1_TIME *when)
{
	struct tm parts;

	return when && ASN1_TIME_to_tm(when, &parts) ? timegm(&parts) : TERM_ENDLESS;
}

/* Takes `because`. */
static void shorten(Term *term, gint64 until, char *because)
{
	if (until >= term->until) {
		g_free(because);
		return;
	}
	term->until = until;
	g_free(term->because);
	term->because = because;
}

static char *words(const char *format, const X509_NAME *name)
{
	g_autofree char *text = cert_name(name);

	return g_strdup_printf(format, text);
}

/* The last moment any CRL of this issuer covers; none in the store: endless, as the chain
 * would not have been accepted if one were needed. */
static gint64 crl_end(X509_STORE_CTX *context, const X509_NAME *issuer, EVP_PKEY *key)
{
	CrlStack *crls = X509_STORE_CTX_get1_crls(context, issuer);
	gint64 end = 0;

	for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
		X509_CRL *crl = sk_X509_CRL_value(crls, i);

		if (X509_CRL_verify(crl, key) == 1)
			end = MAX(end, unix_time(X509_CRL_get0_nextUpdate(crl)));
	}
	sk_X509_CRL_pop_free(crls, X509_CRL_free);
	return end ? end : TERM_ENDLESS;
}

static bool shorten_by_crls(Term *term, const Keyring *keyring, const CertStack *chain,
                            GError **error)
{
	int n = sk_X509_num(chain);
	X509_STORE_CTX *context = X509_STORE_CTX_new();

	if (!context || !X509_STORE_CTX_init(context, keyring->store, NULL, NULL)) {
		X509_STORE_CTX_free(context);
		return reason_fail(error, FAILURE_SIGNATURE, CHAIN_FAILED "cannot start");
	}
	for (int i = 0; i < n; i++) {
		X509_NAME *issuer = X509_get_issuer_name(sk_X509_value(chain, i));
		X509 *by = sk_X509_value(chain, MIN(i + 1, n - 1));

		shorten(term, crl_end(context, issuer, X509_get0_pubkey(by)),
		        words("the CRL of '%s' has to be renewed", issuer));
	}
	X509_STORE_CTX_free(context);
	return true;
}

/* Of one chain. */
static bool end_of(const Keyring *keyring, const CertStack *chain, Term *end, GError **error)
{
	int n = sk_X509_num(chain);
	const X509_VERIFY_PARAM *rules = X509_STORE_get0_param(keyring->store);

	for (int i = 0; i < n; i++) {
		const X509 *cert = sk_X509_value(chain, i);

		shorten(end, unix_time(X509_get0_notAfter(cert)),
		        words("certificate '%s' expires", X509_get_subject_name(cert)));
	}
	g_autoptr(SignerCert) anchor = cert_describe(sk_X509_value(chain, n - 1), error);
	if (!anchor)
		return false;
	end->anchor = g_steal_pointer(&anchor->spki_hash);
	return !(X509_VERIFY_PARAM_get_flags((X509_VERIFY_PARAM *)rules) & X509_V_FLAG_CRL_CHECK) ||
	       shorten_by_crls(end, keyring, chain, error);
}

/* The one chain ends, and another may go on: ask again for that moment. */
static bool follow(const Keyring *keyring, X509 *cert, CertStack *certs, Term *found,
                   GError **error)
{
	Keyring then = *keyring; /* borrows all of it */

	for (int i = 0; i < MOST_CHAINS; i++) {
		g_auto(Term) end = TERM_NONE;
		g_autoptr(CertStack) chain =
			chain_verify(&then, cert, certs, NULL, i == 0 ? error : NULL);

		if (!chain)
			return i > 0;
		if (!end_of(&then, chain, &end, error))
			return false;
		if (i > 0 && end.until <= found->until)
			return true;
		found->until = end.until;
		g_free(found->because);
		found->because = g_steal_pointer(&end.because);
		if (!found->anchor)
			found->anchor = g_steal_pointer(&end.anchor);
		if (end.until == TERM_ENDLESS)
			return true;
		then.check_time = end.until;
	}
	return true;
}

bool term_find(const Keyring *keyring, X509 *cert, CertStack *certs, Term *term, GError **error)
{
	REASON_SCOPE;
	g_auto(Term) found = TERM_NONE;

	if (!follow(keyring, cert, certs, &found, error))
		return false;
	if (!term->anchor)
		term->anchor = g_steal_pointer(&found.anchor);
	if (!keyring->no_check_time)
		shorten(term, found.until, g_steal_pointer(&found.because));
	return true;
}
