/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * CMS EnvelopedData: the signature of a bundle of format crypt, and with it the
 * key of its payload, for some recipients only (chapter 1.5).
 */

#include <glib.h>
#include <stdbool.h>

/* What opens an envelope: PEM file or PKCS#11 URL. */
typedef struct {
	const char *key_path;   /* NULL: nothing opens it */
	const char *cert_path;  /* which recipient that is; NULL: every one is tried */
	const char *passphrase; /* NULL: none */
} EnvelopeKey;

/* DER of an EnvelopedData (aes-256-cbc) with `bytes` for every certificate in every file;
 * `*n_recipients` is how many. The paths end with NULL. */
GBytes *envelope_seal(GBytes *bytes, const char *const *cert_paths, unsigned *n_recipients,
                      GError **error);

/* What is inside: nobody has vouched for it. "Failed to decrypt CMS EnvelopedData: …". */
GBytes *envelope_open(GBytes *cms, const EnvelopeKey *key, GError **error);

/* Sets the error that envelope_open() has for a wrong key, and returns false: for who finds that what
 * came out is rubbish, since which of the two it was must not show. */
bool envelope_fail(GBytes *cms, const EnvelopeKey *key, GError **error);

/* Whom it is for, as `info --dump-recipients` prints it; ends with a newline. */
char *envelope_recipients(GBytes *cms, GError **error);
