/* SPDX-License-Identifier: MIT */

#include "crypto/pkcs11.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "crypto/pkcs11_engine.h"
#include "crypto/pkcs11_provider.h"
#include "crypto/pkcs11_token.h"
#include "crypto/reason.h"

#define PIN_FILE_MAX 4096

/* A PKCS#11 module is one for the whole process, and so is what OpenSSL knows of it:
 * whoever loads something from a token does so alone. Using a key needs no lock. */
G_LOCK_DEFINE_STATIC(pkcs11_module);

bool pkcs11_is_url(const char *path)
{
	return g_str_has_prefix(path, "pkcs11:");
}

char *pkcs11_show(const char *path)
{
	return pkcs11_is_url(path) ? pkcs11_url_redact(path) : g_strdup(path);
}

static void pin_free(char *pin)
{
	if (pin)
		OPENSSL_cleanse(pin, strlen(pin));
	g_free(pin);
}
typedef char Pin;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pin, pin_free)

/* The first line of the file: a path, or the same as file:/path or file:///path. */
static Pin *read_pin(const char *source, GError **error)
{
	const char *path = source;
	size_t size;

	if (g_str_has_prefix(source, "file:"))
		path += strlen(g_str_has_prefix(source, "file:///") ? "file://" : "file:");
	if (*path != '/')
		return fail_null(error, FAILURE_CONFIG,
		                 "pin-source=%s: it must be the absolute path of a file", source);
	g_autoptr(Pin) pin = file_read(path, PIN_FILE_MAX, &size, error);
	if (!pin) {
		g_prefix_error(error, "pin-source: ");
		return NULL;
	}
	pin[strcspn(pin, "\r\n")] = '\0';
	if (!*pin)
		return fail_null(error, FAILURE_CONFIG, "pin-source: %s has no PIN", path);
	return g_steal_pointer(&pin);
}

/* `*pin` is NULL where there is none, which is no error by itself. */
static bool find_pin(const Pkcs11Url *url, Pin **pin, GError **error)
{
	const char *environment = g_getenv("RAUC_PKCS11_PIN");

	if (url->pin_source) {
		*pin = read_pin(url->pin_source, error);
		return *pin != NULL;
	}
	if (url->pin && *url->pin)
		*pin = g_strdup(url->pin);
	else if (environment && *environment)
		*pin = g_strdup(environment);
	return true;
}

static const char *type_of(CkClass kind)
{
	return kind == CKO_CERTIFICATE ? "cert" : "private";
}

#if defined(HAVE_PKCS11_ENGINE) || defined(HAVE_PKCS11_PROVIDER)
static bool check_built_in(const Pkcs11Url *url G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	return true;
}
#else
static bool check_built_in(const Pkcs11Url *url, GError **error)
{
	return fail(error, FAILURE_UNSUPPORTED,
	            "%s: PKCS#11 tokens are not supported by this build, give a PEM file",
	            url->shown);
}
#endif

/* What the URL means; the PIN that opened it comes out too. */
static Pkcs11Object *find(const char *text, CkClass kind, Pin **pin, GError **error)
{
	g_autoptr(Pkcs11Url) url = pkcs11_url_parse(text, error);
	const char *type = type_of(kind);

	if (!url || !check_built_in(url, error))
		return NULL;
	if (!pkcs11_url_matches(url, PKCS11_URL_TYPE, type, strlen(type)))
		return fail_null(error, FAILURE_CONFIG, "%s: type=%s is needed here", url->shown,
		                 type);
	if (!find_pin(url, pin, error))
		return NULL;
	return pkcs11_token_find(url, kind, *pin, error);
}

static X509 *parse_cert(const Pkcs11Object *object, GError **error)
{
	const unsigned char *der;
	gsize size = 0;

	if (!object->value)
		return fail_null(error, FAILURE_FORMAT, "certificate %s has no value", object->url);
	der = g_bytes_get_data(object->value, &size);
	X509 *cert = d2i_X509(NULL, &der, (long)size);
	if (!cert)
		return reason_fail_null(error, FAILURE_FORMAT, "cannot read certificate %s",
		                        object->url);
	return cert;
}

X509 *pkcs11_load_cert(const char *url, GError **error)
{
	REASON_SCOPE;
	g_autoptr(Pin) pin = NULL;

	G_LOCK(pkcs11_module);
	g_autoptr(Pkcs11Object) object = find(url, CKO_CERTIFICATE, &pin, error);
	G_UNLOCK(pkcs11_module);
	return object ? parse_cert(object, error) : NULL;
}

static EVP_PKEY *load_key(const char *url, GError **error)
{
	g_autoptr(Pin) pin = NULL;
	g_autoptr(Pkcs11Object) object = find(url, CKO_PRIVATE_KEY, &pin, error);

	if (!object)
		return NULL;
	const char *module = pkcs11_token_module();
	if (pkcs11_provider_is_there(module))
		return pkcs11_provider_load_key(object->url, pin, error);
	return pkcs11_engine_load_key(object->url, module, pin, error);
}

EVP_PKEY *pkcs11_load_key(const char *url, GError **error)
{
	REASON_SCOPE;

	G_LOCK(pkcs11_module);
	EVP_PKEY *key = load_key(url, error);
	G_UNLOCK(pkcs11_module);
	return key;
}

bool pkcs11_check_key(const char *path, GError **error)
{
	g_autoptr(Pin) pin = NULL;

	if (!pkcs11_is_url(path))
		return true;
	G_LOCK(pkcs11_module);
	g_autoptr(Pkcs11Object) object = find(path, CKO_PRIVATE_KEY, &pin, error);
	G_UNLOCK(pkcs11_module);
	return object != NULL;
}
