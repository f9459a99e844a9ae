/* SPDX-License-Identifier: MIT */

#include "cli/trusted.h"

#include "system/trust.h"

Bundle *trusted_open(const Options *options, const Config *config, const char *path, GError **error)
{
	g_autoptr(Keyring) keyring = trust_load(&config->keyring, options->no_check_time, error);

	if (!keyring)
		return NULL;

	BundleFile *file = bundle_file_open(path, config->max_bundle_signature_size, error);
	BundleRules rules = {
		.keyring = keyring,
		.formats = config->bundle_formats,
		.trust_environment = options->trust_environment,
	};
	return file ? bundle_verify(file, &rules, error) : NULL;
}
