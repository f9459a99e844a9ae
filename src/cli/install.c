/* SPDX-License-Identifier: MIT */

/* rauc install: by the service, or in this process; progress on stdout either way. */

#include "install/install.h"

#include <stdio.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/location.h"
#include "cli/outcome.h"
#include "cli/output.h"
#include "cli/progress_bar.h"

/* Reports may come from any thread of the installation. */
typedef struct {
	const char *path;
	ProgressBar *bar; /* NULL: stdout is for JSON */
	GMutex lock;
	Outcome *outcome;
} Screen;

static void print(const GString *text)
{
	output_bytes(text);
	fflush(stdout);
}

static void report(Screen *screen, int percent, const char *text, uint64_t bytes, uint64_t total)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (!screen->bar)
		return;
	g_mutex_lock(&screen->lock);
	progress_bar_report(screen->bar, out, g_get_monotonic_time(), percent, text, bytes, total);
	print(out);
	g_mutex_unlock(&screen->lock);
}

/* Anything else that has to be said, on a line of its own. */
static void say(Screen *screen, const char *format, const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (!screen->bar)
		return;
	g_mutex_lock(&screen->lock);
	progress_bar_clear(screen->bar, out);
	g_string_append_printf(out, format, text);
	print(out);
	g_mutex_unlock(&screen->lock);
}

/* In this process. */

static void show_progress(void *user, int percent, const char *text, int depth G_GNUC_UNUSED,
                          uint64_t bytes, uint64_t total)
{
	report(user, percent, text, bytes, total);
}

static void show_message(void *user, const char *text)
{
	Screen *screen = user;

	say(screen, "%s", "");
	g_message("installing %s: %s", screen->path, text);
}

static void show_interrupt(void *user)
{
	say(user, "%s\n", "Ctrl+C is not supported.");
}

static void install_here(Screen *screen, System *system, const Options *options)
{
	InstallReport where;
	InstallEvents events = { show_message, show_progress, screen, &where };
	InstallRequest request = {
		.bundle = screen->path,
		.transaction = options->transaction_id,
		.require_manifest_hash = options->require_manifest_hash,
		.handler_args = options->handler_args,
		.ignore_compatible = options->ignore_compatible,
		.ignore_version_limit = options->ignore_version_limit,
		.access = options_access(options),
	};
	g_autoptr(GError) error = NULL;

	say(screen, "%s\n", "installing");
	Interrupt *interrupt = interrupt_begin(show_interrupt, screen);
	bool is_ok = install_run(system, &request, &events, &error);
	interrupt_end(interrupt);
	if (!is_ok) {
		screen->outcome->result = OUTCOME_FAILED;
		outcome_take_error(screen->outcome, error, &where);
		say(screen, "LastError: %s\n", error->message);
	}
	say(screen, "%s\n", "idle");
}

/* By the service. */

static void hear_operation(void *user, const char *operation)
{
	say(user, "%s\n", operation);
}

static void hear_progress(void *user, int percent, const char *text, int depth G_GNUC_UNUSED)
{
	report(user, percent, text, 0, 0);
}

static void hear_last_error(void *user, const char *text)
{
	Screen *screen = user;
	Outcome *outcome = screen->outcome;

	say(screen, "LastError: %s\n", text);
	if (!outcome->message)
		outcome->message = g_strdup(text);
}

static void hear_error_info(void *user, GVariant *info)
{
	Screen *screen = user;

	outcome_take_info(screen->outcome, info);
}

static void add(GVariantBuilder *to, const char *key, GVariant *value)
{
	g_variant_builder_add(to, "{sv}", key, value);
}

static void add_text(GVariantBuilder *to, const char *key, const char *value)
{
	if (value)
		add(to, key, g_variant_new_take_string(g_utf8_make_valid(value, -1)));
}

static GVariant *make_options(const Options *options)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add(&builder, "ignore-compatible", g_variant_new_boolean(options->ignore_compatible));
	add(&builder, "ignore-version-limit", g_variant_new_boolean(options->ignore_version_limit));
	add_text(&builder, "transaction-id", options->transaction_id);
	add_text(&builder, "require-manifest-hash", options->require_manifest_hash);
	add_text(&builder, "tls-cert", options->tls_cert);
	add_text(&builder, "tls-key", options->tls_key);
	add_text(&builder, "tls-ca", options->tls_ca);
	if (options->tls_no_verify)
		add(&builder, "tls-no-verify", g_variant_new_boolean(TRUE));
	if (options->http_header)
		add(&builder, "http-headers",
		    g_variant_new_strv((const char *const *)options->http_header, -1));
	return g_variant_builder_end(&builder);
}

