/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * "pkcs11:token=release;object=signer?pin-source=/run/pin" (RFC 7512): which
 * object in which token, and perhaps the PIN. For this folder only.
 */

#include <glib.h>
#include <stdbool.h>

typedef enum {
	PKCS11_URL_TOKEN,
	PKCS11_URL_MANUFACTURER,
	PKCS11_URL_SERIAL,
	PKCS11_URL_MODEL,
	PKCS11_URL_LIBRARY_DESCRIPTION,
	PKCS11_URL_LIBRARY_MANUFACTURER,
	PKCS11_URL_SLOT_DESCRIPTION,
	PKCS11_URL_SLOT_MANUFACTURER,
	PKCS11_URL_SLOT_ID,
	PKCS11_URL_OBJECT,
	PKCS11_URL_ID,
	PKCS11_URL_TYPE,
	PKCS11_URL_N_PARTS,
} Pkcs11UrlPart;

typedef struct {
	GBytes *parts[PKCS11_URL_N_PARTS]; /* NULL: whichever */
	char *shown;                       /* the URL without its PIN, for messages */
	char *pin;                         /* of pin-value; NULL: not there */
	char *pin_source;
} Pkcs11Url;

/* FAILURE_CONFIG where it is malformed, or asks for what could not be done. */
Pkcs11Url *pkcs11_url_parse(const char *text, GError **error);
void pkcs11_url_free(Pkcs11Url *url);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pkcs11Url, pkcs11_url_free)

/* Is it this value, with its end? True where the URL does not care. */
bool pkcs11_url_matches(const Pkcs11Url *url, Pkcs11UrlPart part, const void *value, size_t size);

/* The text with "***" for what may hold a PIN, however malformed it is. */
char *pkcs11_url_redact(const char *text);

/* Add ";name=value", what is not plain in it as %XX; nothing where it is empty. */
void pkcs11_url_append(GString *url, const char *name, const void *value, size_t size);
