/* SPDX-License-Identifier: MIT */

/*
 * The engine "pkcs11" (libp11). Engines are deprecated since OpenSSL 3.0 and
 * go with 4.0; until its successor, the provider, is everywhere, this file is
 * the only one that speaks to them.
 */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/pkcs11_engine.h"

#include "base/error.h"

#ifdef HAVE_PKCS11_ENGINE

#include <openssl/engine.h>
#include <openssl/ui.h>

#include "crypto/reason.h"

static void engine_free(ENGINE *engine)
{
	ENGINE_free(engine);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ENGINE, engine_free)

static bool command(ENGINE *engine, const char *name, const char *value)
{
	return ENGINE_ctrl_cmd_string(engine, name, value, 0) == 1;
}

/*
 * OpenSSL keeps the one engine of this name in a list of its own, and it stays
 * there, initialized, until the process ends: keys that are still in use would
 * not survive its going. UI_null() asks nobody anything.
 */
EVP_PKEY *pkcs11_engine_load_key(const char *url, const char *module, const char *pin,
                                 GError **error)
{
	REASON_SCOPE;
	UI_METHOD *nobody = (UI_METHOD *)UI_null();
	g_autoptr(ENGINE) engine = ENGINE_by_id("pkcs11");

	if (!engine)
		return fail_null(
			error, FAILURE_UNSUPPORTED,
			"OpenSSL has no provider or engine for PKCS#11: install its engine "
			"'pkcs11' (Debian: libengine-pkcs11-openssl)");

	(void)command(engine, "QUIET", NULL); /* it would tell stderr, URL and all */
	if (!command(engine, "MODULE_PATH", module) || (pin && !command(engine, "PIN", pin)) ||
	    !ENGINE_ctrl_cmd(engine, "SET_USER_INTERFACE", 0, nobody, NULL, 0) ||
	    !ENGINE_init(engine))
		return reason_fail_null(error, FAILURE_CONFIG,
		                        "OpenSSL's engine 'pkcs11' does not start with module %s",
		                        module);

	/* The key is there, the caller has just seen it. But an engine does not get over a token
	 * that was pulled out and plugged in again: it goes on with what it had open before, and
	 * its command to look anew crashes in what Debian 12 has (libp11 0.4.12). */
	EVP_PKEY *loaded = ENGINE_load_private_key(engine, url, nobody, NULL);
	if (!loaded)
		return reason_fail_null(
			error, FAILURE_CONFIG,
			"OpenSSL's engine 'pkcs11' cannot use private key %s (start "
			"this program again if the token was plugged in anew)",
			url);
	return loaded;
}

#else

EVP_PKEY *pkcs11_engine_load_key(const char *url G_GNUC_UNUSED, const char *module G_GNUC_UNUSED,
                                 const char *pin G_GNUC_UNUSED, GError **error)
{
	return fail_null(error, FAILURE_UNSUPPORTED,
	                 "OpenSSL has no provider 'pkcs11' (Debian: pkcs11-provider), and this "
	                 "build does not use engines");
}

#endif
