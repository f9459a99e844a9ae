/* SPDX-License-Identifier: MIT */

#include "cli/signing.h"

#include "base/error.h"
#include "cli/output.h"
#include "system/trust.h"

bool signing_is_given(const Options *options)
{
	if (options->cert && options->key)
		return true;
	output_complain("Cert and key files must be provided");
	return false;
}

static SignKey *load_key(const Options *options, GError **error)
{
	const char *passphrase = g_getenv("RAUC_KEY_PASSPHRASE");
	SignKeyFiles files = {
		.cert_path = options->cert,
		.key_path = options->key,
		.intermediate_paths = (const char *const *)options->intermediate,
		.passphrase = passphrase && *passphrase ? passphrase : NULL,
	};

	return sign_key_load(&files, error);
}

/* Whoever signs with a key that everybody has gets to know it. */
static bool check_demo(const Signing *signing, const Config *config, GError **error)
{
	g_autofree char *demo = sign_key_demo(signing->key);

	if (demo && !config->keyring.allow_demo_keys)
		return fail(error, FAILURE_CONFIG,
		            "refusing to sign as %s: everybody has this key; make keys of your own "
		            "(pki/openssl-ca.sh), or give -C keyring:allow-demo-keys=true for a "
		            "demonstration",
		            demo);
	if (demo)
		g_warning("signing as %s: NOT FOR PRODUCTION, everybody has this key", demo);
	return true;
}

bool signing_load(Signing *signing, const Options *options, const Config *config, GError **error)
{
	ConfigKeyring trusted = config->keyring;

	signing->key = load_key(options, error);
	if (!signing->key || !check_demo(signing, config, error))
		return false;
	if (options->signing_keyring) {
		trusted.path = options->signing_keyring;
		trusted.directory = NULL;
	}
	if (!trusted.path && !trusted.directory)
		return true;
	signing->keyring = trust_load(&trusted, false, error);
	signing->check.keyring = signing->keyring;
	return signing->keyring != NULL;
}

void signing_clear(Signing *signing)
{
	g_clear_pointer(&signing->key, sign_key_free);
	g_clear_pointer(&signing->keyring, keyring_free);
}
