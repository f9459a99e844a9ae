/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whom we trust: anchors, revocations and rules (chapter 1.9).
 */

#include <glib.h>
#include <stdbool.h>

typedef struct Keyring Keyring;

typedef struct {
	const char *path;      /* PEM file of certificates and CRLs, or NULL */
	const char *directory; /* OpenSSL hash directory, or NULL */
	bool check_crl;
	bool allow_partial_chain;
	bool use_bundle_signing_time;
	bool no_check_time;        /* ignore validity periods */
	gint64 check_time;         /* check them for this time (Unix); 0: now */
	const char *check_reason;  /* why that time, for messages about validity; NULL: nothing */
	bool refuse_demo;          /* neither trust a key of pki/demo nor what it signed */
	bool keep_quiet;           /* no warnings: only looked at, not used */
	const char *check_purpose; /* OpenSSL's name, "codesign" or NULL for CMS's default */
	const char *const *allowed_signer_cns; /* NULL: any */
} KeyringRules;

/* FAILURE_CONFIG when neither path nor directory is given, or the purpose is unknown;
 * names the file and what is wrong when it cannot be loaded or has no certificate. */
Keyring *keyring_load(const KeyringRules *rules, GError **error);
/* The same keyring, asked about another time; 0: now. */
Keyring *keyring_at(const Keyring *keyring, gint64 check_time);
void keyring_free(Keyring *keyring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Keyring, keyring_free)

/* "keyring <path> contains the public demo CA '…'": loaded with a warning, because then everybody
 * is trusted; refused with `refuse_demo`. NULL: it contains none. */
const char *keyring_demo(const Keyring *keyring);
