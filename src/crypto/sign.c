/* SPDX-License-Identifier: MIT */

#include "crypto/sign.h"

#include <limits.h>

#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/cms.h"
#include "crypto/content.h"
#include "crypto/demo.h"
#include "crypto/pkcs11.h"
#include "crypto/reason.h"

#define SIGN_FLAGS (CMS_BINARY | CMS_NOSMIMECAP)

struct SignKey {
	X509 *cert;
	EVP_PKEY *key;
	CertStack *intermediates;
};

static bool add_intermediate(SignKey *key, const char *path, GError **error)
{
	g_autoptr(X509) cert = cert_load(path, error);

	if (!cert)
		return false;
	/* CMS takes each certificate once; giving the signer's again harms nobody. */
	if (X509_cmp(cert, key->cert) == 0)
		return true;
	for (int i = 0; i < sk_X509_num(key->intermediates); i++)
		if (X509_cmp(cert, sk_X509_value(key->intermediates, i)) == 0)
			return true;
	if (!sk_X509_push(key->intermediates, cert))
		return reason_fail(error, FAILURE_CONFIG,
		                   "cannot keep an intermediate certificate");
	(void)g_steal_pointer(&cert);
	return true;
}

static bool check_pair(const SignKey *key, const SignKeyFiles *files, GError **error)
{
	if (X509_check_private_key(key->cert, key->key))
		return true;

	g_autofree char *key_path = pkcs11_show(files->key_path);
	g_autofree char *cert_path = pkcs11_show(files->cert_path);
	return reason_fail(error, FAILURE_CONFIG, "key %s does not belong to certificate %s",
	                   key_path, cert_path);
}

SignKey *sign_key_load(const SignKeyFiles *files, GError **error)
{
	REASON_SCOPE;
	g_autoptr(SignKey) key = g_new0(SignKey, 1);

	key->cert = cert_load(files->cert_path, error);
	if (!key->cert)
		return NULL;
	key->key = cert_load_key(files->key_path, files->passphrase, error);
	if (!key->key)
		return NULL;
	if (!check_pair(key, files, error))
		return NULL;

	key->intermediates = sk_X509_new_null();
	for (const char *const *path = files->intermediate_paths; path && *path; path++)
		if (!add_intermediate(key, *path, error))
			return NULL;
	return g_steal_pointer(&key);
}

void sign_key_free(SignKey *key)
{
	if (!key)
		return;
	X509_free(key->cert);
	EVP_PKEY_free(key->key);
	cert_stack_free(key->intermediates);
	g_free(key);
}

char *sign_key_demo(const SignKey *key)
{
	REASON_SCOPE;

	return demo_describe(key->cert);
}

GBytes *sign_attached(const SignKey *key, GBytes *bytes, GError **error)
{
	REASON_SCOPE;
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);

	if (size > INT_MAX)
		return fail_null(error, FAILURE_FORMAT, "%zu bytes are too many to sign attached",
		                 size);

	/* An empty GBytes has NULL as data, which OpenSSL would take for a mistake. */
	g_autoptr(BIO) bio = BIO_new_mem_buf(size ? data : "", (int)size);
	g_autoptr(CMS_ContentInfo) cms =
		CMS_sign(key->cert, key->key, key->intermediates, bio, SIGN_FLAGS);
	if (!cms)
		return reason_fail_null(error, FAILURE_SIGNATURE, "failed to create signature");
	return cms_encode(cms, error);
}

GBytes *sign_detached(const SignKey *key, const VerifyContent *content, GError **error)
{
	REASON_SCOPE;
	g_autoptr(ContentStream) stream = content_open(content, error);

	if (!stream)
		return NULL;

	g_autoptr(CMS_ContentInfo) cms = CMS_sign(key->cert, key->key, key->intermediates,
	                                          content_bio(stream), SIGN_FLAGS | CMS_DETACHED);

	if (content_failed(stream, error))
		return NULL;
	if (!cms)
		return reason_fail_null(error, FAILURE_SIGNATURE, "failed to create signature");
	/* OpenSSL would sign what it got, were that the whole or not. */
	if (!content_check(stream, error))
		return NULL;
	return cms_encode(cms, error);
}

/* The digest of the content is taken from a signer who is there already. */
GBytes *sign_append(const SignKey *key, GBytes *bytes, GError **error)
{
	REASON_SCOPE;
	g_autoptr(CMS_ContentInfo) cms = cms_parse_signed(bytes, error);

	if (!cms)
		return NULL;
	if (!CMS_add1_signer(cms, key->cert, key->key, NULL, SIGN_FLAGS | CMS_REUSE_DIGEST))
		return reason_fail_null(error, FAILURE_SIGNATURE, "failed to append signature");
	for (int i = 0; i < sk_X509_num(key->intermediates); i++)
		if (!cms_add_cert(cms, sk_X509_value(key->intermediates, i)))
			return reason_fail_null(error, FAILURE_SIGNATURE,
			                        "failed to append a certificate");
	return cms_encode(cms, error);
}
