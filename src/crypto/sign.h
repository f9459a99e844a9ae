/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Making CMS SignedData (chapter 1.6) with keys in PEM files or PKCS#11 tokens:
 * a path that begins with "pkcs11:" is a URL.
 *
 * RAUC_KEY_PASSPHRASE opens an encrypted key; the caller hands it in. Without
 * one an encrypted key is an error, never a prompt.
 */

#include <glib.h>
#include <stdbool.h>

#include "crypto/verify.h"

typedef struct SignKey SignKey;

typedef struct {
	const char *cert_path;
	const char *key_path;
	const char *const *intermediate_paths; /* NULL: none; the first certificate of each */
	const char *passphrase;                /* NULL: none */
} SignKeyFiles;

/* Fails where key and certificate do not belong together ("key values mismatch"). */
SignKey *sign_key_load(const SignKeyFiles *files, GError **error);
void sign_key_free(SignKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SignKey, sign_key_free)

/* "the public demo signer '…'" where everybody has this key, or NULL. */
char *sign_key_demo(const SignKey *key);

/* DER of a SignedData with the bytes inside. */
GBytes *sign_attached(const SignKey *key, GBytes *bytes, GError **error);
/* DER of a detached SignedData over `content`. */
GBytes *sign_detached(const SignKey *key, const VerifyContent *content, GError **error);

/* DER of the SignedData with one more signer. Nobody verified it here: that is the
 * caller's to do, before. */
GBytes *sign_append(const SignKey *key, GBytes *cms, GError **error);
