/* SPDX-License-Identifier: MIT */

#include "crypto/pkcs11_url.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/error.h"

#define SCHEME     "pkcs11:"
#define URL_MAX    4096
#define PLAIN_MARK "-._~"

static const char *const part_names[PKCS11_URL_N_PARTS] = {
	[PKCS11_URL_TOKEN] = "token",
	[PKCS11_URL_MANUFACTURER] = "manufacturer",
	[PKCS11_URL_SERIAL] = "serial",
	[PKCS11_URL_MODEL] = "model",
	[PKCS11_URL_LIBRARY_DESCRIPTION] = "library-description",
	[PKCS11_URL_LIBRARY_MANUFACTURER] = "library-manufacturer",
	[PKCS11_URL_SLOT_DESCRIPTION] = "slot-description",
	[PKCS11_URL_SLOT_MANUFACTURER] = "slot-manufacturer",
	[PKCS11_URL_SLOT_ID] = "slot-id",
	[PKCS11_URL_OBJECT] = "object",
	[PKCS11_URL_ID] = "id",
	[PKCS11_URL_TYPE] = "type",
};

static void secret_free(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	g_free(secret);
}

/* A PIN stands behind the question mark; who puts it before has a malformed URL, but still a PIN. */
char *pkcs11_url_redact(const char *text)
{
	size_t size = strcspn(text, "?");
	g_autofree char *lower = g_ascii_strdown(text, (gssize)size);
	const char *misplaced = strstr(lower, "pin-value");

	if (misplaced)
		return g_strdup_printf("%.*spin-value=***", (int)(misplaced - lower), text);
	return g_strdup_printf("%.*s%s", (int)size, text, text[size] ? "?***" : "");
}

/* Undo %XX; NULL where a % is not followed by two digits. */
static GString *unescape(const char *text, size_t size)
{
	g_autoptr(GString) bytes = g_string_sized_new(size);

	for (size_t i = 0; i < size; i++) {
		uint8_t byte = (uint8_t)text[i];

		if (byte == '%') {
			if (i + 2 >= size || !g_ascii_isxdigit(text[i + 1]) ||
			    !g_ascii_isxdigit(text[i + 2]))
				return NULL;
			byte = (uint8_t)(g_ascii_xdigit_value(text[i + 1]) << 4 |
			                 g_ascii_xdigit_value(text[i + 2]));
			i += 2;
		}
		g_string_append_c(bytes, (char)byte);
	}
	return g_steal_pointer(&bytes);
}

static bool fail_url(const Pkcs11Url *url, GError **error, const char *why)
{
	return fail(error, FAILURE_CONFIG, "%s is not a valid PKCS#11 URL: %s", url->shown, why);
}

/* RFC 7512 allows fewer characters, libp11 all; what cannot be meant is refused. */
static bool has_control(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (g_ascii_iscntrl(text[i]))
			return true;
	return false;
}

static bool set_part(Pkcs11Url *url, const char *name, size_t name_size, GString *value,
                     GError **error)
{
	for (unsigned i = 0; i < PKCS11_URL_N_PARTS; i++) {
		if (strlen(part_names[i]) != name_size || memcmp(part_names[i], name, name_size))
			continue;
		if (url->parts[i])
			return fail_url(url, error, "the same attribute twice");
		url->parts[i] = g_bytes_new(value->str, value->len);
		return true;
	}
	return fail(error, FAILURE_CONFIG,
	            "%s is not a valid PKCS#11 URL: unknown attribute '%.*s'", url->shown,
	            (int)MIN(name_size, 40), name);
}

/* Behind the question mark stands how to get there; what is not for us is passed over. */
static bool set_query(Pkcs11Url *url, const char *name, size_t name_size, GString *value,
                      GError **error)
{
	char **to = NULL;

	if (name_size == strlen("pin-value") && !memcmp(name, "pin-value", name_size))
		to = &url->pin;
	if (name_size == strlen("pin-source") && !memcmp(name, "pin-source", name_size))
		to = &url->pin_source;
	if (!to)
		return true;
	if (*to)
		return fail_url(url, error, "the same attribute twice");
	if (memchr(value->str, '\0', value->len))
		return fail_url(url, error, "a NUL byte in it");
	*to = g_strndup(value->str, value->len);
	return true;
}

