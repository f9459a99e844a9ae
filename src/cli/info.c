/* SPDX-License-Identifier: MIT */

/* rauc info: open, verify, show. */

#include "base/error.h"
#include "bundle/bundle.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/location.h"
#include "cli/output.h"
#include "system/trust.h"
#include "cli/show_info.h"

#define NOT_ENCRYPTED "No recipient data to dump (bundle is not encrypted)\n"

typedef struct {
	const Options *options;
	OutputFormat format;
	ShowInfo shown;
	GBytes *cms, *envelope; /* NULL as envelope: it was not encrypted */
} Info;

/* What is asked for besides, in the place and with the empty lines RAUC has. */
static bool dump(const Info *info, GError **error)
{
	if (info->options->dump_cert) {
		g_autofree char *text = verify_cms_dump_cert(info->cms, error);

		if (!text)
			return false;
		output_text("%s%s\n", text, g_str_has_suffix(text, "\n") ? "" : "\n");
	}
	if (info->options->dump_recipients) {
		g_autofree char *text = info->envelope ? envelope_recipients(info->envelope, error)
		                                       : g_strdup(NOT_ENCRYPTED);

		if (!text)
			return false;
		output_text("%s\n", text);
	}
	return true;
}

static bool print(const Info *info, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GString) signers = g_string_new(NULL);

	show_info(text, &info->shown, info->format, output_look());
	output_result(info->format, text);
	if (!dump(info, error))
		return false;
	show_info_signers(signers, &info->shown);
	if (info->format == OUTPUT_READABLE)
		output_result(info->format, signers);
	return true;
}

static bool print_unverified(Info *info, BundleFile *file, GError **error)
{
	g_autofree char *hash = NULL;
	g_autoptr(Manifest) manifest = bundle_file_peek(file, &hash, error);

	if (!manifest)
		return false;
	info->shown.manifest = manifest;
	info->shown.hash = hash;
	return print(info, error);
}

static bool print_verified(Info *info, BundleFile *file, const Config *config,
                           const Keyring *keyring, GError **error)
{
	BundleRules rules = { .keyring = keyring, .formats = config->bundle_formats };
	g_autoptr(Bundle) bundle = bundle_verify(file, &rules, error);

	if (!bundle)
		return false;
	info->shown.manifest = bundle_manifest(bundle);
	info->shown.hash = bundle_manifest_hash(bundle);
	info->shown.chain = signers_chain(bundle_signers(bundle));
	if (!info->shown.chain)
		return fail(error, FAILURE_UNSUPPORTED,
		            "Unsupported number of signers: more than one (%s)",
		            signers_subjects(bundle_signers(bundle)));
	return print(info, error);
}

/* Whom an envelope is for can be read without a key, and says which key is needed. */
static bool decrypt(Info *info, BundleFile *file, const Config *config, GError **error)
{
	EnvelopeKey key = trust_decryption(config);
	g_autofree char *recipients = NULL;

	info->envelope = bundle_file_envelope(file);
	if (bundle_file_decrypt(file, &key, error)) {
		info->cms = bundle_file_cms(file);
		info->shown.is_encrypted = info->envelope != NULL;
		return true;
	}
	if (info->options->dump_recipients)
		recipients = envelope_recipients(info->envelope, NULL);
	if (recipients)
		output_text("%s\n", recipients);
	return false;
}

static bool find_out(Info *info, GError **error)
{
	const Options *options = info->options;
	g_autofree char *path = location_resolve(options->arguments[2], error);

	if (!path)
		return false;

	g_autoptr(Config) config = conf_load_decrypting(options, CONF_AUTO, error);
	if (!config)
		return false;

	g_autoptr(Keyring) keyring = NULL;
	if (!options->no_verify) {
		keyring = trust_load(&config->keyring, options->no_check_time, error);
		if (!keyring)
			return false;
	}

	StreamAccess access = options_access(options);
	g_autoptr(BundleFile) file = trust_find_file(config, path, &access, error);
	if (!file || !decrypt(info, file, config, error))
		return false;
	return options->no_verify
	               ? print_unverified(info, file, error)
	               : print_verified(info, g_steal_pointer(&file), config, keyring, error);
}

int command_info(const Options *options)
{
	Info info = { .options = options };
	g_autoptr(GError) error = NULL;

	if (!output_format_by_name(options->output_format, &info.format)) {
		output_complain("Unknown output format: '%s'.", options->output_format);
		output_complain("Supported formats are: readable, json, json-pretty, json-2.");
		return 1;
	}
	if (find_out(&info, &error))
		return 0;
	output_complain("%s", error->message);
	return 1;
}
