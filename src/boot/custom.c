/* SPDX-License-Identifier: MIT */

/*
 * A program of the product speaks to the boot loader:
 *
 *   get-primary               prints a boot name
 *   set-primary NAME
 *   get-state NAME            prints good or bad
 *   set-state NAME good|bad
 *   get-current               prints the boot name that runs now, or nothing
 */

#include "boot/backends.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"

static const char *program(const Boot *boot)
{
	return boot->config->handler_bootloader_custom;
}

static const Slot *get_primary(Boot *boot, GError **error)
{
	g_autofree char *said = process_capture(error, program(boot), "get-primary", NULL);
	const Slot *slot;

	if (!said)
		return NULL;
	slot = boot_find(boot, g_strstrip(said));
	if (!slot)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "'%s' does not match any configured bootname", said);
	return slot;
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	return process_run(error, program(boot), "set-primary", slot->boot_name, NULL);
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	g_autofree char *said =
		process_capture(error, program(boot), "get-state", slot->boot_name, NULL);

	if (!said)
		return false;
	g_strstrip(said);
	if (!g_str_equal(said, "good") && !g_str_equal(said, "bad"))
		return fail(error, FAILURE_FORMAT,
		            "%s get-state %s said '%s', neither good nor bad", program(boot),
		            slot->boot_name, said);
	*good = g_str_equal(said, "good");
	return true;
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	return process_run(error, program(boot), "set-state", slot->boot_name,
	                   good ? "good" : "bad", NULL);
}

static char *get_current(Boot *boot, GError **error)
{
	g_autofree char *said = process_capture(error, program(boot), "get-current", NULL);

	if (!said)
		return NULL;
	said[strcspn(said, "\n")] = '\0';
	g_strstrip(said);
	return *said ? g_steal_pointer(&said) : NULL;
}

const BootOps boot_custom = {
	.name = "custom",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
	.get_current = get_current,
};