static void install_there(Screen *screen, Client *client, const Options *options)
{
	ClientEvents events = { hear_operation, hear_progress, hear_last_error, hear_error_info,
		                screen };
	Outcome *outcome = screen->outcome;
	g_autoptr(GError) error = NULL;

	switch (client_install(client, screen->path, make_options(options), &events, &error)) {
	case CLIENT_SUCCEEDED:
		outcome->result = OUTCOME_SUCCEEDED;
		return;
	case CLIENT_FAILED:
		outcome->result = OUTCOME_FAILED;
		return;
	case CLIENT_INTERRUPTED:
		outcome->result = OUTCOME_INTERRUPTED;
		return;
	case CLIENT_DISAPPEARED:
		fail(&error, FAILURE_SERVICE, "RAUC service disappeared");
		say(screen, "%s", "");
		output_complain("%s", error->message);
		break;
	case CLIENT_REFUSED:
		say(screen, "%s", "");
		output_complain("Failed to contact rauc service: %s", error->message);
		break;
	}
	outcome->result = OUTCOME_SERVICE;
	outcome_take_error(outcome, error, NULL);
}

/* The end. */

static void tell_end(Screen *screen)
{
	const Outcome *outcome = screen->outcome;

	say(screen, "%s", "");
	switch (outcome->result) {
	case OUTCOME_SUCCEEDED:
		say(screen, "Installing `%s` succeeded\n", screen->path);
		return;
	case OUTCOME_FAILED:
		output_complain("Installing `%s` failed", screen->path);
		output_hint(outcome->code, outcome->hint);
		return;
	case OUTCOME_SERVICE:
		output_complain("D-Bus error while installing `%s`", screen->path);
		output_hint(outcome->code, outcome->hint);
		return;
	case OUTCOME_INTERRUPTED:
		say(screen, "%s",
		    "\nCtrl+C pressed. Exiting rauc installation client...\n"
		    "Note that this will not abort the installation running in the rauc "
		    "service!\n");
		return;
	}
}

static void refuse(Outcome *outcome, const GError *error)
{
	outcome->result = OUTCOME_FAILED;
	outcome_take_error(outcome, error, NULL);
	output_complain("%s", error->message);
}

static void install(Screen *screen, const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Client) client = NULL;
	g_autoptr(System) system = NULL;

	switch (door_find(options, &client, &error)) {
	case DOOR_SERVICE:
		install_there(screen, client, options);
		break;
	case DOOR_DIRECT:
		system = conf_open_system(options, &error);
		if (!system) {
			refuse(screen->outcome, error);
			return;
		}
		install_here(screen, system, options);
		break;
	case DOOR_CLOSED:
		if (!g_error_matches(error, FAILURE, FAILURE_SERVICE)) {
			refuse(screen->outcome, error);
			return;
		}
		output_complain("Failed to contact rauc service: %s", error->message);
		screen->outcome->result = OUTCOME_SERVICE;
		outcome_take_error(screen->outcome, error, NULL);
		break;
	}
	tell_end(screen);
}

static void run(const Options *options, const char *path, bool is_json, Outcome *outcome)
{
	bool has_bar = options->show_progress && output_is_terminal();
	g_autoptr(ProgressBar) bar =
		is_json ? NULL : progress_bar_new(has_bar ? output_width() : 0);
	Screen screen = { .path = path, .bar = bar, .outcome = outcome };

	g_mutex_init(&screen.lock);
	install(&screen, options);
	g_mutex_clear(&screen.lock);
}

int command_install(const Options *options)
{
	g_auto(Outcome) outcome = { 0 };
	g_autoptr(GError) error = NULL;
	OutputFormat format;

	if (!output_format_by_name(options->output_format, &format) || format == OUTPUT_SHELL ||
	    format == OUTPUT_JSON_2) {
		output_complain("Unknown output format: '%s'.", options->output_format);
		output_complain("Supported formats are: readable, json, json-pretty.");
		return 1;
	}
	bool is_json = format != OUTPUT_READABLE;
	g_autofree char *path = location_resolve(options->arguments[2], &error);
	if (path)
		run(options, path, is_json, &outcome);
	else
		refuse(&outcome, error);
	if (is_json) {
		g_autoptr(GString) text = g_string_new(NULL);

		outcome_show_json(text, &outcome, path ? path : options->arguments[2],
		                  format == OUTPUT_JSON_PRETTY);
		output_bytes(text);
	}
	return outcome.result;
}
