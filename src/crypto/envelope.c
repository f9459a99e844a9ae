/* SPDX-License-Identifier: MIT */

/*
 * An envelope says nothing of who made it, so its bytes are an attacker's, and who can
 * make a device open many of them and watches what it says learns about the key (the
 * "million message attack"). OpenSSL's countermeasure stays on: a wrong key may come out
 * as rubbish instead of an error. All failures have one wording here.
 */

#include "crypto/envelope.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/cms.h"
#include "crypto/pkcs11.h"
#include "crypto/reason.h"

#define OPEN_FAILED "Failed to decrypt CMS EnvelopedData: "
#define SHOW        " (`rauc info --dump-recipients` shows them)"

typedef STACK_OF(CMS_RecipientInfo) RecipientInfos; /* borrowed from the CMS */

/* --- Sealing ---------------------------------------------------------------- */

static bool add_recipient(CertStack *certs, X509 *cert, GError **error)
{
	for (int i = 0; i < sk_X509_num(certs); i++) {
		if (X509_cmp(cert, sk_X509_value(certs, i)) == 0) {
			X509_free(cert); /* given twice: once is enough */
			return true;
		}
	}
	if (sk_X509_push(certs, cert))
		return true;
	X509_free(cert);
	return reason_fail(error, FAILURE_IO, "cannot keep a recipient");
}

/* Every certificate in the file; a token has one behind its URL. */
static bool add_recipients(CertStack *certs, const char *path, GError **error)
{
	size_t size;
	int n = 0;

	if (pkcs11_is_url(path)) {
		X509 *cert = cert_load(path, error);

		return cert && add_recipient(certs, cert, error);
	}

	g_autofree char *text = cert_read_pem(path, &size, error);
	if (!text)
		return false;
	g_autoptr(BIO) bio = BIO_new_mem_buf(text, (int)size);
	for (X509 *cert; (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)); n++)
		if (!add_recipient(certs, cert, error))
			return false;
	if (!reason_is(ERR_LIB_PEM, PEM_R_NO_START_LINE))
		return reason_fail(error, FAILURE_FORMAT, "cannot read a certificate in %s", path);
	ERR_clear_error();
	return n > 0 || fail(error, FAILURE_FORMAT,
	                     "recipient file %s has no certificate in PEM format: no start line, "
	                     "Expecting: CERTIFICATE",
	                     path);
}

static CMS_ContentInfo *encrypt(GBytes *bytes, CertStack *certs, GError **error)
{
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);

	if (size > INT_MAX)
		return fail_null(error, FAILURE_FORMAT, "%zu bytes are too many to encrypt", size);

	g_autoptr(BIO) bio = BIO_new_mem_buf(data, (int)size);
	CMS_ContentInfo *cms = CMS_encrypt(certs, bio, EVP_aes_256_cbc(), CMS_BINARY);
	if (!cms)
		return reason_fail_null(error, FAILURE_CONFIG,
		                        "cannot encrypt for these recipients (RSA and EC keys "
		                        "can be)");
	return cms;
}

GBytes *envelope_seal(GBytes *bytes, const char *const *cert_paths, unsigned *n_recipients,
                      GError **error)
{
	REASON_SCOPE;
	g_autoptr(CertStack) certs = sk_X509_new_null();

	for (const char *const *path = cert_paths; path && *path; path++)
		if (!add_recipients(certs, *path, error))
			return NULL;
	if (sk_X509_num(certs) < 1)
		return fail_null(error, FAILURE_USAGE, "there are no recipients to encrypt for");

	g_autoptr(CMS_ContentInfo) cms = encrypt(bytes, certs, error);
	if (!cms)
		return NULL;
	*n_recipients = (unsigned)sk_X509_num(certs);
	return cms_encode(cms, error);
}

/* --- Opening ---------------------------------------------------------------- */

