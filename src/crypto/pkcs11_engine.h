/* SPDX-License-Identifier: MIT */
#pragma once

/* Keys in tokens through OpenSSL's engine "pkcs11". For pkcs11.c only. */

#include "crypto/cert.h"

/* `url` means exactly one key, `module` was started, `pin` is right or NULL; one thread at a time. */
EVP_PKEY *pkcs11_engine_load_key(const char *url, const char *module, const char *pin,
                                 GError **error);
