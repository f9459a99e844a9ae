/* SPDX-License-Identifier: MIT */

#include "cli/trusted.h"

#include "system/trust.h"

Bundle *trusted_open(const Options *options, const Config *config, const char *path, GError **error)
{
	g_autoptr(Keyring) keyring = NULL;

	if (!options->no_verify) {
		keyring = trust_load(&config->keyring, options->no_check_time, error);
		if (!keyring)
			return NULL;
	}

	StreamAccess access = options_access(options);
	BundleFile *file = trust_open_file(config, path, &access, error);
	if (!file || options->no_verify)
		return file ? bundle_believe(file, error) : NULL;

	BundleRules rules = {
		.keyring = keyring,
		.formats = config->bundle_formats,
		.trust_environment = options->trust_environment,
	};
	return bundle_verify(file, &rules, error);
}
