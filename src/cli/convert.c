/* SPDX-License-Identifier: MIT */

/* rauc convert: RAUC makes casync's indexes with it; here it runs the image converters. */

#include "bundle/convert.h"

#include "base/error.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "cli/signing.h"
#include "cli/trusted.h"

static bool check_wishes(const Options *options, GError **error)
{
	if (!options->to)
		return fail(
			error, FAILURE_UNSUPPORTED,
			"conversion to casync index bundles is not supported. For smaller "
			"downloads put adaptive=block-hash-index into the manifest and make the "
			"bundle anew; --to=tar-extract converts the archives in it");
	return !options->casync_args ||
	       fail(error, FAILURE_USAGE, "--casync-args has no meaning with --to");
}

static bool convert(const Options *options, Config *config, Bundle *bundle, GError **error)
{
	g_auto(Signing) signing = { 0 };
	g_autoptr(Pool) pool = command_pool();

	if (!signing_load(&signing, options, config, error))
		return false;

	BundleConvert request = {
		.output = options->arguments[3],
		.methods = (const char *const *)options->to,
		.ignored = (const char *const *)options->ignore_image,
		.pack = { .key = signing.key,
		          .check = signing.check,
		          .mksquashfs_args = options->mksquashfs_args,
		          .pool = pool },
	};
	return bundle_convert(bundle, &request, error);
}

int command_convert(const Options *options)
{
	g_autoptr(GError) error = NULL;

	if (!check_wishes(options, &error)) {
		output_complain("Failed to create bundle: %s", error->message);
		return 1;
	}

	g_autoptr(Config) config = conf_load(options, CONF_NONE, &error);
	g_autoptr(Bundle) bundle =
		config ? trusted_open(options, config, options->arguments[2], &error) : NULL;
	if (!bundle) {
		output_complain("%s", error->message);
		return 1;
	}
	if (!convert(options, config, bundle, &error)) {
		output_complain("Failed to create bundle: %s", error->message);
		return 1;
	}
	output_text("Bundle written to %s\n", options->arguments[3]);
	return 0;
}
