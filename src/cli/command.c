/* SPDX-License-Identifier: MIT */

#include "cli/command.h"

#include <string.h>

#include "base/log.h"
#include "cli/output.h"
#include "cli/signing.h"

#ifndef RAUC_VERSION
#define RAUC_VERSION "0.0.0"
#endif

/* The RAUC whose interfaces these are, and who we are. */
#define RAUC_LEVEL "1.16"

#define MAX_WORKERS 4

typedef struct {
	const char *name;
	const char *short_summary; /* in the list of verbs */
	OptionsHelp help;
	const char *missing[3]; /* what to say for each argument that is not there */
	int (*run)(const Options *options);
	/* What must be given besides arguments, NULL: nothing; complains itself. */
	bool (*is_given)(const Options *options);
	bool counts_itself; /* the verb checks its arguments */
} Verb;

#define NEEDS_BUNDLE                                    \
	{                                               \
		"A bundle path or URL must be provided" \
	}
#define NEEDS_TWO(in, out)                                                               \
	{                                                                                \
		"An input " in " must be provided", "An output " out " must be provided" \
	}

#define STATUS_EPILOGUE                                                          \
	"List of status commands (default slot is the currently booted slot):\n" \
	"  mark-good [booted | other | <SLOT_NAME>]    Mark the slot as good\n"  \
	"  mark-bad [booted | other | <SLOT_NAME>]     Mark the slot as bad\n"   \
	"  mark-active [booted | other | <SLOT_NAME>]  Mark the slot as active"

/* clang-format off */
static const Verb verbs[] = {
	{ "bundle", "Create a bundle",
	  { "bundle <INPUTDIR> <BUNDLENAME>", "Create a bundle from a content directory",
	    "Bundle options:", NULL, options_bundle },
	  NEEDS_TWO("directory name", "bundle name"), command_bundle, NULL, false },
	{ "resign", "Resign an already signed bundle",
	  { "resign <INBUNDLE> <OUTBUNDLE>", "Resign an already signed bundle",
	    "Resign options:", NULL, options_resign },
	  NEEDS_TWO("bundle", "bundle"), command_resign, NULL, false },
	{ "convert", "Convert to casync index bundle and store",
	  { "convert <INBUNDLE> <OUTBUNDLE>", "Convert to casync index bundle and store",
	    "Convert options:", NULL, options_convert },
	  NEEDS_TWO("bundle", "bundle name"), command_convert, signing_is_given, false },
	{ "encrypt", "Encrypt a crypt bundle",
	  { "encrypt <INBUNDLE> <OUTBUNDLE>", "Encrypt a crypt bundle", "Encryption options:", NULL,
	    options_encrypt },
	  NEEDS_TWO("bundle", "bundle name"), command_encrypt, command_encrypt_is_given, false },
	{ "replace-signature", "Replaces the signature of an already signed bundle",
	  { "replace-signature <INBUNDLE> <INPUTSIG> <OUTBUNDLE>",
	    "Replaces the signature of an already signed bundle", "Replace signature options:", NULL,
	    options_replace_signature },
	  { "An input bundle must be provided", "An input signature file must be provided",
	    "An output bundle must be provided" },
	  command_replace_signature, NULL, false },
	{ "extract-signature", "Extract the bundle signature",
	  { "extract-signature <BUNDLENAME> <OUTPUTSIG>", "Extract the bundle signature",
	    "Extract signature options:", NULL, options_extract },
	  NEEDS_TWO("bundle", "signature file"), command_extract_signature, NULL, false },
	{ "extract", "Extract the bundle content",
	  { "extract <BUNDLENAME> <OUTPUTDIR>", "Extract the bundle content",
	    "Extract options:", NULL, options_extract },
	  NEEDS_TWO("bundle", "directory"), command_extract, NULL, false },
	{ "install", "Install a bundle",
	  { "install <BUNDLE>", "Install a bundle", "Install options:", NULL, options_install },
	  NEEDS_BUNDLE, command_install, NULL, false },
	{ "info", "Show bundle information",
	  { "info <BUNDLE>", "Print bundle info", "Info options:", NULL, options_info },
	  NEEDS_BUNDLE, command_info, NULL, false },
	{ "keyring", "Show what a keyring trusts, until when, and what to do",
	  { "keyring status [<BUNDLE>...]", "Show what a keyring trusts, until when, and what to do next.\n"
	    "With bundles: whether and how long it accepts each of them.",
	    "Keyring options:", NULL, options_keyring },
	  { NULL }, command_keyring, NULL, true },
	{ "doctor", "Check this device end to end, and say what to do",
	  { "doctor", "Check this device end to end without changing it. Says what is wrong, where, why it matters\n"
	    "and what to do. Exits with 1 if there are errors; warnings and hints alone are 0.",
	    "Doctor options:", NULL, options_doctor },
	  { NULL }, command_doctor, NULL, false },
	{ "mount", "Mount a bundle",
	  { "mount <BUNDLENAME>", "Mount a bundle (for development purposes)", NULL, NULL, NULL },
	  NEEDS_BUNDLE, command_mount, NULL, false },
	{ "service", "Start RAUC service",
	  { "service", "Start RAUC service", "Service options:", NULL, options_service },
	  { NULL }, command_service, NULL, false },
	{ "status", "Show status",
	  { "status", "Show system status\n\n" STATUS_EPILOGUE, "Status options:", NULL,
	    options_status },
	  { NULL }, command_status, NULL, true },
	{ "update", "Look for an update, and install it",
	  { "update", "Ask the server for its bundle, and install it if it is new for this device.\n"
	    "The address: --url, RAUC_BUNDLE_URL (of the environment, or of update.env beside system.conf),\n"
	    "or url= in [update] or [polling] of system.conf.",
	    "Update options:", NULL, options_update },
	  { NULL }, command_update, NULL, false },
	{ "write-slot", "Write image to slot and bypass all update logic",
	  { "write-slot <SLOTNAME> <IMAGE>",
	    "Manually write image to slot (using slot update handler).\n"
	    "This bypasses all other update logic and is for development or special use only!",
	    "Write-slot options:", NULL, options_write_slot },
	  { "A target slot name must be provided", "An image must be provided" },
	  command_write_slot, NULL, false },
};
/* clang-format on */

