/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What lies in a keyring, as plain values: who is trusted, until when, and whose
 * revocation lists are there. Nothing is judged here; system/keyring_health does.
 */

#include <glib.h>
#include <stdbool.h>

#include "crypto/keyring.h"
#include "crypto/signers.h"

typedef struct {
	char *issuer;       /* XN_FLAG_ONELINE */
	gint64 made, renew; /* thisUpdate and nextUpdate, Unix; renew 0: it says none */
	int by;             /* the certificate here whose key has signed it, -1: none */
	unsigned n_revoked;
} KeyringCrl;

typedef struct {
	SignerCert *facts;
	char *source; /* the file it is in */
	bool is_self_signed, is_ca;
	int issuer;           /* the certificate here that has issued it, itself too; -1: none */
	int crl;              /* its newest CRL here, -1: none */
	bool is_revoked;      /* by a CRL that is here */
	const char *weakness; /* "has an RSA key of less than 2048 bits", a constant; NULL: none */
} KeyringCert;

typedef struct {
	GPtrArray
		*certs; /* of KeyringCert, each once, in the order of the file, then the folder's */
	GPtrArray *crls; /* of KeyringCrl */
} KeyringContent;

/* Reads rules->path and rules->directory, says no as keyring_load() does. */
KeyringContent *keyring_content_load(const KeyringRules *rules, GError **error);
void keyring_content_free(KeyringContent *content);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyringContent, keyring_content_free)
