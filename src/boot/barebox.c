/* SPDX-License-Identifier: MIT */

/*
 * barebox: its bootchooser takes the target with the highest priority that has
 * attempts left, and counts them down at each boot. Both numbers live in a state
 * framework that barebox-state of dt-utils reads and writes:
 *
 *   bootstate.A.priority             0: never
 *   bootstate.A.remaining_attempts   0: not again
 *
 * All variables of one change are stored in one call, and a change that changes
 * nothing writes nothing. A state that cannot be read does not stand in the way:
 * it is written anew.
 */

#include "boot/backends.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "boot/cmdline.h"

#define ATTEMPTS 3
#define PRIMARY  20 /* the one that was activated last */
#define OTHER    10

typedef struct {
	guint64 priority, attempts;
} Target;

static GPtrArray *call_new(const Boot *boot)
{
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(argv, g_strdup("barebox-state"));
	if (boot->config->barebox_statename) {
		g_ptr_array_add(argv, g_strdup("-n"));
		g_ptr_array_add(argv, g_strdup(boot->config->barebox_statename));
	}
	return argv;
}

static void call_end(const Boot *boot, GPtrArray *argv)
{
	if (boot->config->barebox_dtbpath) {
		g_ptr_array_add(argv, g_strdup("-i"));
		g_ptr_array_add(argv, g_strdup(boot->config->barebox_dtbpath));
	}
	g_ptr_array_add(argv, NULL);
}

static void add_get(GPtrArray *argv, const Slot *slot, const char *name)
{
	g_ptr_array_add(argv, g_strdup("-g"));
	g_ptr_array_add(argv, g_strdup_printf("bootstate.%s.%s", slot->boot_name, name));
}

static void add_set(GPtrArray *argv, const Slot *slot, const char *name, guint64 value)
{
	g_ptr_array_add(argv, g_strdup("-s"));
	g_ptr_array_add(argv, g_strdup_printf("bootstate.%s.%s=%" G_GUINT64_FORMAT, slot->boot_name,
	                                      name, value));
}

static bool read_target(const Boot *boot, const Slot *slot, Target *target, GError **error)
{
	g_autoptr(GPtrArray) argv = call_new(boot);
	g_autoptr(GError) reason = NULL;

	add_get(argv, slot, "priority");
	add_get(argv, slot, "remaining_attempts");
	call_end(boot, argv);
	g_autofree char *said = process_capture_argv((GStrv)argv->pdata, error);
	if (!said)
		return false;

	g_auto(GStrv) lines = g_strsplit(said, "\n", -1);
	if (g_strv_length(lines) != 2 ||
	    !g_ascii_string_to_unsigned(g_strstrip(lines[0]), 10, 0, G_MAXUINT32, &target->priority,
	                                &reason) ||
	    !g_ascii_string_to_unsigned(g_strstrip(lines[1]), 10, 0, G_MAXUINT32, &target->attempts,
	                                &reason))
		return fail(error, FAILURE_FORMAT,
		            "barebox-state said '%s' for slot %s, which is not two numbers: does "
		            "the state have priority and remaining_attempts for it?",
		            said, slot->name);
	return true;
}

static bool write_all(const Boot *boot, GPtrArray *argv, GError **error)
{
	call_end(boot, argv);
	return process_run_argv((GStrv)argv->pdata, error);
}

static guint64 attempts_of(int configured)
{
	return configured > 0 ? (guint64)configured : ATTEMPTS;
}

static const Slot *get_primary(Boot *boot, GError **error)
{
	g_autoptr(GError) reason = NULL;
	const Slot *best = NULL;
	guint64 highest = 0;

	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];
		Target target;

		/* One that cannot be read is no candidate; the others still are. */
		if (!read_target(boot, slot, &target, reason ? NULL : &reason))
			continue;
		if (target.attempts > 0 && target.priority > highest) {
			highest = target.priority;
			best = slot;
		}
	}
	if (best)
		return best;
	return reason ? fail_null(error, FAILURE_TOOL, "Unable to obtain primary element: %s",
	                          reason->message)
	              : fail_null(error, FAILURE_NOT_FOUND, "Unable to obtain primary element");
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	guint64 attempts = attempts_of(boot->config->boot_attempts_primary);
	g_autoptr(GPtrArray) argv = call_new(boot);
	bool is_change = false;

	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *each = boot->slots->pdata[i];
		bool is_chosen = g_str_equal(each->boot_name, slot->boot_name);
		g_autoptr(GError) reason = NULL;
		Target target = { 0, 0 };
		bool is_known = read_target(boot, each, &target, &reason);
		guint64 priority = is_chosen                          ? PRIMARY
		                   : target.priority == 0 && is_known ? 0
		                                                      : OTHER;

		if (!is_known)
			g_warning("barebox state of slot %s cannot be read and is written anew: %s",
			          each->name, reason->message);
		is_change |= !is_known || priority != target.priority ||
		             (is_chosen && attempts != target.attempts);
		add_set(argv, each, "priority", priority);
	}
	add_set(argv, slot, "remaining_attempts", attempts);
	return !is_change || write_all(boot, argv, error);
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	Target target;

	if (!read_target(boot, slot, &target, error))
		return false;
	*good = target.priority > 0 && target.attempts > 0;
	return true;
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	guint64 attempts = good ? attempts_of(boot->config->boot_attempts) : 0;
	g_autoptr(GPtrArray) argv = call_new(boot);
	Target target;

	if (read_target(boot, slot, &target, NULL) && target.attempts == attempts &&
	    (good || target.priority == 0))
		return true;
	if (!good)
		add_set(argv, slot, "priority", 0);
	add_set(argv, slot, "remaining_attempts", attempts);
	return write_all(boot, argv, error);
}

/* barebox appends which target it started. */
static char *get_current(Boot *boot G_GNUC_UNUSED, GError **error)
{
	g_autofree char *cmdline = cmdline_read(error);

	return cmdline ? cmdline_find_bootchooser(cmdline) : NULL;
}

const BootOps boot_barebox = {
	.name = "barebox",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
	.get_current = get_current,
};
