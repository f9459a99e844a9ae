/* SPDX-License-Identifier: MIT */

/* rauc replace-signature: a signature that was made elsewhere, for keys that never leave a room. */

#include "base/error.h"
#include "base/file.h"
#include "bundle/resign.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/reworking.h"
#include "system/trust.h"

#define MAX_SIGNATURE (16 * 1024 * 1024)

static GBytes *load_signature(const char *path, GError **error)
{
	VerifyCmsKind kind;
	size_t size;
	char *data = file_read(path, MAX_SIGNATURE, &size, error);

	if (!data)
		return NULL;
	g_autoptr(GBytes) cms = g_bytes_new_take(data, size);
	if (!verify_cms_kind(cms, &kind, error)) {
		g_prefix_error(error, "%s: ", path);
		return NULL;
	}
	return g_steal_pointer(&cms);
}

/* A keyring that is known is asked, also with --no-verify, which is about the old signature. */
static bool load_keyring(const Options *options, const Config *config, Keyring **keyring,
                         GError **error)
{
	ConfigKeyring trusted = config->keyring;

	if (options->signing_keyring) {
		trusted.path = options->signing_keyring;
		trusted.directory = NULL;
	}
	if (!trusted.path && !trusted.directory) {
		g_message("No keyring given, disabling signature verification");
		return true;
	}
	g_message("Keyring given, enabling signature verification");
	*keyring = trust_load(&trusted, false, error);
	return *keyring != NULL;
}

static bool replace(const Options *options, const Reworking *reworking, GError **error)
{
	g_autoptr(GBytes) cms = load_signature(options->arguments[3], error);
	g_autoptr(Keyring) keyring = NULL;

	if (!cms || !load_keyring(options, reworking->config, &keyring, error))
		return false;

	Resign request = { .rework = reworking->rework, .check = { .keyring = keyring } };
	output_text("Replacing signature for '%s format bundle\n",
	            manifest_format_name(reworking->format));
	return resign_replace(&request, cms, error);
}

int command_replace_signature(const Options *options)
{
	g_auto(Reworking) reworking = { 0 };
	g_autoptr(GError) error = NULL;

	if (!reworking_open(&reworking, options, options->arguments[4], &error)) {
		output_complain("%s", error->message);
		return 1;
	}
	if (replace(options, &reworking, &error))
		return 0;
	output_complain("Failed to replace signature: %s", error->message);
	return 1;
}
