/* SPDX-License-Identifier: MIT */

/* A PKCS#11 URL: what is behind the question mark is never shown, and what was understood reads the same again. */

#include "fuzz.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/pkcs11_url.h"

static const char *const names[PKCS11_URL_N_PARTS] = {
	"token",
	"manufacturer",
	"serial",
	"model",
	"library-description",
	"library-manufacturer",
	"slot-description",
	"slot-manufacturer",
	"slot-id",
	"object",
	"id",
	"type",
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_shown(const char *text)
{
	g_autofree char *shown = pkcs11_url_redact(text);
	const char *query = strchr(shown, '?');

	check(!query || !strcmp(query, "?***"));
	g_autofree char *lower = g_ascii_strdown(shown, -1);
	const char *pin = strstr(lower, "pin-value");
	check(!pin || !strcmp(pin, "pin-value=***"));
}

static void check_again(const Pkcs11Url *url)
{
	g_autoptr(GString) text = g_string_new("pkcs11:");

	for (unsigned i = 0; i < PKCS11_URL_N_PARTS; i++)
		if (url->parts[i])
			pkcs11_url_append(text, names[i], g_bytes_get_data(url->parts[i], NULL),
			                  g_bytes_get_size(url->parts[i]));
	if (text->len > 4096) /* %XX for each byte: more than it may have */
		return;

	g_autoptr(Pkcs11Url) again = pkcs11_url_parse(text->str, NULL);
	check(again != NULL);
	for (unsigned i = 0; i < PKCS11_URL_N_PARTS; i++) {
		GBytes *part = again->parts[i];

		if (!part) /* an empty value is not written */
			check(!url->parts[i] || g_bytes_get_size(url->parts[i]) == 0);
		else
			check(pkcs11_url_matches(url, (Pkcs11UrlPart)i,
			                         g_bytes_get_data(part, NULL),
			                         g_bytes_get_size(part)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;

	check_shown(text);
	g_autoptr(Pkcs11Url) url = pkcs11_url_parse(text, &error);
	check(!url == !!error);
	if (url)
		check_again(url);
	return 0;
}
