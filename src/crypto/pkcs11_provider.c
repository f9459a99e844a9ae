/* SPDX-License-Identifier: MIT */

/*
 * The provider "pkcs11" of OpenSSL 3. What openssl.cnf says of it stands; where
 * it says nothing, the provider is activated here as openssl.cnf would do it,
 * with the module as its parameter.
 */

#include "crypto/pkcs11_provider.h"

#include "base/error.h"

#ifdef HAVE_PKCS11_PROVIDER

#include <openssl/conf.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>

#include "crypto/reason.h"

static void store_close(OSSL_STORE_CTX *store)
{
	OSSL_STORE_close(store);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_STORE_CTX, store_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OSSL_STORE_INFO, OSSL_STORE_INFO_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(UI_METHOD, UI_destroy_method)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CONF, NCONF_free)

static const char activation[] = "openssl_conf = init\n"
				 "[init]\n"
				 "providers = list\n"
				 "[list]\n"
				 "pkcs11 = token\n"
				 "[token]\n"
				 "activate = 1\n"
				 "pkcs11-module-path = ";

/* A value of openssl.cnf. */
static char *escape(const char *value)
{
	GString *escaped = g_string_new(NULL);

	for (const char *at = value; *at; at++) {
		if (strchr("\\$\"'`#", *at))
			g_string_append_c(escaped, '\\');
		g_string_append_c(escaped, *at);
	}
	return g_string_free(escaped, FALSE);
}

bool pkcs11_provider_is_there(const char *module)
{
	REASON_SCOPE;
	g_autofree char *escaped = escape(module);
	g_autofree char *text = g_strconcat(activation, escaped, "\n", NULL);
	g_autoptr(BIO) bio = BIO_new_mem_buf(text, -1);
	g_autoptr(CONF) conf = NCONF_new(NULL);

	/* This brings up those that are there by default, which naming one would leave out. */
	if (OSSL_PROVIDER_available(NULL, "pkcs11"))
		return true;
	if (strpbrk(module, "\r\n"))
		return false;
	return NCONF_load_bio(conf, bio, NULL) > 0 && CONF_modules_load(conf, NULL, 0) > 0 &&
	       OSSL_PROVIDER_available(NULL, "pkcs11");
}

static int give_pin(char *to, int size, int is_writing G_GNUC_UNUSED, void *user)
{
	const char *pin = user;
	size_t length = pin ? strlen(pin) : 0;

	if (length == 0 || length > (size_t)size)
		return -1;
	memcpy(to, pin, length);
	return (int)length;
}

EVP_PKEY *pkcs11_provider_load_key(const char *url, const char *pin, GError **error)
{
	REASON_SCOPE;
	g_autoptr(UI_METHOD) ui = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
	g_autoptr(OSSL_STORE_CTX) store =
		ui ? OSSL_STORE_open(url, ui, (void *)pin, NULL, NULL) : NULL;

	while (store && !OSSL_STORE_eof(store)) {
		g_autoptr(OSSL_STORE_INFO) info = OSSL_STORE_load(store);

		if (!info)
			break;
		if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
			return OSSL_STORE_INFO_get1_PKEY(info);
	}
	return reason_fail_null(error, FAILURE_CONFIG,
	                        "OpenSSL's provider 'pkcs11' cannot use private key %s", url);
}

#else

bool pkcs11_provider_is_there(const char *module G_GNUC_UNUSED)
{
	return false;
}

EVP_PKEY *pkcs11_provider_load_key(const char *url G_GNUC_UNUSED, const char *pin G_GNUC_UNUSED,
                                   GError **error)
{
	return fail_null(error, FAILURE_UNSUPPORTED, "this build does not use OpenSSL's providers");
}

#endif
