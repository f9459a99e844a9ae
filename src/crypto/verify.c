/* SPDX-License-Identifier: MIT */

/*
 * Verifying, in the order that refuses strangers before hashing their bytes:
 * what kind of CMS, whose certificates, does the keyring vouch for each of
 * them (chain.c), and only then content and signatures. CMS_verify() runs
 * without its own look at certificates, over the very signers that were checked.
 */

#include "crypto/verify.h"

#include <openssl/err.h>
#include <string.h>

#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/chain.h"
#include "crypto/cms.h"
#include "crypto/content.h"
#include "crypto/demo.h"
#include "crypto/pem.h"
#include "crypto/reason.h"
#include "crypto/term_find.h"

typedef STACK_OF(CMS_SignerInfo) SignerInfos; /* borrowed from the CMS */

static void cert_borrow_free(CertStack *certs)
{
	sk_X509_free(certs);
}

bool verify_cms_kind(GBytes *bytes, VerifyCmsKind *kind, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = cms_parse(bytes, error);

	if (!cms)
		return false;
	if (OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_enveloped) {
		*kind = VERIFY_CMS_ENVELOPED;
		return true;
	}
	if (!cms_check_type(cms, NID_pkcs7_signed, error))
		return false;
	*kind = CMS_is_detached(cms) == 1 ? VERIFY_CMS_DETACHED : VERIFY_CMS_ATTACHED;
	return true;
}

/* The certificate of each SignerInfo, from those in the CMS; borrowed. */
static CertStack *find_signers(CMS_ContentInfo *cms, GError **error)
{
	SignerInfos *infos = CMS_get0_SignerInfos(cms);
	int n_infos = sk_CMS_SignerInfo_num(infos);
	CertStack *certs;

	if (n_infos <= 0)
		return fail_null(error, FAILURE_SIGNATURE, CHAIN_FAILED "no signers");
	CMS_set1_signers_certs(cms, NULL, 0);
	certs = CMS_get0_signers(cms);
	if (!certs || sk_X509_num(certs) != n_infos) {
		cert_borrow_free(certs);
		return fail_null(error, FAILURE_SIGNATURE,
		                 CHAIN_FAILED "signer certificate not found in the CMS");
	}
	return certs;
}

/* The signed attribute of the one signer. */
static bool get_signing_time(CMS_ContentInfo *cms, time_t *at, GError **error)
{
	SignerInfos *infos = CMS_get0_SignerInfos(cms);
	struct tm parts;

	if (sk_CMS_SignerInfo_num(infos) != 1)
		return fail(error, FAILURE_SIGNATURE,
		            "multiple signerInfos are not supported with "
		            "'use-bundle-signing-time'");

	const CMS_SignerInfo *info = sk_CMS_SignerInfo_value(infos, 0);
	int index = CMS_signed_get_attr_by_NID(info, NID_pkcs9_signingTime, -1);
	X509_ATTRIBUTE *attribute = index >= 0 ? CMS_signed_get_attr(info, index) : NULL;
	const ASN1_TYPE *value = attribute ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
	if (!value)
		return fail(error, FAILURE_SIGNATURE,
		            "Bundle signing time attribute not found in signature");
	if (value->type != V_ASN1_UTCTIME && value->type != V_ASN1_GENERALIZEDTIME)
		return fail(error, FAILURE_SIGNATURE,
		            "Bundle signing time is neither UTCTime nor GeneralizedTime");
	if (X509_ATTRIBUTE_count(attribute) != 1 ||
	    !ASN1_TIME_to_tm(value->value.asn1_string, &parts))
		return fail(error, FAILURE_SIGNATURE, "Bundle signing time is malformed");
	*at = timegm(&parts);
	return true;
}

/* Who asks for it believes the signer's clock. */
static bool use_signing_time(CMS_ContentInfo *cms, time_t *at, GError **error)
{
	if (!get_signing_time(cms, at, error))
		return false;

	g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(*at);
	g_autofree char *text = when ? g_date_time_format(when, "%b %e %H:%M:%S %Y GMT") : NULL;
	g_message("Using bundle signing time (%s) for certificate verification.", text);
	return true;
}

static bool check_demo(const CertStack *chain, const Keyring *keyring, GError **error)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		g_autofree char *demo = demo_describe(sk_X509_value(chain, i));

		if (!demo)
			continue;
		if (keyring->refuse_demo)
			return fail(error, FAILURE_SIGNATURE,
			            "signed by %s: anyone could have done it; " DEMO_ADVICE, demo);
		g_warning("signed by %s: NOT FOR PRODUCTION, anyone could have done it", demo);
		return true;
	}
	return true;
}

/*
 * Every signer must be vouched for; the chain comes out where there is one signer.
 *
 * CRLs in the CMS are not used. OpenSSL would prefer them to those of the
 * keyring, so a revoked signer could bring one from before he was revoked.
 */
