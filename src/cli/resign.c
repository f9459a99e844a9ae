/* SPDX-License-Identifier: MIT */

/* rauc resign: the same payload, signed by somebody else or by one more. */

#include "bundle/resign.h"

#include "base/error.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/reworking.h"
#include "cli/signing.h"

static bool resign(const Options *options, const Reworking *reworking, GError **error)
{
	g_auto(Signing) signing = { 0 };

	if (!signing_load(&signing, options, reworking->config, error))
		return false;
	if (options->append && signing.judges->len)
		return fail(
			error, FAILURE_REJECTED,
			"no deployed keyring would accept the result: devices install only bundles "
			"that exactly one key has signed. Resign without --append");

	Resign request = { .rework = reworking->rework, .check = signing.check };
	output_text("Resigning '%s' format bundle\n", manifest_format_name(reworking->format));
	return options->append ? resign_append(&request, signing.key, error)
	                       : resign_bundle(&request, signing.key, error);
}

int command_resign(const Options *options)
{
	g_auto(Reworking) reworking = { 0 };
	g_autoptr(GError) error = NULL;

	if (!signing_is_given(options))
		return 1;
	if (!reworking_open(&reworking, options, options->arguments[3], &error)) {
		output_complain("%s", error->message);
		return 1;
	}
	if (resign(options, &reworking, &error))
		return 0;
	output_complain("Failed to resign bundle: %s", error->message);
	return 1;
}
