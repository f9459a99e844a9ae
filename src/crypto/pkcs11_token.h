/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Looking around in PKCS#11 tokens, so that whoever uses a key there says
 * exactly which one, and so that what is wrong has a name. For this folder only.
 *
 * A module is started once in a process and stays; the caller sees to it that
 * one thread at a time is in here.
 */

#include "crypto/cryptoki.h"
#include "crypto/pkcs11_url.h"

typedef struct {
	char *url;     /* this object and no other; without a PIN */
	char *token;   /* its label */
	GBytes *value; /* of a certificate: the DER; NULL for a key */
} Pkcs11Object;

/* The library in RAUC_PKCS11_MODULE, or p11-kit's, which knows all that are installed. */
const char *pkcs11_token_module(void);

/* The one object that matches; none and several are errors. `pin` may be NULL: then what
 * can be seen without. It is tried once, and only where one single token wants it. */
Pkcs11Object *pkcs11_token_find(const Pkcs11Url *url, CkClass kind, const char *pin,
                                GError **error);
void pkcs11_object_free(Pkcs11Object *object);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pkcs11Object, pkcs11_object_free)
