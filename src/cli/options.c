/* SPDX-License-Identifier: MIT */

#include "cli/options.h"

#include <stddef.h>

/* clang-format off */
#define FLAG(name, letter, field, text) \
	{ name, letter, G_OPTION_ARG_NONE, offsetof(Options, field), text, NULL }
#define TEXT(name, letter, field, text, value) \
	{ name, letter, G_OPTION_ARG_STRING, offsetof(Options, field), text, value }
#define FILENAME(name, field, text, value) \
	{ name, 0, G_OPTION_ARG_FILENAME, offsetof(Options, field), text, value }
#define FILENAMES(name, field, text, value) \
	{ name, 0, G_OPTION_ARG_FILENAME_ARRAY, offsetof(Options, field), text, value }
#define LIST(name, letter, field, text, value) \
	{ name, letter, G_OPTION_ARG_STRING_ARRAY, offsetof(Options, field), text, value }
#define OPTIONS_END { NULL }

#define UNTIL_ROW \
	TEXT("accepted-until", 0, accepted_until, "every keyring given must accept it on this day too", "DATE")

#define SIGN_ROWS \
	FILENAME("cert", cert, "signing cert file or PKCS#11 URL", "PEMFILE|PKCS11-URL"), \
	FILENAME("key", key, "signing key file or PKCS#11 URL", "PEMFILE|PKCS11-URL"), \
	FILENAMES("intermediate", intermediate, "intermediate CA file name", "PEMFILE"), \
	FILENAME("signing-keyring", signing_keyring, "verification keyring file", "PEMFILE"), \
	FILENAMES("deployed-keyring", deployed_keyring, "keyring of devices that must accept the result", "PEMFILE"), \
	FILENAMES("carries-keyring", carries_keyring, "keyring in the result: must accept the next one", "PEMFILE"), \
	FILENAME("next-cert", next_cert, "who signs the next one (default: who signs this)", "PEMFILE"), \
	UNTIL_ROW

#define ACCESS_ROWS \
	FILENAME("tls-cert", tls_cert, "TLS client certificate file or PKCS#11 URL", "PEMFILE|PKCS11-URL"), \
	FILENAME("tls-key", tls_key, "TLS client key file or PKCS#11 URL", "PEMFILE|PKCS11-URL"), \
	FILENAME("tls-ca", tls_ca, "TLS CA file", "PEMFILE"), \
	FLAG("tls-no-verify", 0, tls_no_verify, "do not verify TLS server certificate"), \
	LIST("http-header", 'H', http_header, "HTTP request header (multiple uses supported)", "'HEADER: VALUE'")

#define KEYRING_ROW FILENAME("keyring", keyring, "keyring file", "PEMFILE")
#define NO_VERIFY_ROW FLAG("no-verify", 0, no_verify, "disable bundle verification")
#define NO_CHECK_TIME_ROW \
	FLAG("no-check-time", 0, no_check_time, \
	     "don't check validity period of certificates against current time")
#define DECRYPT_ROW FILENAME("key", key, "decryption key file or PKCS#11 URL", "PEMFILE|PKCS11-URL")
#define TRUST_ROW \
	FLAG("trust-environment", 0, trust_environment, "trust environment and skip bundle access checks")
#define MKSQUASHFS_ROW \
	TEXT("mksquashfs-args", 0, mksquashfs_args, "mksquashfs extra args", "ARGS")
#define BOOT_SLOT_ROW \
	TEXT("override-boot-slot", 0, override_boot_slot, "override auto-detection of booted slot", "BOOTNAME")

static const OptionsRow global_rows[] = {
	{ "conf", 'c', G_OPTION_ARG_FILENAME, offsetof(Options, conf), "config file", "FILENAME" },
	LIST("confopt", 'C', confopt, "config option", "SECTION:KEY=VALUE"),
	FILENAME("mount", mount, "mount prefix", "PATH"),
	FLAG("debug", 'd', is_debug, "enable debug output"),
	FLAG("version", 0, wants_version, "display version"),
	FLAG("help", 'h', wants_help, "display help"),
	OPTIONS_END
};

/* Taken before the verb too; not shown, because only some verbs use them. */
static const OptionsRow hidden_rows[] = {
	FILENAME("cert", cert, NULL, NULL),
	FILENAME("key", key, NULL, NULL),
	KEYRING_ROW,
	FILENAMES("intermediate", intermediate, NULL, NULL),
	TEXT("image-type-compat", 'l', image_type_compat, NULL, NULL),
	OPTIONS_END
};

