/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Certificates and private keys in PEM files or PKCS#11 tokens. For this folder
 * only: what the floors above see has no OpenSSL types.
 */

#include <glib.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

#include "crypto/signers.h"

typedef STACK_OF(X509) CertStack;

void cert_stack_free(CertStack *certs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CertStack, cert_stack_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CMS_ContentInfo, CMS_ContentInfo_free)

/* The first certificate in the file, or the one that a pkcs11: URL means. */
X509 *cert_load(const char *path, GError **error);

/* The private key in the file; NULL as passphrase: an encrypted key is an error. A key that a
 * pkcs11: URL means stays in its token and opens with a PIN (crypto/pkcs11.h). */
EVP_PKEY *cert_load_key(const char *path, const char *passphrase, GError **error);

/* A PEM file as a whole, larger than any sane one is refused; empty is, too. */
char *cert_read_pem(const char *path, size_t *size, GError **error);

/* "O = Test Org, CN = Release-1" */
char *cert_name(const X509_NAME *name);
char *cert_subject(const X509 *cert);

/* What outputs show of a certificate. */
SignerCert *cert_describe(const X509 *cert, GError **error);

/* X509_print */
char *cert_print(X509 *cert, GError **error);

/* What was written into a memory BIO. */
char *cert_bio_text(BIO *bio);
