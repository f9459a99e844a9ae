/* SPDX-License-Identifier: MIT */

/*
 * OpenSSL builds and checks the chain; the purpose "codesign" is checked here.
 *
 * OpenSSL has a purpose of that name since 3.2, with stricter rules. Ours, the
 * one RAUC always had, cannot be registered without changing global state, so
 * the chain is built for purpose "any" (CA rules included) and looked at then.
 */

#include "crypto/chain.h"

#include <openssl/x509v3.h>

#include "base/error.h"
#include "crypto/reason.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE_CTX, X509_STORE_CTX_free)

/* What the extensions lack for signing code, or NULL. */
static const char *codesign_lack(X509 *cert, bool is_leaf)
{
	uint32_t extended = X509_get_extended_key_usage(cert);
	uint32_t usage = X509_get_key_usage(cert);
	bool has_extended = extended != UINT32_MAX;

	if (is_leaf && !has_extended)
		return "has no extendedKeyUsage, codeSigning is needed";
	if (has_extended && !(extended & XKU_CODE_SIGN))
		return "has an extendedKeyUsage without codeSigning";
	if (!is_leaf)
		return X509_check_ca(cert) ? NULL : "is not a CA";
	if (usage == UINT32_MAX)
		g_message("The signer certificate has no keyUsage; digitalSignature should be set");
	else if (!(usage & KU_DIGITAL_SIGNATURE))
		return "has a keyUsage without digitalSignature";
	return NULL;
}

static bool check_codesign(const CertStack *chain, GError **error)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);
		const char *lack = codesign_lack(cert, i == 0);

		if (lack) {
			g_autofree char *subject = cert_subject(cert);

			return fail(error, FAILURE_SIGNATURE,
			            CHAIN_FAILED "Verify error: %s: certificate '%s' %s",
			            X509_verify_cert_error_string(X509_V_ERR_INVALID_PURPOSE),
			            subject, lack);
		}
	}
	return true;
}

/* ", valid from A until B, checked for C (why C)": a wrong clock shows. */
static char *validity(int number, const X509 *cert, const Keyring *keyring, const time_t *at)
{
	if (number != X509_V_ERR_CERT_NOT_YET_VALID && number != X509_V_ERR_CERT_HAS_EXPIRED)
		return g_strdup("");

	time_t now = keyring->check_time ? keyring->check_time : time(NULL);
	g_autoptr(SignerCert) described = cert_describe(cert, NULL);
	g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(at ? *at : now);
	g_autofree char *text = when ? g_date_time_format_iso8601(when) : g_strdup("?");

	const char *why = at ? "signing time" : keyring->check_reason;
	return g_strdup_printf(", valid from %s until %s, checked for %s%s%s%s",
	                       described ? described->not_before : "?",
	                       described ? described->not_after : "?", text, why ? " (" : "",
	                       why ? why : "", why ? ")" : "");
}

static char *time_words(const ASN1_TIME *when)
{
	struct tm parts;
	g_autoptr(GDateTime) moment = when && ASN1_TIME_to_tm(when, &parts)
	                                      ? g_date_time_new_from_unix_utc(timegm(&parts))
	                                      : NULL;

	return moment ? g_date_time_format_iso8601(moment) : g_strdup("?");
}

/* What there is to say of a CRL, and what to do: nobody sees them otherwise. */
static char *crl_words(X509_STORE_CTX *context, int number, const X509 *cert)
{
	const X509_CRL *crl = X509_STORE_CTX_get0_current_crl(context);
	g_autofree char *issuer = cert_name(X509_get_issuer_name(cert));
	g_autofree char *made = time_words(crl ? X509_CRL_get0_lastUpdate(crl) : NULL);
	g_autofree char *renew = time_words(crl ? X509_CRL_get0_nextUpdate(crl) : NULL);

	switch (number) {
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		return g_strdup_printf(", the keyring has no CRL of '%s', which check-crl=true "
		                       "needs: put it into the keyring",
		                       issuer);
	case X509_V_ERR_CRL_HAS_EXPIRED:
		return g_strdup_printf(", the CRL of '%s' in the keyring had to be renewed before "
		                       "%s: put a new one into the keyring",
		                       issuer, renew);
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return g_strdup_printf(", the CRL of '%s' in the keyring is from %s, which is "
		                       "later than the time checked for",
		                       issuer, made);
	case X509_V_ERR_CERT_REVOKED:
		return g_strdup_printf(", by the CRL of '%s'", issuer);
	default:
		return g_strdup("");
	}
}

static bool fail_chain(X509_STORE_CTX *context, const Keyring *keyring, const time_t *at,
                       GError **error)
{
	int number = X509_STORE_CTX_get_error(context);
	const char *reason = X509_verify_cert_error_string(number);
	const X509 *blamed = X509_STORE_CTX_get_current_cert(context);

	if (number == X509_V_OK) /* not about a certificate: memory, internal */
		return reason_fail(error, FAILURE_SIGNATURE,
		                   CHAIN_FAILED "no chain could be built");
	if (!blamed) /* its key cannot be read, and the queue knows why */
		return reason_fail(error, FAILURE_SIGNATURE, CHAIN_FAILED "Verify error: %s",
		                   reason);

	g_autofree char *subject = cert_subject(blamed);
	g_autofree char *times = validity(number, blamed, keyring, at);
	g_autofree char *lists = crl_words(context, number, blamed);
	return fail(error, FAILURE_SIGNATURE, CHAIN_FAILED "Verify error: %s: certificate '%s'%s%s",
	            reason, subject, times, lists);
}

CertStack *chain_verify(const Keyring *keyring, X509 *cert, CertStack *certs, const time_t *at,
                        GError **error)
{
	REASON_SCOPE;
	g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();

	if (!context || !X509_STORE_CTX_init(context, keyring->store, cert, certs))
		return reason_fail_null(error, FAILURE_SIGNATURE, CHAIN_FAILED "cannot start");

	X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
	if (keyring->purpose && !X509_VERIFY_PARAM_set_purpose(rules, keyring->purpose))
		return reason_fail_null(error, FAILURE_CONFIG, "cannot set the X509 purpose");
	/* What is still unset becomes what CMS asks for. */
	if (!X509_STORE_CTX_set_default(context, "smime_sign"))
		return reason_fail_null(error, FAILURE_SIGNATURE, CHAIN_FAILED "cannot start");
	if (keyring->no_check_time)
		X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_NO_CHECK_TIME);
	else if (at || keyring->check_time)
		X509_VERIFY_PARAM_set_time(rules, at ? *at : keyring->check_time);

	if (X509_verify_cert(context) <= 0) {
		fail_chain(context, keyring, at, error);
		return NULL;
	}

	g_autoptr(CertStack) chain = X509_STORE_CTX_get1_chain(context);
	if (!chain)
		return reason_fail_null(error, FAILURE_SIGNATURE, CHAIN_FAILED "no chain");
	if (keyring->is_codesign && !check_codesign(chain, error))
		return NULL;
	return g_steal_pointer(&chain);
}
