/* SPDX-License-Identifier: MIT */

/* rauc install: by the service, or in this process; progress on stdout either way. */

#include "install/install.h"

#include "base/error.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/location.h"
#include "cli/outcome.h"
#include "cli/output.h"
#include "cli/screen.h"

/* One way or the other; what is heard may come from any thread of the installation. */
typedef struct {
	const char *path;
	Screen *screen; /* NULL: stdout is for JSON */
	bool is_terse;  /* no line for each percent: a journal keeps them all */
	Outcome *outcome;
	Cancel *cancel; /* in this process, where Ctrl+C cancels */
	char *waiting;  /* of the service: what it says while the network is awaited */
} Viewer;

static void show_statistics(const Viewer *viewer)
{
	const InstallStatistics *statistics = &viewer->outcome->statistics;
	g_autofree char *text = statistics_describe(statistics);

	if (!statistics_is_plain(statistics))
		screen_say(viewer->screen, "%s\n", text);
}

/* In this process. */

static void show_progress(void *user, int percent, const char *text, int depth G_GNUC_UNUSED,
                          uint64_t bytes, uint64_t total)
{
	const Viewer *viewer = user;

	if (!viewer->is_terse)
		screen_report(viewer->screen, percent, text, bytes, total);
}

static void show_message(void *user, const char *text)
{
	Viewer *viewer = user;

	screen_clear(viewer->screen);
	g_message("installing %s: %s", viewer->path, text);
}

static void show_waiting(void *user, const RemoteWaiting *waiting)
{
	screen_wait(((Viewer *)user)->screen, waiting);
}

static void take_interrupt(void *user)
{
	Viewer *viewer = user;

	if (!viewer->cancel)
		screen_say(viewer->screen, "Ctrl+C is not supported.\n");
	else if (cancel_ask(viewer->cancel, "by a signal"))
		screen_say(viewer->screen, "Cancelling the installation...\n");
	else
		screen_say(viewer->screen, "Too late to cancel: the slots are written.\n");
}

static bool run_here(Viewer *viewer, System *system, const Options *options, InstallReport *where,
                     GError **error)
{
	InstallEvents events = { show_message, show_progress, viewer, where, show_waiting };
	InstallRequest request = {
		.bundle = viewer->path,
		.transaction = options->transaction_id,
		.require_manifest_hash = options->require_manifest_hash,
		.handler_args = options->handler_args,
		.ignore_compatible = options->ignore_compatible,
		.ignore_version_limit = options->ignore_version_limit,
		.access = options_access(options),
		.cancel = viewer->cancel,
	};

	return install_run(system, &request, &events, error);
}

static void install_here(Viewer *viewer, System *system, const Options *options)
{
	g_autoptr(Cancel) cancel = options->cancel_on_interrupt ? cancel_new() : NULL;
	Outcome *outcome = viewer->outcome;
	g_autoptr(GError) error = NULL;
	InstallReport where;

	viewer->cancel = cancel;
	screen_say(viewer->screen, "installing\n");
	Interrupt *interrupt = interrupt_begin(cancel != NULL, take_interrupt, viewer);
	bool is_ok = run_here(viewer, system, options, &where, &error);
	interrupt_end(interrupt);
	viewer->cancel = NULL;
	outcome->statistics = where.statistics;
	outcome->has_statistics = true;
	show_statistics(viewer);
	if (!is_ok) {
		bool is_cancelled = g_error_matches(error, FAILURE, FAILURE_CANCELLED);

		outcome->result = is_cancelled ? OUTCOME_CANCELLED : OUTCOME_FAILED;
		outcome_take_error(outcome, error, &where);
		screen_say(viewer->screen, "LastError: %s\n", error->message);
	}
	screen_say(viewer->screen, "idle\n");
}

/* By the service. */

static void hear_operation(void *user, const char *operation)
{
	screen_say(((Viewer *)user)->screen, "%s\n", operation);
}

static void hear_progress(void *user, int percent, const char *text, int depth G_GNUC_UNUSED)
{
	Viewer *viewer = user;

	/* What is said there of the network comes by another way, with a clock. */
	if (!viewer->is_terse && g_strcmp0(text, viewer->waiting) != 0)
		screen_report(viewer->screen, percent, text, 0, 0);
}

static void hear_waiting(void *user, GVariant *facts)
{
	Viewer *viewer = user;
	RemoteWaiting waiting = { .reason = "" };

	g_clear_pointer(&viewer->waiting, g_free);
	g_variant_lookup(facts, "message", "s", &viewer->waiting);
	g_variant_lookup(facts, "reason", "&s", &waiting.reason);
	g_variant_lookup(facts, "seconds", "u", &waiting.seconds);
	screen_wait(viewer->screen, viewer->waiting ? &waiting : NULL);
}

static void hear_statistics(void *user, GVariant *statistics)
{
	Viewer *viewer = user;

	outcome_take_statistics(viewer->outcome, statistics);
	show_statistics(viewer);
}

