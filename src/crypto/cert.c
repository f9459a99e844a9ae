/* SPDX-License-Identifier: MIT */

#include "crypto/cert.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/pkcs11.h"
#include "crypto/reason.h"

#define PEM_FILE_MAX (16 << 20) /* a keyring of all CAs of the web has 250 KiB */

void cert_stack_free(CertStack *certs)
{
	sk_X509_pop_free(certs, X509_free);
}

char *cert_read_pem(const char *path, size_t *size, GError **error)
{
	if (pkcs11_is_url(path)) {
		g_autofree char *shown = pkcs11_show(path);

		return fail_null(error, FAILURE_UNSUPPORTED,
		                 "%s: this must be a PEM file, it cannot be in a PKCS#11 token",
		                 shown);
	}

	char *text = file_read(path, PEM_FILE_MAX, size, error);
	if (text && *size == 0) {
		g_free(text);
		return fail_null(error, FAILURE_FORMAT, "%s is empty", path);
	}
	return text;
}

X509 *cert_load(const char *path, GError **error)
{
	REASON_SCOPE;
	size_t size;

	if (pkcs11_is_url(path))
		return pkcs11_load_cert(path, error);

	g_autofree char *text = cert_read_pem(path, &size, error);
	if (!text)
		return NULL;

	g_autoptr(BIO) bio = BIO_new_mem_buf(text, (int)size);
	X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (cert)
		return cert;
	if (reason_is(ERR_LIB_PEM, PEM_R_NO_START_LINE))
		return fail_null(error, FAILURE_FORMAT,
		                 "%s has no certificate in PEM format: no start line, "
		                 "Expecting: CERTIFICATE",
		                 path);
	return reason_fail_null(error, FAILURE_FORMAT, "cannot read certificate %s", path);
}

typedef struct {
	const char *passphrase;
	bool was_asked;
} Passphrase;

/* Given to OpenSSL, which would ask the terminal otherwise. */
static int give_passphrase(char *to, int size, int is_writing G_GNUC_UNUSED, void *user)
{
	Passphrase *passphrase = user;
	size_t length = passphrase->passphrase ? strlen(passphrase->passphrase) : 0;

	passphrase->was_asked = true;
	if (length == 0 || length > (size_t)size)
		return -1;
	memcpy(to, passphrase->passphrase, length);
	return (int)length;
}

EVP_PKEY *cert_load_key(const char *path, const char *passphrase, GError **error)
{
	REASON_SCOPE;
	Passphrase asked = { passphrase, false };
	size_t size;

	if (pkcs11_is_url(path))
		return pkcs11_load_key(path, error);

	g_autofree char *text = cert_read_pem(path, &size, error);
	if (!text)
		return NULL;

	bool is_pem = strstr(text, "-----BEGIN") != NULL;
	g_autoptr(BIO) bio = BIO_new_mem_buf(text, (int)size);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
	OPENSSL_cleanse(text, size);
	if (key)
		return key;
	if (asked.was_asked && (!passphrase || !*passphrase))
		return fail_null(error, FAILURE_CONFIG,
		                 "private key %s is encrypted: set its passphrase in "
		                 "RAUC_KEY_PASSPHRASE",
		                 path);
	if (asked.was_asked)
		return reason_fail_null(error, FAILURE_CONFIG,
		                        "cannot decrypt private key %s, is the passphrase right?",
		                        path);
	if (!is_pem)
		return fail_null(error, FAILURE_FORMAT, "%s has no private key in PEM format",
		                 path);
	return reason_fail_null(error, FAILURE_FORMAT, "cannot read private key %s", path);
}

char *cert_bio_text(BIO *bio)
{
	char *data = NULL;
	long size = BIO_get_mem_data(bio, &data);

	return g_strndup(size > 0 ? data : "", size > 0 ? (gsize)size : 0);
}

char *cert_name(const X509_NAME *name)
{
	g_autoptr(BIO) bio = BIO_new(BIO_s_mem());

	X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE);
	return cert_bio_text(bio);
}

char *cert_subject(const X509 *cert)
{
	return cert_name(X509_get_subject_name(cert));
}

static char *time_text(const ASN1_TIME *when)
{
	g_autoptr(BIO) bio = BIO_new(BIO_s_mem());

	ASN1_TIME_print(bio, when); /* says "Bad time value" itself */
	return cert_bio_text(bio);
}

static char *spki_hash(const X509 *cert)
{
	unsigned char *der = NULL;
	int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	uint8_t digest[DIGEST_SIZE];

	if (size <= 0)
		return NULL;
	digest_bytes(der, (size_t)size, digest);
	OPENSSL_free(der);

	GString *hash = g_string_sized_new(DIGEST_SIZE * 3);
	for (unsigned i = 0; i < DIGEST_SIZE; i++)
		g_string_append_printf(hash, "%s%02X", i ? ":" : "", digest[i]);
	return g_string_free(hash, FALSE);
}

SignerCert *cert_describe(const X509 *cert, GError **error)
{
	REASON_SCOPE;
	struct tm parts;
	char *hash = spki_hash(cert);

	if (!hash)
		return reason_fail_null(error, FAILURE_FORMAT, "cannot encode a public key");

	SignerCert *described = g_new0(SignerCert, 1);
	described->subject = cert_subject(cert);
	described->issuer = cert_name(X509_get_issuer_name(cert));
	described->spki_hash = hash;
	described->not_before = time_text(X509_get0_notBefore(cert));
	described->not_after = time_text(X509_get0_notAfter(cert));
	if (ASN1_TIME_to_tm(X509_get0_notBefore(cert), &parts))
		described->not_before_unix = timegm(&parts);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &parts))
		described->not_after_unix = timegm(&parts);
	return described;
}

char *cert_print(X509 *cert, GError **error)
{
	REASON_SCOPE;
	g_autoptr(BIO) bio = BIO_new(BIO_s_mem());

	if (!X509_print(bio, cert))
		return reason_fail_null(error, FAILURE_FORMAT, "cannot print the certificate");
	return cert_bio_text(bio);
}