static CMS_ContentInfo *parse(GBytes *bytes, GError **error)
{
	g_autoptr(CMS_ContentInfo) cms = cms_parse(bytes, error);

	if (!cms || !cms_check_type(cms, NID_pkcs7_enveloped, error))
		return NULL;
	return g_steal_pointer(&cms);
}

static int count_recipients(CMS_ContentInfo *cms)
{
	RecipientInfos *infos = CMS_get0_RecipientInfos(cms);
	int n = 0;

	for (int i = 0; i < sk_CMS_RecipientInfo_num(infos); i++) {
		CMS_RecipientInfo *info = sk_CMS_RecipientInfo_value(infos, i);
		bool is_shared = CMS_RecipientInfo_type(info) == CMS_RECIPINFO_AGREE;

		n += is_shared ? sk_CMS_RecipientEncryptedKey_num(
					 CMS_RecipientInfo_kari_get0_reks(info))
		               : 1;
	}
	return n;
}

static char *key_name(const EnvelopeKey *key)
{
	return pkcs11_show(key->key_path);
}

static bool is_for(CMS_RecipientInfo *info, X509 *cert)
{
	if (CMS_RecipientInfo_type(info) == CMS_RECIPINFO_TRANS)
		return CMS_RecipientInfo_ktri_cert_cmp(info, cert) == 0;
	if (CMS_RecipientInfo_type(info) != CMS_RECIPINFO_AGREE)
		return false;

	STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(info);
	for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
		if (CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, i),
		                                       cert) == 0)
			return true;
	return false;
}

static bool check_recipient(CMS_ContentInfo *cms, X509 *cert, const char *path, GError **error)
{
	RecipientInfos *infos = CMS_get0_RecipientInfos(cms);
	g_autofree char *shown = pkcs11_show(path);

	for (int i = 0; i < sk_CMS_RecipientInfo_num(infos); i++)
		if (is_for(sk_CMS_RecipientInfo_value(infos, i), cert))
			return true;
	return fail(error, FAILURE_CONFIG,
	            OPEN_FAILED "no matching recipient: certificate %s is none of the %d" SHOW,
	            shown, count_recipients(cms));
}

static bool check_pair(X509 *cert, EVP_PKEY *pkey, const EnvelopeKey *key, GError **error)
{
	if (X509_check_private_key(cert, pkey))
		return true;

	g_autofree char *name = key_name(key);
	g_autofree char *cert_name = pkcs11_show(key->cert_path);
	return reason_fail(error, FAILURE_CONFIG, "key %s does not belong to certificate %s", name,
	                   cert_name);
}

/* A token that went away in between is told apart by looking at it, not by what was opened. */
static bool fail_open(CMS_ContentInfo *cms, const EnvelopeKey *key, GError **error)
{
	g_autofree char *name = key_name(key);

	if (!pkcs11_check_key(key->key_path, error)) {
		g_prefix_error(error, OPEN_FAILED);
		return false;
	}
	return fail(error, FAILURE_CONFIG,
	            OPEN_FAILED "key %s opens none of its %d recipients, or it is damaged" SHOW,
	            name, count_recipients(cms));
}

GBytes *envelope_open(GBytes *bytes, const EnvelopeKey *key, GError **error)
{
	REASON_SCOPE;
	g_autoptr(X509) cert = NULL;
	g_autoptr(CMS_ContentInfo) cms = parse(bytes, error);

	if (!cms)
		return NULL;
	if (key->cert_path && !(cert = cert_load(key->cert_path, error)))
		return NULL;

	g_autoptr(EVP_PKEY) pkey = cert_load_key(key->key_path, key->passphrase, error);
	if (!pkey)
		return NULL;
	if (cert && !check_pair(cert, pkey, key, error))
		return NULL;
	if (cert && !check_recipient(cms, cert, key->cert_path, error))
		return NULL;

	g_autoptr(BIO) out = BIO_new(BIO_s_mem());
	char *data = NULL;
	if (CMS_decrypt(cms, pkey, cert, NULL, out, CMS_BINARY) != 1) {
		fail_open(cms, key, error);
		return NULL;
	}
	long size = BIO_get_mem_data(out, &data);
	return g_bytes_new(data, size > 0 ? (size_t)size : 0);
}