static bool verify_signers(CMS_ContentInfo *cms, CertStack *signers, const Keyring *keyring,
                           CertStack **chain_out, GError **error)
{
	g_autoptr(CertStack) certs = CMS_get1_certs(cms), chain = NULL;
	bool at_signing = keyring->use_bundle_signing_time && !keyring->no_check_time;
	time_t at = 0;

	if (at_signing && !use_signing_time(cms, &at, error))
		return false;
	for (int i = 0; i < sk_X509_num(signers); i++) {
		g_clear_pointer(&chain, cert_stack_free);
		chain = chain_verify(keyring, sk_X509_value(signers, i), certs,
		                     at_signing ? &at : NULL, error);
		if (!chain || !check_demo(chain, keyring, error))
			return false;
	}
	if (sk_X509_num(signers) == 1)
		*chain_out = g_steal_pointer(&chain);
	return true;
}

static bool verify_content(CMS_ContentInfo *cms, const VerifyContent *content, GError **error)
{
	g_autoptr(ContentStream) stream = content ? content_open(content, error) : NULL;

	if (content && !stream)
		return false;

	BIO *bio = stream ? content_bio(stream) : NULL;
	bool ok =
		CMS_verify(cms, NULL, NULL, bio, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;

	if (stream && content_failed(stream, error))
		return false;
	if (!ok && reason_is(ERR_LIB_CMS, CMS_R_CONTENT_VERIFY_ERROR))
		return reason_fail(error, FAILURE_SIGNATURE,
		                   CHAIN_FAILED "the content is not what was signed");
	if (!ok && ERR_peek_error() == 0) /* OpenSSL has no words for that */
		return fail(error, FAILURE_SIGNATURE,
		            CHAIN_FAILED "the CMS does not name the digest of its signer");
	if (!ok)
		return reason_fail(error, FAILURE_SIGNATURE, "signature verification failed");
	return !stream || content_check(stream, error);
}

/*
 * Without signed attributes the signature is over the content itself, and a
 * signature over attributes, taken from another bundle, fits the content
 * "those attributes". They are a SET, so such content begins with its tag.
 */
static bool check_not_attributes(CMS_ContentInfo *cms, const VerifyContent *content, GError **error)
{
	SignerInfos *infos = CMS_get0_SignerInfos(cms);
	ASN1_OCTET_STRING **inside = CMS_get0_content(cms);
	bool is_bare = false;
	uint8_t tag = 0;

	for (int i = 0; i < sk_CMS_SignerInfo_num(infos); i++)
		is_bare = is_bare ||
		          CMS_signed_get_attr_count(sk_CMS_SignerInfo_value(infos, i)) <= 0;
	if (!is_bare)
		return true;
	if (content && content->size && !content->read_at(content->user, &tag, 1, 0, error))
		return false;
	if (!content && inside && *inside && ASN1_STRING_length(*inside) > 0)
		tag = ASN1_STRING_get0_data(*inside)[0];
	if (tag == (V_ASN1_SET | V_ASN1_CONSTRUCTED))
		return fail(error, FAILURE_SIGNATURE,
		            CHAIN_FAILED "the signature has no attributes, the content looks like "
		                         "some");
	return true;
}

/* 1: the first common name is on the list, 0: not, -1: it lies about its end. */
static int match_cn(const X509 *cert, GStrv allowed)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
	unsigned char *text = NULL;
	int result = 0;

	if (index < 0)
		return 0;

	int size = ASN1_STRING_to_UTF8(&text,
	                               X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
	if (size < 0)
		return 0;
	if (memchr(text, '\0', (size_t)size))
		result = -1;
	else
		result = g_strv_contains((const char *const *)allowed, (const char *)text);
	OPENSSL_free(text);
	return result;
}

static bool check_cns(const CertStack *signers, GStrv allowed, GError **error)
{
	bool is_found = false;

	for (int i = 0; allowed && i < sk_X509_num(signers); i++) {
		int match = match_cn(sk_X509_value(signers, i), allowed);

		if (match < 0)
			return fail(error, FAILURE_SIGNATURE,
			            "the common name of a signer certificate has a NUL byte in it");
		is_found = is_found || match;
	}
	if (allowed && !is_found)
		return fail(error, FAILURE_SIGNATURE,
		            "No signature CN matching allowed-signer-cns found");
	return true;
}

static Signers *describe(const CertStack *signers, const CertStack *chain, GError **error)
{
	g_autoptr(GString) subjects = g_string_new(NULL);
	g_autoptr(GPtrArray) certs = NULL;

	for (int i = 0; i < sk_X509_num(signers); i++) {
		g_autofree char *subject = cert_subject(sk_X509_value(signers, i));

		g_string_append_printf(subjects, "%s'%s'", i ? ", " : "", subject);
	}
	if (chain)
		certs = g_ptr_array_new_with_free_func((GDestroyNotify)signers_cert_free);
	for (int i = 0; chain && i < sk_X509_num(chain); i++) {
		SignerCert *cert = cert_describe(sk_X509_value(chain, i), error);

		if (!cert)
			return NULL;
		g_ptr_array_add(certs, cert);
	}
	return signers_new_take(g_string_free(g_steal_pointer(&subjects), FALSE),
	                        g_steal_pointer(&certs));
}

static GBytes *get_content(CMS_ContentInfo *cms)
{
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);

	if (!content || !*content)
		return NULL;
	return g_bytes_new(ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
}

static bool verify_parsed(CMS_ContentInfo *cms, CertStack *certs, const VerifyContent *content,
                          const Keyring *keyring, Signers **signers, GError **error)
{
	g_autoptr(CertStack) chain = NULL;

	if (!verify_signers(cms, certs, keyring, &chain, error) ||
	    !check_not_attributes(cms, content, error) || !verify_content(cms, content, error) ||
	    !check_cns(certs, keyring->allowed_signer_cns, error))
		return false;
	*signers = describe(certs, chain, error);
	if (!*signers)
		return false;

	time_t at;
	if (get_signing_time(cms, &at, NULL)) /* once the signature over it is verified */
		signers_set_time(*signers, at);
	return true;
}

bool verify_cms(GBytes *bytes, const VerifyContent *content, const Keyring *keyring,
                Signers **signers, GBytes **signed_bytes, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = cms_parse_signed(bytes, error);

	g_assert(!content != !signed_bytes);
	if (!cms)
		return false;
	if ((CMS_is_detached(cms) == 1) != (content != NULL))
		return fail(error, FAILURE_SIGNATURE, "Expected %s signature but got %s",
		            content ? "a detached" : "an inline", content ? "inline" : "detached");

	CertStack *certs = find_signers(cms, error);
	if (!certs)
		return false;
	bool ok = verify_parsed(cms, certs, content, keyring, signers, error);
	cert_borrow_free(certs);
	if (ok && signed_bytes)
		*signed_bytes = get_content(cms);
	return ok;
}

static bool find_term(CMS_ContentInfo *cms, CertStack *signers, const Keyring *keyring, Term *term,
                      GError **error)
{
	g_autoptr(CertStack) chain = NULL, certs = CMS_get1_certs(cms);

	if (!verify_signers(cms, signers, keyring, &chain, error) ||
	    !check_cns(signers, keyring->allowed_signer_cns, error))
		return false;
	if (keyring->use_bundle_signing_time && !keyring->no_check_time)
		return true;
	for (int i = 0; i < sk_X509_num(signers); i++) {
		if (!term_find(keyring, sk_X509_value(signers, i), certs, term, error))
			return false;
	}
	if (sk_X509_num(signers) > 1)
		g_clear_pointer(&term->anchor, g_free);
	return true;
}

bool verify_cms_term(GBytes *bytes, const Keyring *keyring, Term *term, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = cms_parse_signed(bytes, error);
	CertStack *signers = cms ? find_signers(cms, error) : NULL;
	bool ok = signers && find_term(cms, signers, keyring, term, error);

	cert_borrow_free(signers);
	return ok;
}

/* The first of `certs` will sign, the others come along. Judged by its signing time, what is signed
 * now counts whenever it is looked at. */
static bool find_cert_term(CertStack *certs, const Keyring *keyring, Term *term, GError **error)
{
	bool at_signing = keyring->use_bundle_signing_time && !keyring->no_check_time;
	g_autoptr(Keyring) now = at_signing ? keyring_at(keyring, 0) : NULL;
	g_auto(Term) unused = TERM_NONE;
	X509 *cert = sk_X509_value(certs, 0);

	if (!term_find(now ? now : keyring, cert, certs, at_signing ? &unused : term, error))
		return false;
	return !keyring->allowed_signer_cns || match_cn(cert, keyring->allowed_signer_cns) == 1 ||
	       fail(error, FAILURE_SIGNATURE,
	            "No signature CN matching allowed-signer-cns found in the certificate");
}

bool verify_cert_term(const char *path, const Keyring *keyring, Term *term, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CertStack) certs = pem_read_certs(path, error);

	return certs && find_cert_term(certs, keyring, term, error);
}

bool verify_signer_term(const char *cert, const char *const *intermediates, const Keyring *keyring,
                        Term *term, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CertStack) certs = sk_X509_new_null();
	X509 *loaded = cert_load(cert, error);

	for (unsigned i = 0; loaded; i++) {
		sk_X509_push(certs, loaded);
		if (!intermediates || !intermediates[i])
			return find_cert_term(certs, keyring, term, error);
		loaded = cert_load(intermediates[i], error);
	}
	return false;
}

GBytes *verify_cms_peek(GBytes *bytes, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = cms_parse_signed(bytes, error);

	if (!cms)
		return NULL;

	GBytes *content = get_content(cms);
	if (!content)
		return fail_null(error, FAILURE_FORMAT, "the CMS is detached: it has no content");
	return content;
}

char *verify_cms_dump_cert(GBytes *bytes, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = cms_parse(bytes, error);
	g_autoptr(CertStack) certs = cms ? CMS_get1_certs(cms) : NULL;

	if (!cms)
		return NULL;
	if (!certs || sk_X509_num(certs) < 1)
		return fail_null(error, FAILURE_NOT_FOUND, "the CMS has no certificate");
	return cert_print(sk_X509_value(certs, 0), error);
}
