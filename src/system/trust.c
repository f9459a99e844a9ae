/* SPDX-License-Identifier: MIT */

#include "system/trust.h"

#include "base/error.h"

Keyring *trust_load(const ConfigKeyring *config, bool no_check_time, GError **error)
{
	KeyringRules rules = {
		.path = config->path,
		.directory = config->directory,
		.check_crl = config->check_crl,
		.allow_partial_chain = config->allow_partial_chain,
		.use_bundle_signing_time = config->use_bundle_signing_time,
		.no_check_time = no_check_time,
		.check_purpose = config->check_purpose,
		.allowed_signer_cns = (const char *const *)config->allowed_signer_cns,
	};

	if (!config->path && !config->directory)
		return fail_null(error, FAILURE_CONFIG, "No keyring file or directory provided");
	return keyring_load(&rules, error);
}

KeyringContent *trust_load_content(const ConfigKeyring *config, GError **error)
{
	KeyringRules rules = { .path = config->path, .directory = config->directory };

	return keyring_content_load(&rules, error);
}

KeyringHealth *trust_health(const ConfigKeyring *config)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	g_autoptr(GError) error = NULL;

	if (!config->path && !config->directory)
		return NULL;
	g_autoptr(KeyringContent) content = trust_load_content(config, &error);
	return content ? keyring_health_judge(content, config, now)
	               : keyring_health_unreadable(error->message, now);
}
