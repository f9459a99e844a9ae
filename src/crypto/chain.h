/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Does the keyring vouch for this certificate? For this folder only.
 */

#include <openssl/x509_vfy.h>
#include <time.h>

#include "crypto/cert.h"
#include "crypto/keyring.h"

#define CHAIN_FAILED "signature verification failed: "

/* What keyring_load() made of the rules. */
struct Keyring {
	X509_STORE *store; /* anchors, CRLs and flags; locks itself */
	int purpose;       /* OpenSSL's number; 0: that of CMS */
	bool is_codesign;  /* our own purpose, on top of "any" */
	bool use_bundle_signing_time;
	bool no_check_time;
	time_t check_time;  /* 0: now */
	char *check_reason; /* NULL: none */
	bool refuse_demo;
	char *demo;               /* see keyring_demo() */
	GStrv allowed_signer_cns; /* NULL: any */
};

/*
 * The chain from `cert` to an anchor, leaf first, every rule of the keyring
 * applied. `certs` came with the signature and are not trusted.
 * `at`: the signing time to check for, NULL is the time of the keyring.
 */
CertStack *chain_verify(const Keyring *keyring, X509 *cert, CertStack *certs, const time_t *at,
                        GError **error);
