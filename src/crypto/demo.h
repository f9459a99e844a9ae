/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The demo keys (pki/demo): everybody has them, so whoever trusts them trusts everybody.
 * For this folder only; keyring, verify and sign tell the floors above.
 */

#include "crypto/cert.h"

/* "the public demo CA 'O = …'" where the key of the certificate is one of them, or NULL. */
char *demo_describe(const X509 *cert);

/* What is to be done about it, for messages. */
#define DEMO_ADVICE                                                                  \
	"make keys of your own (pki/openssl-ca.sh), or set allow-demo-keys=true in " \
	"[keyring] for a demonstration"
