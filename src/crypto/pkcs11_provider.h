/* SPDX-License-Identifier: MIT */
#pragma once

/* Keys in tokens through OpenSSL's provider "pkcs11". For pkcs11.c only. */

#include "crypto/cert.h"

/* Is it there? It is loaded if it can be, for `module` where openssl.cnf does not say otherwise. */
bool pkcs11_provider_is_there(const char *module);

/* `url` means exactly one key, `pin` is right or NULL; one thread at a time. */
EVP_PKEY *pkcs11_provider_load_key(const char *url, const char *pin, GError **error);
