/* SPDX-License-Identifier: MIT */

/* rauc encrypt: a bundle of format crypt, for those who have one of some keys. */

#include "bundle/encrypt.h"

#include "base/error.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/reworking.h"

bool command_encrypt_is_given(const Options *options)
{
	if (options->to && *options->to)
		return true;
	output_complain("One or multiple recipient certificates must be provided (via --to)");
	return false;
}

int command_encrypt(const Options *options)
{
	g_auto(Reworking) reworking = { 0 };
	g_autoptr(GError) error = NULL;
	unsigned n;

	if (!reworking_open(&reworking, options, options->arguments[3], &error)) {
		output_complain("%s", error->message);
		return 1;
	}
	/* a check of encrypt_bundle() too, but here the output does not matter yet */
	if (reworking.format != MANIFEST_CRYPT)
		fail(&error, FAILURE_REJECTED,
		     "Refused to encrypt input bundle that is not in 'crypt' format.");
	else if (encrypt_bundle(&reworking.rework, (const char *const *)options->to, &n, &error)) {
		g_message("Encrypted for %u %s", n, n == 1 ? "recipient" : "recipients");
		output_text("Encrypted bundle written to %s\n", options->arguments[3]);
		return 0;
	}
	output_complain("Failed to create bundle: %s", error->message);
	return 1;
}
