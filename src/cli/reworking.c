/* SPDX-License-Identifier: MIT */

#include "cli/reworking.h"

#include "cli/command.h"
#include "cli/conf.h"
#include "cli/trusted.h"
#include "system/trust.h"

/* Who may write the input does not matter: what is used is a copy of it. */
static Bundle *look(const Options *options, const Config *config, GError **error)
{
	Options relaxed = *options;

	relaxed.trust_environment = true;
	return trusted_open(&relaxed, config, options->arguments[2], error);
}

bool reworking_open(Reworking *reworking, const Options *options, const char *output,
                    GError **error)
{
	reworking->config = conf_load(options, CONF_NONE, error);
	if (!reworking->config)
		return false;
	if (!options->no_verify) {
		reworking->keyring =
			trust_load(&reworking->config->keyring, options->no_check_time, error);
		if (!reworking->keyring)
			return false;
	}

	g_autoptr(Bundle) bundle = look(options, reworking->config, error);
	if (!bundle)
		return false;
	reworking->format = bundle_manifest(bundle)->format;
	reworking->pool = command_pool();
	reworking->decrypt = trust_decryption(reworking->config);
	reworking->rules = (BundleRules){ .keyring = reworking->keyring,
		                          .formats = reworking->config->bundle_formats };
	reworking->rework = (Rework){
		.input = options->arguments[2],
		.output = output,
		.max_cms = reworking->config->max_bundle_signature_size,
		.rules = reworking->keyring ? &reworking->rules : NULL,
		.decrypt = &reworking->decrypt,
		.pool = reworking->pool,
	};
	return true;
}

void reworking_clear(Reworking *reworking)
{
	g_clear_pointer(&reworking->pool, pool_free);
	g_clear_pointer(&reworking->keyring, keyring_free);
	g_clear_pointer(&reworking->config, config_free);
}
