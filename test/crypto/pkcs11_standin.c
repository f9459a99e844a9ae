/* SPDX-License-Identifier: MIT */

/*
 * Stands in for OpenSSL's provider "pkcs11", which not every system has: opens
 * any pkcs11: URL if it gets PIN 1234, and writes down what it was told.
 *
 *   STANDIN_KEY  the key it hands out, PKCS#8 in DER; none: it finds nothing
 *   STANDIN_LOG  a line for each of: module path, URL, PIN
 */

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
	int is_done;
} Store;

static void note(const char *name, const char *text)
{
	FILE *file = fopen(getenv("STANDIN_LOG"), "a");

	if (!file)
		return;
	fprintf(file, "%s=%s\n", name, text);
	fclose(file);
}

static void *store_open(void *provider, const char *url)
{
	(void)provider;
	note("url", url);
	return calloc(1, sizeof(Store));
}

static int store_eof(void *store)
{
	return ((Store *)store)->is_done;
}

static int store_close(void *store)
{
	free(store);
	return 1;
}

static int set_params(void *store, const OSSL_PARAM params[])
{
	(void)store;
	(void)params;
	return 1;
}

static int is_pin_right(OSSL_PASSPHRASE_CALLBACK *ask, void *user)
{
	char pin[64] = "";
	size_t size = 0;

	if (!ask(pin, sizeof(pin) - 1, &size, NULL, user)) {
		note("pin", "none");
		return 0;
	}
	pin[size] = '\0';
	note("pin", pin);
	return !strcmp(pin, "1234");
}

static int store_load(void *store, OSSL_CALLBACK *give, void *give_user,
                      OSSL_PASSPHRASE_CALLBACK *ask, void *ask_user)
{
	static unsigned char der[8192];
	const char *path = getenv("STANDIN_KEY");
	FILE *file = path && *path ? fopen(path, "rb") : NULL;
	int kind = OSSL_OBJECT_PKEY;

	((Store *)store)->is_done = 1;
	if (!file)
		return 0;

	size_t size = fread(der, 1, sizeof(der), file);
	fclose(file);
	if (!is_pin_right(ask, ask_user))
		return 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_DEFN(OSSL_OBJECT_PARAM_TYPE, OSSL_PARAM_INTEGER, &kind, sizeof(kind)),
		OSSL_PARAM_DEFN(OSSL_OBJECT_PARAM_DATA, OSSL_PARAM_OCTET_STRING, der, size),
		OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, (char *)"PrivateKeyInfo",
		                       14),
		OSSL_PARAM_END,
	};
	return give(params, give_user);
}

static const OSSL_DISPATCH store_functions[] = {
	{ OSSL_FUNC_STORE_OPEN, (void (*)(void))store_open },
	{ OSSL_FUNC_STORE_LOAD, (void (*)(void))store_load },
	{ OSSL_FUNC_STORE_EOF, (void (*)(void))store_eof },
	{ OSSL_FUNC_STORE_CLOSE, (void (*)(void))store_close },
	{ OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))set_params },
	{ 0, NULL },
};

static const OSSL_ALGORITHM stores[] = {
	{ "pkcs11", "provider=pkcs11", store_functions, "stand-in" },
	{ NULL, NULL, NULL, NULL },
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_STORE ? stores : NULL;
}

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
	{ 0, NULL },
};

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **provider)
{
	char *module = NULL;
	OSSL_PARAM wanted[] = {
		OSSL_PARAM_DEFN("pkcs11-module-path", OSSL_PARAM_UTF8_PTR, &module, sizeof(char *)),
		OSSL_PARAM_END,
	};

	for (; in->function_id; in++)
		if (in->function_id == OSSL_FUNC_CORE_GET_PARAMS)
			OSSL_FUNC_core_get_params(in)(core, wanted);
	note("module", module ? module : "none");
	*provider = (void *)core;
	*out = functions;
	return 1;
}
