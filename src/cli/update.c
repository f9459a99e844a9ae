/* SPDX-License-Identifier: MIT */

/*
 * rauc update: one look at the server, and an installation if there is something new. It ends when that is
 * done; who calls it again is a timer (rauc-update.timer) or a person.
 */

#include "install/update.h"

#include <time.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "cli/reboot.h"
#include "cli/update_settings.h"
#include "cli/update_show.h"
#include "model/window.h"
#include "system/clock.h"

typedef struct {
	const Options *options;
	bool is_json;
	System *system;
	History *history;
	UpdateSettings settings;
	Update update;
	Outcome outcome; /* of the installation */
	UpdateShown shown;
} Run;

static void say(const Run *run, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void say(const Run *run, const char *format, ...)
{
	va_list arguments;

	if (run->is_json)
		return;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	output_text("%s\n", text);
}

/* The reason is complained of, and kept for JSON; the code is the end. */
static void fail_run(Run *run, int code, GError *error)
{
	output_complain("%s", error->message);
	run->shown.code = code;
	run->shown.error = error;
}

static void save(const Run *run)
{
	g_autoptr(GError) error = NULL;

	if (!history_save(run->system, run->history, &error))
		g_warning("%s", error->message);
}

static const char *const *criteria_of(const Run *run)
{
	static const char *const usual[] = { "different-bundle", NULL };
	const Config *config = system_config(run->system);

	if (config->update.criteria)
		return (const char *const *)config->update.criteria;
	return run->settings.is_polled ? (const char *const *)config->polling.candidate_criteria
	                               : usual;
}

/* Started by a timer, and the server was not there the last times: it is left alone for a while. Who starts it by
 * hand wants to know now. */
static bool has_to_pause(Run *run)
{
	const char *trigger = g_getenv("TRIGGER_UNIT");
	unsigned pause = update_pause(run->history, time(NULL));

	if (!trigger || !g_str_has_suffix(trigger, ".timer") || !pause || run->options->is_forced)
		return false;
	run->shown.pause = pause;
	say(run,
	    "the server could not be asked %u times in a row: it is left alone for %u min more",
	    run->history->n_errors, (pause + 59) / 60);
	return true;
}

static bool look(Run *run)
{
	UpdateRequest request = { .url = run->settings.url,
		                  .access = options_access(run->options),
		                  .criteria = criteria_of(run),
		                  .moment = clock_moment(),
		                  .is_forced = run->options->is_forced };
	GError *error = NULL;

	request.access.is_patient = true;
	if (update_check(run->system, run->history, &request, &run->update, &error)) {
		save(run);
		run->shown.update = &run->update;
		return true;
	}
	update_note_error(run->history, time(NULL), g_random_int());
	save(run);
	fail_run(run, update_can_retry(error) ? UPDATE_NO_SERVER : UPDATE_FAILED, error);
	return false;
}

/* --- Reboot ------------------------------------------------------------------- */

static void reboot(Run *run)
{
	GError *error = NULL;
	const ConfigUpdate *rules = &system_config(run->system)->update;
	int wait = run->options->is_forced
	                   ? 0
	                   : window_wait((const char *const *)rules->window, clock_moment());

	run->shown.reboot = UPDATE_REBOOT_NEEDED;
	if (!run->settings.reboot) {
		say(run, "a restart is needed to run it");
	} else if (wait) {
		run->shown.reboot = UPDATE_REBOOT_HELD_BACK;
		say(run,
		    "a restart is needed to run it; the maintenance window for it opens in %d min",
		    wait);
	} else if (reboot_request(&error)) {
		run->shown.reboot = UPDATE_REBOOT_REQUESTED;
		say(run, "restarting to run it");
	} else if (g_error_matches(error, FAILURE, FAILURE_BUSY)) {
		run->shown.reboot = UPDATE_REBOOT_HELD_BACK;
		say(run, "%s; it is asked for again the next time", error->message);
		g_error_free(error);
	} else {
		run->shown.reboot = UPDATE_REBOOT_FAILED;
		fail_run(run, UPDATE_FAILED, error);
	}
}

/* --- Installation ------------------------------------------------------------- */

/* What comes of somebody else's installation is seen at the next look. */
static void leave_to_others(Run *run)
{
	if (run->outcome.result != OUTCOME_SERVICE ||
	    g_strcmp0(run->outcome.code, failure_name(FAILURE_BUSY)) != 0)
		return;
	say(run, "left alone: another installation is running");
	run->shown.code = 0;
}

static void install(Run *run)
{
	Options options = *run->options;

	options.require_manifest_hash = run->history->hash;
	options.is_terse = !options.show_progress && !output_is_terminal();
	update_begin(run->history);
	save(run);
	command_install_bundle(&options, run->settings.url, run->is_json, &run->outcome);
	run->shown.outcome = &run->outcome;
	run->shown.code = (int)run->outcome.result;
	switch (run->outcome.result) {
	case OUTCOME_SUCCEEDED:
		update_end(run->history, NULL);
		break;
	case OUTCOME_FAILED:
		update_end(run->history, run->outcome.code ? run->outcome.code : "unknown");
		break;
	default: /* nothing was found out about the bundle */
		leave_to_others(run);
		break;
	}
	system_refresh_status(run->system);
	update_learn(run->system, run->history);
	save(run);
	if (run->outcome.result == OUTCOME_SUCCEEDED)
		reboot(run);
}

/* What others have installed is theirs to boot. */
static bool is_ours(const History *history)
{
	return g_strcmp0(history->tried_hash, history->hash) == 0 && update_may_reboot(history);
}

static void act(Run *run)
{
	const Decision *decision = &run->update.decision;

	if (decision->kind == DECISION_INSTALL && run->options->only_check) {
		say(run, "to be installed: %s", decision->reason);
		run->shown.code = UPDATE_AVAILABLE;
	} else if (decision->kind == DECISION_INSTALL) {
		say(run, "%s: it is installed now", decision->reason);
		install(run);
	} else if (decision->kind == DECISION_AWAITS_BOOT && !run->options->only_check) {
		say(run, "nothing to install: %s", decision->reason);
		if (is_ours(run->history))
			reboot(run);
		else
			run->shown.reboot = UPDATE_REBOOT_NEEDED;
	} else {
		say(run, "nothing to install: %s", decision->reason);
	}
}

static void go(Run *run)
{
	GError *error = NULL;

	run->system = conf_open_system(run->options, &error);
	if (!run->system || !update_settings_load(system_config(run->system), run->options->url,
	                                          &run->settings, &error)) {
		fail_run(run, UPDATE_FAILED, error);
		return;
	}
	run->shown.url = run->settings.url;
	run->shown.history = run->history = history_load(run->system);
	if (!has_to_pause(run) && look(run))
		act(run);
}

static void clear(Run *run)
{
	g_clear_error((GError **)&run->shown.error);
	update_clear(&run->update);
	outcome_clear(&run->outcome);
	update_settings_clear(&run->settings);
	history_free(run->history);
	system_free(run->system);
}

int command_update(const Options *options)
{
	Run run = { .options = options };
	OutputFormat format;

	if (!output_take_format(options->output_format, &format))
		return 1;
	run.is_json = format != OUTPUT_READABLE;
	go(&run);
	if (run.is_json) {
		g_autoptr(GString) text = g_string_new(NULL);

		update_show_json(text, &run.shown, format == OUTPUT_JSON_PRETTY);
		output_bytes(text);
	}
	int code = run.shown.code;
	clear(&run);
	return code;
}