const OptionsRow options_install[] = {
	FLAG("ignore-compatible", 0, ignore_compatible, "disable compatible check"),
	FLAG("ignore-version-limit", 0, ignore_version_limit, "disable version limit check"),
	TEXT("transaction-id", 0, transaction_id, "custom transaction id", "UUID"),
	TEXT("require-manifest-hash", 0, require_manifest_hash, "require this manifest hash", "HASH"),
	FLAG("progress", 0, show_progress, "show progress bar"),
	FLAG("cancel-on-interrupt", 0, cancel_on_interrupt, "Ctrl+C and SIGTERM cancel the installation"),
	TEXT("output-format", 0, output_format, "output format (readable, json, json-pretty)", "FORMAT"),
	TEXT("handler-args", 0, handler_args, "extra arguments for full custom handler", "ARGS"),
	KEYRING_ROW,
	BOOT_SLOT_ROW,
	ACCESS_ROWS,
	OPTIONS_END
};

const OptionsRow options_bundle[] = {
	MKSQUASHFS_ROW,
	FILENAMES("from", from, "predict the download of devices that have this bundle (multiple uses supported)",
	          "OLDBUNDLE"),
	SIGN_ROWS,
	OPTIONS_END
};

const OptionsRow options_resign[] = {
	FLAG("append", 0, append, "add a signature to those there are"),
	KEYRING_ROW,
	NO_VERIFY_ROW,
	NO_CHECK_TIME_ROW,
	SIGN_ROWS,
	OPTIONS_END
};

const OptionsRow options_convert[] = {
	LIST("to", 0, to, "convert archives in the bundle: tar-extract, keep (multiple uses supported)", "METHOD"),
	LIST("ignore-image", 0, ignore_image, "ignore image during conversion (multiple uses supported)",
	     "SLOTCLASS"),
	TRUST_ROW,
	KEYRING_ROW,
	NO_VERIFY_ROW,
	MKSQUASHFS_ROW,
	TEXT("casync-args", 0, casync_args, "casync extra args (casync is not supported)", "ARGS"),
	SIGN_ROWS,
	OPTIONS_END
};

const OptionsRow options_encrypt[] = {
	FILENAMES("to", to, "recipient cert(s)", "PEMFILE"),
	KEYRING_ROW,
	OPTIONS_END
};

const OptionsRow options_replace_signature[] = {
	TRUST_ROW,
	KEYRING_ROW,
	NO_VERIFY_ROW,
	FILENAME("signing-keyring", signing_keyring, "verification keyring file", "PEMFILE"),
	OPTIONS_END
};

const OptionsRow options_extract[] = { DECRYPT_ROW, KEYRING_ROW, TRUST_ROW, OPTIONS_END };

const OptionsRow options_info[] = {
	KEYRING_ROW,
	NO_VERIFY_ROW,
	NO_CHECK_TIME_ROW,
	DECRYPT_ROW,
	TEXT("output-format", 0, output_format, "output format (readable, shell, json, json-pretty, json-2)",
	     "FORMAT"),
	FLAG("dump-cert", 0, dump_cert, "dump certificate"),
	FLAG("dump-recipients", 0, dump_recipients, "dump recipients"),
	ACCESS_ROWS,
	OPTIONS_END
};

const OptionsRow options_status[] = {
	FLAG("detailed", 0, is_detailed, "show more status details"),
	TEXT("output-format", 0, output_format, "output format (readable, shell, json, json-pretty)",
	     "FORMAT"),
	BOOT_SLOT_ROW,
	OPTIONS_END
};

const OptionsRow options_keyring[] = {
	KEYRING_ROW,
	DECRYPT_ROW,
	UNTIL_ROW,
	TEXT("output-format", 0, output_format, "output format (readable, shell, json, json-pretty)",
	     "FORMAT"),
	OPTIONS_END
};

const OptionsRow options_doctor[] = {
	FILENAME("root", root, "check the root file system in this folder, not this device", "DIR"),
	KEYRING_ROW,
	BOOT_SLOT_ROW,
	TEXT("output-format", 0, output_format, "output format (readable, json, json-pretty)", "FORMAT"),
	OPTIONS_END
};

const OptionsRow options_update[] = {
	TEXT("url", 0, url, "where the bundle is, instead of what is configured", "URL"),
	FLAG("check", 0, only_check, "only say whether there is something to install (exit code 6: there is)"),
	FLAG("force", 0, is_forced, "install whatever is offered, also what failed before; at once"),
	FLAG("progress", 0, show_progress, "show progress bar"),
	FLAG("cancel-on-interrupt", 0, cancel_on_interrupt, "Ctrl+C and SIGTERM cancel the installation"),
	TEXT("output-format", 0, output_format, "output format (readable, json, json-pretty)", "FORMAT"),
	ACCESS_ROWS,
	OPTIONS_END
};