/* One "name=value" of `size` bytes. */
static bool parse_attribute(Pkcs11Url *url, const char *text, size_t size, bool is_query,
                            GError **error)
{
	const char *equals = memchr(text, '=', size);

	if (has_control(text, size))
		return fail_url(url, error, "a control character in it");
	if (!equals || equals == text)
		return fail_url(url, error,
		                "it must be name=value, with ; between and ? before a PIN");

	size_t name_size = (size_t)(equals - text);
	g_autoptr(GString) value = unescape(equals + 1, size - name_size - 1);
	if (!value)
		return fail_url(url, error, "% must be followed by two hexadecimal digits");
	bool ok = is_query ? set_query(url, text, name_size, value, error)
	                   : set_part(url, text, name_size, value, error);
	if (is_query)
		OPENSSL_cleanse(value->str, value->len);
	return ok;
}

static bool parse_list(Pkcs11Url *url, const char *text, const char *end, bool is_query,
                       GError **error)
{
	while (text < end) {
		const char *next = memchr(text, is_query ? '&' : ';', (size_t)(end - text));
		size_t size = (size_t)((next ? next : end) - text);

		if (!parse_attribute(url, text, size, is_query, error))
			return false;
		text += size + 1;
	}
	return true;
}

static bool check(const Pkcs11Url *url, GError **error)
{
	GBytes *slot = url->parts[PKCS11_URL_SLOT_ID];

	for (gsize i = 0, size = slot ? g_bytes_get_size(slot) : 0; i < size; i++)
		if (!g_ascii_isdigit(((const char *)g_bytes_get_data(slot, NULL))[i]))
			return fail_url(url, error, "slot-id must be a number");
	if (url->pin && url->pin_source)
		return fail_url(url, error, "pin-value and pin-source at once");
	return true;
}

Pkcs11Url *pkcs11_url_parse(const char *text, GError **error)
{
	g_autoptr(Pkcs11Url) url = g_new0(Pkcs11Url, 1);

	url->shown = pkcs11_url_redact(text);
	if (!g_str_has_prefix(text, SCHEME)) {
		fail_url(url, error, "it must begin with " SCHEME);
		return NULL;
	}
	if (strlen(text) > URL_MAX)
		return fail_null(error, FAILURE_CONFIG, "a PKCS#11 URL has at most %u bytes",
		                 URL_MAX);

	const char *path = text + strlen(SCHEME), *query = path + strcspn(path, "?");
	if (!parse_list(url, path, query, false, error) ||
	    !parse_list(url, *query ? query + 1 : query, query + strlen(query), true, error) ||
	    !check(url, error))
		return NULL;
	return g_steal_pointer(&url);
}

void pkcs11_url_free(Pkcs11Url *url)
{
	if (!url)
		return;
	for (unsigned i = 0; i < PKCS11_URL_N_PARTS; i++)
		g_clear_pointer(&url->parts[i], g_bytes_unref);
	g_free(url->shown);
	secret_free(url->pin);
	g_free(url->pin_source);
	g_free(url);
}

bool pkcs11_url_matches(const Pkcs11Url *url, Pkcs11UrlPart part, const void *value, size_t size)
{
	GBytes *wanted = url->parts[part];

	return !wanted || (g_bytes_get_size(wanted) == size &&
	                   (size == 0 || !memcmp(g_bytes_get_data(wanted, NULL), value, size)));
}

void pkcs11_url_append(GString *url, const char *name, const void *value, size_t size)
{
	const uint8_t *bytes = value;

	if (size == 0)
		return;
	g_string_append_printf(url, "%s%s=", g_str_equal(url->str, SCHEME) ? "" : ";", name);
	for (size_t i = 0; i < size; i++) {
		if (g_ascii_isalnum(bytes[i]) || (bytes[i] && strchr(PLAIN_MARK, bytes[i])))
			g_string_append_c(url, (char)bytes[i]);
		else
			g_string_append_printf(url, "%%%02X", bytes[i]);
	}
}