static const Verb *find_verb(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
		if (g_str_equal(verbs[i].name, name))
			return &verbs[i];
	}
	return NULL;
}

/* The help of the program: options, verbs, environment. */
static void print_help(void)
{
	g_autoptr(GString) below = g_string_new("Command-specific help:\n"
	                                        "  rauc <COMMAND> --help\n\n"
	                                        "List of rauc commands:\n");

	for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++)
		g_string_append_printf(below, "  %-19s %s\n", verbs[i].name,
		                       verbs[i].short_summary);
	g_string_append(below,
	                "\nEnvironment variables:\n"
	                "  RAUC_KEY_PASSPHRASE  Passphrase of the key given with --key\n"
	                "  RAUC_PKCS11_MODULE   Library of the PKCS#11 token, for pkcs11: URLs\n"
	                "  RAUC_PKCS11_PIN      PIN of the token\n"
	                "  NO_COLOR             If not empty: no colours on a terminal");

	OptionsHelp help = { .parameters = "<COMMAND>", .epilogue = below->str };
	g_autofree char *text = options_format_help(&help);
	output_text("%s", text);
}

static void print_verb_help(const Verb *verb)
{
	g_autofree char *text = options_format_help(&verb->help);

	output_text("%s", text);
}

static bool check_count(const Verb *verb, const Options *options)
{
	unsigned n_given = options->n_arguments - 2, n = 0;

	while (n < G_N_ELEMENTS(verb->missing) && verb->missing[n])
		n++;
	if (verb->counts_itself || n_given == n)
		return true;
	if (n_given < n)
		output_complain("%s", verb->missing[n_given]);
	else
		output_complain("Excess argument: %s", options->arguments[2 + n]);
	return false;
}

static int run_verb(const Verb *verb, Options *options)
{
	g_autoptr(GError) error = NULL;

	if (options->wants_help) {
		print_verb_help(verb);
		return 0;
	}
	if (!options_parse_verb(options, &verb->help, &error)) {
		output_complain("%s", error->message);
		print_verb_help(verb);
		return 1;
	}
	if ((verb->is_given && !verb->is_given(options)) || !check_count(verb, options))
		return 1;
	return verb->run(options);
}

/* The verb, moved to options->arguments[1]: the first argument that is no option. */
static const char *take_verb_name(Options *options)
{
	GStrv arguments = options->arguments;

	for (unsigned i = 1; i < options->n_arguments; i++) {
		char *name = arguments[i];

		if (*name == '-')
			continue;
		memmove(arguments + 2, arguments + 1, (i - 1) * sizeof *arguments);
		arguments[1] = name;
		return name;
	}
	return NULL;
}

static int run_without_verb(const Options *options)
{
	if (options->wants_version) {
		output_text("rauc " RAUC_LEVEL " (moonforge-rauc " RAUC_VERSION ")\n");
		return 0;
	}
	if (options->n_arguments > 1)
		output_complain("Unknown option %s", options->arguments[1]);
	print_help();
	return options->wants_help && options->n_arguments == 1 ? 0 : 1;
}

static int run(char *const *argv, OptionsServe serve)
{
	g_auto(Options) options = { .serve = serve };
	g_autoptr(GError) error = NULL;

	if (!options_parse_global(&options, argv, &error)) {
		output_complain("%s", error->message);
		return 1;
	}
	log_init(options.is_debug);

	const char *name = take_verb_name(&options);
	if (!name)
		return run_without_verb(&options);
	if (g_str_equal(name, "help"))
		return 0;

	const Verb *verb = find_verb(name);
	if (verb)
		return run_verb(verb, &options);
	output_text("Invalid command '%s' given\n", name);
	print_help();
	return 1;
}

int command_run(char *const *argv, OptionsServe serve)
{
	return output_finish(run(argv, serve));
}

Pool *command_pool(void)
{
	unsigned workers = pool_default_workers(MAX_WORKERS);

	return pool_new(workers, workers * 2 + 1);
}
