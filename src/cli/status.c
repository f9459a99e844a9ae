/* SPDX-License-Identifier: MIT */

/* rauc status: what this device is, and marking its slots. */

#include "model/status.h"

#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "cli/show_status.h"
#include "system/mark.h"

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

static int print(System *system, const Options *options)
{
	const Config *config = system_config(system);
	g_autofree ShowSlot *slots = g_new0(ShowSlot, config->slots->len);
	g_autoptr(GString) text = g_string_new(NULL);
	OutputFormat format;

	system_refresh_boot(system);
	fill_slots(system, slots);
	ShowStatus status = {
		.compatible = config->compatible,
		.variant = system_variant(system),
		.version = system_version(system),
		.boot_slot = system_boot_slot(system),
		.booted = system_booted(system),
		.primary = ask_primary(system),
		.slots = slots,
		.n_slots = config->slots->len,
		.repos = config->repos,
		.is_detailed = options->is_detailed,
	};

	if (!output_format_by_name(options->output_format, &format) || format == OUTPUT_JSON_2) {
		output_complain("Unknown output format: '%s'", options->output_format);
		return 1;
	}
	show_status(text, &status, format, output_look());
	output_result(format, text);
	return 0;
}

static bool find_action(const char *name, MarkAction *action)
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
	return false;
}

static int mark(System *system, const char *subcommand, const char *identifier)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *message = NULL;
	MarkAction action;

	if (!find_action(subcommand, &action)) {
		output_complain("unknown subcommand %s", subcommand);
		return 1;
	}
	if (!system_lock(system, &error) ||
	    !mark_slots(system, action, identifier ? identifier : "booted", &message, &error)) {
		output_complain("rauc mark: %s", error->message);
		return 1;
	}
	output_text("rauc status: %s\n", message);
	return 0;
}

int command_status(const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(System) system = conf_open_system(options, &error);

	if (!system) {
		output_complain("%s", error->message);
		return 1;
	}
	if (options->n_arguments == 2)
		return print(system, options);
	if (options->n_arguments > 4) {
		output_complain("Too many arguments");
		return 1;
	}
	return mark(system, options->arguments[2], options->arguments[3]);
}
