/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Certificates and private keys that live in a PKCS#11 token: an HSM, a smart
 * card, SoftHSM. For this folder only.
 *
 * RAUC_PKCS11_MODULE names the library of the token; without it p11-kit's is
 * used. The PIN is the URL's pin-value or pin-source, else RAUC_PKCS11_PIN. It
 * is never asked for, and never in a message.
 */

#include "crypto/cert.h"

bool pkcs11_is_url(const char *path);

X509 *pkcs11_load_cert(const char *url, GError **error);

/* The key stays where it is; OpenSSL's provider "pkcs11" or else its engine uses it there. */
EVP_PKEY *pkcs11_load_key(const char *url, GError **error);

/* Can the token with this key still be reached, and is the key in it? A file always can. */
bool pkcs11_check_key(const char *path, GError **error);

/* The path, or the URL without its PIN: what a message may show. */
char *pkcs11_show(const char *path);
