/* SPDX-License-Identifier: MIT */

/* rauc extract: the content of a bundle as a folder. */

#include "bundle/extract.h"

#include "base/path.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "cli/trusted.h"

static Bundle *open_bundle(const Options *options, GError **error)
{
	g_autoptr(Config) config = conf_load_decrypting(options, CONF_AUTO, error);
	g_autofree char *path = path_resolve(NULL, options->arguments[2]);

	return config ? trusted_open(options, config, path, error) : NULL;
}

int command_extract(const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Bundle) bundle = open_bundle(options, &error);

	if (!bundle) {
		output_complain("%s", error->message);
		return 1;
	}
	if (bundle_open_payload(bundle, &error) &&
	    extract_bundle(bundle, options->arguments[3], &error))
		return 0;
	output_complain("Failed to extract bundle: %s", error->message);
	return 1;
}
