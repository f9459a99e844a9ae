/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * CMS SignedData: who signed, and what (chapters 1.6, 1.8, 1.9).
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/keyring.h"
#include "crypto/signers.h"
#include "crypto/term.h"

/* Detached content, read in order while it is hashed. */
typedef struct {
	uint64_t size;
	bool (*read_at)(void *user, void *to, size_t size, uint64_t at, GError **error);
	void *user;
} VerifyContent;

typedef enum { VERIFY_CMS_ATTACHED, VERIFY_CMS_DETACHED, VERIFY_CMS_ENVELOPED } VerifyCmsKind;

/* What lies in these bytes, nothing believed. Trailing bytes behind the DER are refused. */
bool verify_cms_kind(GBytes *cms, VerifyCmsKind *kind, GError **error);

/*
 * Verify. Attached: `content` is NULL and the signed bytes come out in `*signed_bytes`.
 * Detached: `content` is what was signed, `signed_bytes` must be NULL.
 * FAILURE_SIGNATURE: "signature verification failed: <OpenSSL's reason>".
 * `*signers` has the chain where there is exactly one signer.
 */
bool verify_cms(GBytes *cms, const VerifyContent *content, const Keyring *keyring,
                Signers **signers, GBytes **signed_bytes, GError **error);

/* The part of verify_cms() that is about certificates: does the keyring accept who signed, and
 * until when. Where it judges by the signing time, that has no end. No content is looked at. */
bool verify_cms_term(GBytes *cms, const Keyring *keyring, Term *term, GError **error);
/* The same of one who will sign: the first certificate in the file; the others there are not
 * trusted, as in a CMS. */
bool verify_cert_term(const char *path, const Keyring *keyring, Term *term, GError **error);
/* The same with the files sign_key_load() takes. */
bool verify_signer_term(const char *cert, const char *const *intermediates, const Keyring *keyring,
                        Term *term, GError **error);

/* The attached content without any check: for `info --no-verify` only. */
GBytes *verify_cms_peek(GBytes *cms, GError **error);

/* X509_print of the first certificate in the CMS: for `info --dump-cert`. */
char *verify_cms_dump_cert(GBytes *cms, GError **error);
