/* SPDX-License-Identifier: MIT */

/*
 * No boot loader to speak to: changes succeed and do nothing, questions have
 * no answer.
 */

#include "boot/backends.h"

static bool set_primary(Boot *boot G_GNUC_UNUSED, const Slot *slot, GError **error G_GNUC_UNUSED)
{
	g_message("noop bootloader: ignore setting slot %s as primary", slot->name);
	return true;
}

static bool set_state(Boot *boot G_GNUC_UNUSED, const Slot *slot, bool good,
                      GError **error G_GNUC_UNUSED)
{
	g_message("noop bootloader: ignore setting slot %s status to %s", slot->name,
	          good ? "good" : "bad");
	return true;
}

const BootOps boot_noop = {
	.name = "noop",
	.set_primary = set_primary,
	.set_state = set_state,
};
