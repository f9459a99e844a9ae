/* SPDX-License-Identifier: MIT */

#include "cli/signing.h"

#include "base/error.h"
#include "cli/moment.h"
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

static bool add_judge(Signing *signing, const Config *config, Judge what, GError **error)
{
	ConfigKeyring rules = config->keyring;
	g_autoptr(Judge) judge = g_new0(Judge, 1);

	rules.path = what.path;
	rules.directory = NULL;
	judge->kind = what.kind;
	judge->path = g_strdup(what.path);
	judge->next_cert = g_strdup(what.next_cert);
	judge->keyring = trust_load(&rules, false, error);
	if (!judge->keyring)
		return false;
	g_ptr_array_add(signing->judges, g_steal_pointer(&judge));
	return true;
}

static bool add_judges(Signing *signing, const Options *options, const Config *config,
                       GError **error)
{
	signing->judges = g_ptr_array_new_with_free_func((GDestroyNotify)judge_free);
	for (char **path = options->deployed_keyring; path && *path; path++) {
		if (!add_judge(signing, config, (Judge){ JUDGE_DEPLOYED, *path, NULL, NULL },
		               error))
			return false;
	}
	if (options->next_cert && !options->carries_keyring)
		return fail(error, FAILURE_USAGE,
		            "--next-cert says who will sign the next bundle: give the keyring this "
		            "one carries with --carries-keyring");
	for (char **path = options->carries_keyring; path && *path; path++) {
		if (!add_judge(signing, config,
		               (Judge){ JUDGE_CARRIED, *path, NULL, options->next_cert }, error))
			return false;
	}
	return true;
}

static KeyringContent *load_content(const char *path, GError **error)
{
	KeyringRules rules = { .path = path };

	return keyring_content_load(&rules, error);
}

/* A revocation that devices know of must not be undone. */
static bool check_newer(const Options *options, const Config *config, GError **error)
{
	if (!config->keyring.check_crl || !options->deployed_keyring || !options->carries_keyring)
		return true;
	for (char **next = options->carries_keyring; *next; next++) {
		g_autoptr(KeyringContent) carried = load_content(*next, error);

		for (char **present = options->deployed_keyring; carried && *present; present++) {
			g_autoptr(KeyringContent) deployed = load_content(*present, error);

			if (deployed && keyring_health_check_newer(carried, deployed, error))
				continue;
			g_prefix_error(error,
			               "carried keyring %s must not replace deployed keyring %s: ",
			               *next, *present);
			return false;
		}
		if (!carried)
			return false;
	}
	return true;
}

static bool set_until(Signing *signing, const Options *options, GError **error)
{
	if (!options->accepted_until)
		return true;
	if (!moment_parse(options->accepted_until, "--accepted-until", &signing->check.until,
	                  error))
		return false;
	if (signing->check.until <= g_get_real_time() / G_USEC_PER_SEC)
		return fail(error, FAILURE_USAGE, "--accepted-until: %s is not in the future",
		            options->accepted_until);
	if (!signing->keyring && !signing->judges->len)
		return fail(error, FAILURE_USAGE,
		            "--accepted-until needs somebody to ask: give --deployed-keyring or "
		            "--signing-keyring");
	return true;
}

/* Making a large bundle takes minutes: whoever refuses this signer says so before. */
static bool ask_early(const Signing *signing, const Options *options, GError **error)
{
	for (unsigned i = 0; i < signing->judges->len; i++) {
		if (!judge_check_signer(signing->judges->pdata[i], options->cert,
		                        (const char *const *)options->intermediate,
		                        signing->check.until, error))
			return false;
	}
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
	if (trusted.path || trusted.directory) {
		signing->keyring = trust_load(&trusted, false, error);
		if (!signing->keyring)
			return false;
	}
	if (!add_judges(signing, options, config, error) || !check_newer(options, config, error))
		return false;
	signing->check.keyring = signing->keyring;
	signing->check.keyring_name = trusted.path ? trusted.path : trusted.directory;
	signing->check.judges = signing->judges;
	return set_until(signing, options, error) && ask_early(signing, options, error);
}

void signing_clear(Signing *signing)
{
	g_clear_pointer(&signing->key, sign_key_free);
	g_clear_pointer(&signing->keyring, keyring_free);
	g_clear_pointer(&signing->judges, g_ptr_array_unref);
}
