/* SPDX-License-Identifier: MIT */

/* rauc status: what this device is, and marking its slots; asked of the service, or of the device. */

#include "model/status.h"

#include "base/error.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/door.h"
#include "cli/output.h"
#include "cli/show_status.h"
#include "cli/status_reply.h"
#include "system/clock.h"
#include "system/mark.h"
#include "system/trust.h"

/* Ask once for everything that is shown. */
static void fill_slots(System *system, ShowSlot *shown)
{
	const GPtrArray *slots = system_config(system)->slots;

	for (unsigned i = 0; i < slots->len; i++) {
		shown[i].slot = slots->pdata[i];
		shown[i].state = system_state(system, slots->pdata[i]);
		shown[i].status = system_status(system, slots->pdata[i]);
	}
}

static const Slot *ask_primary(System *system)
{
	g_autoptr(GError) error = NULL;
	const Slot *primary = boot_get_primary(system_boot(system), &error);

	if (!primary && error)
		g_warning("Failed getting primary slot: %s", error->message);
	return primary;
}

static int show(const Options *options, ShowStatus status)
{
	g_autoptr(GString) text = g_string_new(NULL);
	OutputFormat format;

	status.is_detailed = options->is_detailed;
	if (!output_format_by_name(options->output_format, &format) || format == OUTPUT_JSON_2) {
		output_complain("Unknown output format: '%s'", options->output_format);
		return 1;
	}
	show_status(text, &status, format, output_look());
	output_result(format, text);
	return 0;
}

/* Loud, whatever is shown: on stderr. */
static void warn_of_demo(const ShowTrust *trust)
{
	if (trust->demo)
		output_complain("WARNING: %s: NOT FOR PRODUCTION, anyone can sign for this device",
		                trust->demo);
}

static int print_here(System *system, const Options *options)
{
	const Config *config = system_config(system);
	g_autoptr(KeyringHealth) keyring = trust_health(&config->keyring, trust_now(system));
	g_autofree ShowSlot *slots = g_new0(ShowSlot, config->slots->len);
	TrustFacts facts = trust_facts(system);
	g_autofree char *floor = facts.time.floor ? clock_format(facts.time.floor) : NULL;
	g_autofree char *words = trust_time_describe(&facts.time);
	g_autofree char *demo = trust_find_demo(&config->keyring);
	ShowTrust trust = {
		.is_known = true,
		.epoch = facts.epoch,
		.floor = floor,
		.source = trust_state_source_name(facts.time.source),
		.words = words,
		.is_kept = facts.kind != TRUST_STATE_NONE,
		.demo = demo,
	};

	warn_of_demo(&trust);
	system_refresh_boot(system);
	fill_slots(system, slots);
	return show(options, (ShowStatus){
				     .compatible = config->compatible,
				     .variant = system_variant(system),
				     .version = system_version(system),
				     .boot_slot = system_boot_slot(system),
				     .booted = system_booted(system),
				     .primary = ask_primary(system),
				     .slots = slots,
				     .n_slots = config->slots->len,
				     .repos = config->repos,
				     .trust = trust,
				     .keyring = keyring,
			     });
}

static int print_there(Client *client, const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(StatusReply) reply = status_reply_fetch(client, &error);

	if (reply) {
		warn_of_demo(&status_reply_shown(reply)->trust);
		return show(options, *status_reply_shown(reply));
	}
	output_complain("%s", error->message);
	return 1;
}

static bool find_action(const char *name, MarkAction *action, GError **error)
{
	static const char *const names[] = {
		[MARK_GOOD] = "mark-good",
		[MARK_BAD] = "mark-bad",
		[MARK_ACTIVE] = "mark-active",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		if (g_str_equal(name, names[i])) {
			*action = i;
			return true;
		}
	}
	return fail(error, FAILURE_USAGE, "unknown subcommand %s", name);
}

static bool mark_here(System *system, MarkAction action, const char *identifier, char **message,
                      GError **error)
{
	return system_lock(system, error) && mark_slots(system, action, identifier, message, error);
}

static bool mark_there(Client *client, MarkAction action, const char *identifier, char **message,
                       GError **error)
{
	static const char *const states[] = {
		[MARK_GOOD] = "good",
		[MARK_BAD] = "bad",
		[MARK_ACTIVE] = "active",
	};
	g_autofree char *sent = g_utf8_make_valid(identifier, -1);
	g_autoptr(GVariant) reply =
		client_call(client, "Mark", g_variant_new("(ss)", states[action], sent), "(ss)",
	                    error);

	if (reply)
		g_variant_get(reply, "(&ss)", NULL, message);
	return reply != NULL;
}

static int mark(System *system, Client *client, const Options *options)
{
	const char *identifier = options->n_arguments > 3 ? options->arguments[3] : "booted";
	g_autoptr(GError) error = NULL;
	g_autofree char *message = NULL;
	MarkAction action = MARK_GOOD;

	if (options->n_arguments > 4) {
		output_complain("Too many arguments");
		return 1;
	}
	if (!find_action(options->arguments[2], &action, &error)) {
		output_complain("%s", error->message);
		return 1;
	}
	if (!(client ? mark_there(client, action, identifier, &message, &error)
	             : mark_here(system, action, identifier, &message, &error))) {
		output_complain("rauc mark: %s", error->message);
		return 1;
	}
	output_text("rauc status: %s\n", message);
	return 0;
}

int command_status(const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Client) client = NULL;
	g_autoptr(System) system = NULL;
	Door door = door_find(options, &client, &error);

	if (door == DOOR_DIRECT)
		system = conf_open_system(options, &error);
	if (!client && !system) {
		output_complain("%s%s",
		                g_error_matches(error, FAILURE, FAILURE_SERVICE)
		                        ? "Error retrieving slot status via D-Bus: "
		                        : "",
		                error->message);
		return 1;
	}
	if (options->n_arguments > 2)
		return mark(system, client, options);
	return client ? print_there(client, options) : print_here(system, options);
}