static void hear_last_error(void *user, const char *text)
{
	Viewer *viewer = user;

	screen_say(viewer->screen, "LastError: %s\n", text);
	if (!viewer->outcome->message)
		viewer->outcome->message = g_strdup(text);
}

static void hear_error_info(void *user, GVariant *info)
{
	outcome_take_info(((Viewer *)user)->outcome, info);
}

static void hear_cancelling(void *user, const GError *refused)
{
	Viewer *viewer = user;

	if (refused)
		screen_say(viewer->screen, "Cannot cancel: %s\n", refused->message);
	else
		screen_say(viewer->screen, "Cancelling the installation...\n");
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

static OutcomeResult result_of_failed(const Outcome *outcome)
{
	const char *cancelled = failure_name(FAILURE_CANCELLED);

	return g_strcmp0(outcome->code, cancelled) == 0 ? OUTCOME_CANCELLED : OUTCOME_FAILED;
}

static void install_there(Viewer *viewer, Client *client, const Options *options)
{
	ClientEvents events = { hear_operation,
		                hear_progress,
		                hear_last_error,
		                hear_error_info,
		                hear_waiting,
		                hear_statistics,
		                options->cancel_on_interrupt ? hear_cancelling : NULL,
		                viewer };
	Outcome *outcome = viewer->outcome;
	g_autoptr(GError) error = NULL;

	switch (client_install(client, viewer->path, make_options(options), &events, &error)) {
	case CLIENT_SUCCEEDED:
		outcome->result = OUTCOME_SUCCEEDED;
		return;
	case CLIENT_FAILED:
		outcome->result = result_of_failed(outcome);
		return;
	case CLIENT_INTERRUPTED:
		outcome->result = OUTCOME_INTERRUPTED;
		return;
	case CLIENT_DISAPPEARED:
		fail(&error, FAILURE_SERVICE, "RAUC service disappeared");
		screen_clear(viewer->screen);
		output_complain("%s", error->message);
		break;
	case CLIENT_REFUSED:
		screen_clear(viewer->screen);
		output_complain("Failed to contact rauc service: %s", error->message);
		break;
	}
	outcome->result = OUTCOME_SERVICE;
	outcome_take_error(outcome, error, NULL);
}

/* The end. */

static void tell_end(const Viewer *viewer)
{
	const Outcome *outcome = viewer->outcome;

	screen_clear(viewer->screen);
	switch (outcome->result) {
	case OUTCOME_SUCCEEDED:
		screen_say(viewer->screen, "Installing `%s` succeeded\n", viewer->path);
		return;
	case OUTCOME_FAILED:
		output_complain("Installing `%s` failed", viewer->path);
		output_hint(outcome->code, outcome->hint);
		return;
	case OUTCOME_SERVICE:
		output_complain("D-Bus error while installing `%s`", viewer->path);
		output_hint(outcome->code, outcome->hint);
		return;
	case OUTCOME_INTERRUPTED:
		screen_say(viewer->screen, "\nCtrl+C pressed. Exiting rauc installation client...\n"
		                           "Note that this will not abort the installation running "
		                           "in the rauc service!\n");
		return;
	case OUTCOME_CANCELLED:
		output_complain("Installing `%s` was cancelled", viewer->path);
		output_hint(outcome->code, outcome->hint);
		return;
	}
}

static void refuse(Outcome *outcome, const GError *error)
{
	outcome->result = OUTCOME_FAILED;
	outcome_take_error(outcome, error, NULL);
	output_complain("%s", error->message);
}

static void install(Viewer *viewer, const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Client) client = NULL;
	g_autoptr(System) system = NULL;

	switch (door_find(options, &client, &error)) {
	case DOOR_SERVICE:
		install_there(viewer, client, options);
		break;
	case DOOR_DIRECT:
		system = conf_open_system(options, &error);
		if (!system) {
			refuse(viewer->outcome, error);
			return;
		}
		install_here(viewer, system, options);
		break;
	case DOOR_CLOSED:
		if (!g_error_matches(error, FAILURE, FAILURE_SERVICE)) {
			refuse(viewer->outcome, error);
			return;
		}
		output_complain("Failed to contact rauc service: %s", error->message);
		viewer->outcome->result = OUTCOME_SERVICE;
		outcome_take_error(viewer->outcome, error, NULL);
		break;
	}
	tell_end(viewer);
}

void command_install_bundle(const Options *options, const char *path, bool is_json,
                            Outcome *outcome)
{
	g_autoptr(Screen) screen = is_json ? NULL : screen_new(options->show_progress);
	Viewer viewer = {
		.path = path, .screen = screen, .is_terse = options->is_terse, .outcome = outcome
	};

	install(&viewer, options);
	g_free(viewer.waiting);
}

int command_install(const Options *options)
{
	g_auto(Outcome) outcome = { 0 };
	g_autoptr(GError) error = NULL;
	OutputFormat format;

	if (!output_take_format(options->output_format, &format))
		return 1;
	bool is_json = format != OUTPUT_READABLE;
	g_autofree char *path = location_resolve(options->arguments[2], &error);
	if (path)
		command_install_bundle(options, path, is_json, &outcome);
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