const OptionsRow options_write_slot[] = {
	TEXT("image-type", 't', image_type, "image type, instead of what the file name says", "TYPE"),
	OPTIONS_END
};

const OptionsRow options_service[] = {
	TEXT("handler-args", 0, handler_args, "extra arguments for full custom handler", "ARGS"),
	KEYRING_ROW,
	BOOT_SLOT_ROW,
	OPTIONS_END
};
/* clang-format on */

static unsigned count_rows(const OptionsRow *rows)
{
	unsigned n = 0;

	while (rows && rows[n].name)
		n++;
	return n;
}

/* GLib's form of these rows, with results in `options`. Ends with an empty entry. */
static GOptionEntry *make_entries(const OptionsRow *rows, Options *options, int flags)
{
	unsigned n = count_rows(rows);
	GOptionEntry *entries = g_new0(GOptionEntry, n + 1);

	for (unsigned i = 0; i < n; i++) {
		entries[i].long_name = rows[i].name;
		entries[i].short_name = rows[i].letter;
		entries[i].flags = flags;
		entries[i].arg = rows[i].kind;
		entries[i].arg_data = (char *)options + rows[i].offset;
		entries[i].description = rows[i].text;
		entries[i].arg_description = rows[i].value;
	}
	return entries;
}

static GOptionContext *make_context(const OptionsHelp *help, Options *options)
{
	GOptionContext *context = g_option_context_new(help ? help->parameters : NULL);
	g_autofree GOptionEntry *global = make_entries(global_rows, options, 0);

	g_option_context_set_help_enabled(context, FALSE);
	if (help && help->rows) {
		g_autofree GOptionEntry *own = make_entries(help->rows, options, 0);
		GOptionGroup *group = g_option_group_new("verb", help->heading, "", options, NULL);

		g_option_group_add_entries(group, own);
		g_option_context_add_group(context, group);
	}
	g_option_context_add_main_entries(context, global, NULL);
	if (help) {
		g_option_context_set_summary(context, help->summary);
		g_option_context_set_description(context, help->epilogue);
	}
	return context;
}

static void take_arguments(Options *options, GStrv arguments)
{
	g_strfreev(options->arguments);
	options->arguments = arguments;
	options->n_arguments = g_strv_length(arguments);
}

static bool parse(GOptionContext *context, Options *options, GStrv arguments, GError **error)
{
	bool is_ok = g_option_context_parse_strv(context, &arguments, error);

	take_arguments(options, arguments);
	return is_ok;
}

bool options_parse_global(Options *options, char *const *argv, GError **error)
{
	g_autoptr(GOptionContext) context = make_context(NULL, options);
	g_autofree GOptionEntry *hidden = make_entries(hidden_rows, options, G_OPTION_FLAG_HIDDEN);

	g_option_context_add_main_entries(context, hidden, NULL);
	g_option_context_set_ignore_unknown_options(context, TRUE);
	return parse(context, options, g_strdupv((GStrv)argv), error);
}

bool options_parse_verb(Options *options, const OptionsHelp *help, GError **error)
{
	g_autoptr(GOptionContext) context = make_context(help, options);

	return parse(context, options, g_steal_pointer(&options->arguments), error);
}

char *options_format_help(const OptionsHelp *help)
{
	g_auto(Options) unused = { 0 };
	g_autoptr(GOptionContext) context = make_context(help, &unused);

	return g_option_context_get_help(context, FALSE, NULL);
}

StreamAccess options_access(const Options *options)
{
	return (StreamAccess){
		.tls_cert = options->tls_cert,
		.tls_key = options->tls_key,
		.tls_ca = options->tls_ca,
		.tls_no_verify = options->tls_no_verify,
		.headers = (const char *const *)options->http_header,
	};
}

void options_clear(Options *options)
{
	static const OptionsRow *const tables[] = { global_rows,        hidden_rows,
		                                    options_install,    options_bundle,
		                                    options_encrypt,    options_replace_signature,
		                                    options_convert,    options_info,
		                                    options_extract,    options_status,
		                                    options_write_slot, options_keyring,
		                                    options_doctor,     options_update };

	for (unsigned i = 0; i < G_N_ELEMENTS(tables); i++) {
		for (const OptionsRow *row = tables[i]; row->name; row++) {
			void *field = (char *)options + row->offset;

			if (row->kind == G_OPTION_ARG_STRING_ARRAY ||
			    row->kind == G_OPTION_ARG_FILENAME_ARRAY)
				g_clear_pointer((GStrv *)field, g_strfreev);
			else if (row->kind != G_OPTION_ARG_NONE)
				g_clear_pointer((char **)field, g_free);
		}
	}
	g_clear_pointer(&options->arguments, g_strfreev);
}
