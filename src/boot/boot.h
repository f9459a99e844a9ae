/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Boot loaders: which slot boots next, and which slots may boot at all.
 *
 * One file a backend; each is a BootOps table that boot_open() finds by the
 * `bootloader=` of system.conf. A backend sees only slots with a boot name, in
 * the order of system.conf. Slots it returns are borrowed from that array.
 * Errors begin with "<bootloader> backend: ".
 */

#include <glib.h>
#include <stdbool.h>

#include "model/config.h"
#include "model/slot.h"

typedef struct Boot Boot;

typedef struct {
	const char *name;
	const Slot *(*get_primary)(Boot *boot, GError **error);
	bool (*set_primary)(Boot *boot, const Slot *slot, GError **error);
	bool (*get_state)(Boot *boot, const Slot *slot, bool *good, GError **error);
	bool (*set_state)(Boot *boot, const Slot *slot, bool good, GError **error);
	char *(*get_current)(Boot *boot, GError **error); /* NULL: the kernel command line knows */
	/* Is the state where it should be, readable, whole, safe? Changes nothing. NULL: nothing to add. */
	bool (*check)(Boot *boot, GError **error);
} BootOps;

struct Boot {
	const BootOps *ops;
	GPtrArray *slots;     /* of const Slot, those with a boot name */
	const Config *config; /* borrowed */
};

Boot *boot_open(const Config *config, GError **error);
void boot_free(Boot *boot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Boot, boot_free)

const Slot *boot_get_primary(Boot *boot, GError **error);
bool boot_set_primary(Boot *boot, const Slot *slot, GError **error);
bool boot_get_state(Boot *boot, const Slot *slot, bool *good, GError **error);
bool boot_set_state(Boot *boot, const Slot *slot, bool good, GError **error);

/* The boot name the backend itself knows of, or NULL (without error: it has none). */
char *boot_get_current(Boot *boot, GError **error);

/* What the backend itself has to say against how its state is kept. Changes nothing. */
bool boot_check(Boot *boot, GError **error);

/* The slot with this boot name, or NULL. */
const Slot *boot_find(const Boot *boot, const char *boot_name);
