/* SPDX-License-Identifier: MIT */

/* rauc keyring status: what lies in a keyring, until when it is good for what, and what to do. */

#include "crypto/keyring.h"

#include "base/error.h"
#include "bundle/bundle.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/moment.h"
#include "cli/output.h"
#include "cli/show_keyring.h"
#include "system/trust.h"

/* One bundle: is it accepted, and until when. Looking changes nothing, not even its owner. */
static bool ask(const Config *config, const Keyring *keyring, gint64 until, const char *path,
                Term *term, GError **error)
{
	BundleRules rules = { .keyring = keyring,
		              .formats = config->bundle_formats,
		              .trust_environment = true };
	BundleFile *file = trust_open_file(config, path, NULL, error);
	g_autoptr(Bundle) bundle = file ? bundle_verify(file, &rules, error) : NULL;

	if (!bundle || !verify_cms_term(bundle_file_cms(bundle_file(bundle)), keyring, term, error))
		return false;
	if (until < term->until)
		return true;

	g_autofree char *end = moment_format(term->until), *then = moment_format(until);
	return fail(error, FAILURE_SIGNATURE, "it is accepted only until %s, not on %s: %s", end,
	            then, term->because);
}

static GPtrArray *ask_all(const Options *options, const Config *config, const Keyring *keyring,
                          gint64 until)
{
	GPtrArray *bundles =
		g_ptr_array_new_with_free_func((GDestroyNotify)show_keyring_bundle_free);

	for (char **path = options->arguments + 3; *path; path++) {
		ShowKeyringBundle *bundle = g_new0(ShowKeyringBundle, 1);
		g_autoptr(GError) error = NULL;

		bundle->path = g_strdup(*path);
		bundle->term = TERM_NONE;
		if (!ask(config, keyring, until, *path, &bundle->term, &error))
			bundle->reason = g_strdup(error->message);
		g_ptr_array_add(bundles, bundle);
	}
	return bundles;
}

/* What makes the exit status 1; said behind the output. */
static bool check(const ShowKeyring *shown, gint64 until, GError **error)
{
	for (unsigned i = 0; i < shown->bundles->len; i++) {
		const ShowKeyringBundle *bundle = shown->bundles->pdata[i];

		if (bundle->reason)
			return fail(error, FAILURE_SIGNATURE, "%s is refused: %s", bundle->path,
			            bundle->reason);
	}
	if (shown->health->level == KEYRING_BROKEN)
		return fail(error, FAILURE_REJECTED, "%s", shown->health->action);
	if (!until)
		return true;

	g_autoptr(KeyringHealth) then = keyring_health_judge(shown->content, shown->rules, until);
	g_autofree char *date = moment_format(until);
	return then->level != KEYRING_BROKEN ||
	       fail(error, FAILURE_REJECTED, "on %s %s", date, then->action);
}

static bool show(const Options *options, OutputFormat format, const Config *config, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gint64 until = 0, now = g_get_real_time() / G_USEC_PER_SEC;

	if (options->accepted_until &&
	    !moment_parse(options->accepted_until, "--accepted-until", &until, error))
		return false;
	g_autoptr(KeyringContent) content = trust_load_content(&config->keyring, error);
	g_autoptr(Keyring) keyring = content ? trust_load(&config->keyring, false, error) : NULL;
	if (!keyring)
		return false;
	g_autoptr(KeyringHealth) health = keyring_health_judge(content, &config->keyring, now);
	g_autoptr(GPtrArray) bundles = ask_all(options, config, keyring, until);
	ShowKeyring shown = { &config->keyring, content, health, bundles };

	show_keyring(text, &shown, format, output_look());
	output_result(format, text);
	return check(&shown, until, error);
}

int command_keyring(const Options *options)
{
	g_autoptr(GError) error = NULL;
	OutputFormat format;

	if (options->n_arguments < 3) {
		output_complain("A subcommand must be provided: status");
		return 1;
	}
	if (!g_str_equal(options->arguments[2], "status")) {
		output_complain("unknown subcommand %s", options->arguments[2]);
		return 1;
	}
	if (!output_format_by_name(options->output_format, &format) || format == OUTPUT_JSON_2) {
		output_complain("Unknown output format: '%s'", options->output_format);
		return 1;
	}
	g_autoptr(Config) config = conf_load_decrypting(options, CONF_AUTO, &error);
	if (config && show(options, format, config, &error))
		return 0;
	output_complain("%s", error->message);
	return 1;
}