bool envelope_fail(GBytes *bytes, const EnvelopeKey *key, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = parse(bytes, error);

	return cms && fail_open(cms, key, error);
}

/* --- Showing ---------------------------------------------------------------- */

/* How an algorithm is called in full; its number where OpenSSL has no name for it. */
static char *algorithm_name(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *object = NULL;
	char name[128] = "unknown";

	if (algorithm)
		X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	if (object)
		OBJ_obj2txt(name, sizeof(name), object, 0);
	return g_strdup(name);
}

static char *serial_text(const ASN1_INTEGER *serial)
{
	BIGNUM *number = serial ? ASN1_INTEGER_to_BN(serial, NULL) : NULL;
	char *hex = number ? BN_bn2hex(number) : NULL;
	char *text = g_strdup(hex ? hex : "?");

	OPENSSL_free(hex);
	BN_free(number);
	return text;
}

static void show(GString *to, unsigned *n, const X509_NAME *issuer, const ASN1_INTEGER *serial,
                 const X509_ALGOR *algorithm)
{
	g_autofree char *name = issuer ? cert_name(issuer) : g_strdup("?");
	g_autofree char *number = serial_text(serial);
	g_autofree char *how = algorithm_name(algorithm);

	g_string_append_printf(to,
	                       "%3u   Issuer:    %s\n"
	                       "      Serial:    0x%s\n"
	                       "      Algorithm: %s\n",
	                       (*n)++, name, number, how);
}

static void show_transport(GString *to, unsigned *n, CMS_RecipientInfo *info)
{
	X509_NAME *issuer = NULL;
	ASN1_INTEGER *serial = NULL;
	ASN1_OCTET_STRING *id = NULL;
	X509_ALGOR *algorithm = NULL;

	CMS_RecipientInfo_ktri_get0_signer_id(info, &id, &issuer, &serial);
	CMS_RecipientInfo_ktri_get0_algs(info, NULL, NULL, &algorithm);
	show(to, n, issuer, serial, algorithm);
}

/* One key agreement may be for several. */
static void show_agreement(GString *to, unsigned *n, CMS_RecipientInfo *info)
{
	STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(info);
	X509_ALGOR *algorithm = NULL;
	ASN1_OCTET_STRING *material = NULL;

	CMS_RecipientInfo_kari_get0_alg(info, &algorithm, &material);
	for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++) {
		X509_NAME *issuer = NULL;
		ASN1_INTEGER *serial = NULL;

		CMS_RecipientEncryptedKey_get0_id(sk_CMS_RecipientEncryptedKey_value(keys, i), NULL,
		                                  NULL, NULL, &issuer, &serial);
		show(to, n, issuer, serial, algorithm);
	}
}

char *envelope_recipients(GBytes *bytes, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = parse(bytes, error);
	g_autoptr(GString) list = g_string_new(NULL);
	unsigned n = 0;

	if (!cms)
		return NULL;

	RecipientInfos *infos = CMS_get0_RecipientInfos(cms);
	for (int i = 0; i < sk_CMS_RecipientInfo_num(infos); i++) {
		CMS_RecipientInfo *info = sk_CMS_RecipientInfo_value(infos, i);

		if (CMS_RecipientInfo_type(info) == CMS_RECIPINFO_TRANS)
			show_transport(list, &n, info);
		else if (CMS_RecipientInfo_type(info) == CMS_RECIPINFO_AGREE)
			show_agreement(list, &n, info);
		else
			show(list, &n, NULL, NULL, NULL);
	}
	return g_strdup_printf("%u Recipients:\n%s", n, list->str);
}
