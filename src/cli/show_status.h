/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * This device as text (chapter 4.7). Pure: a value in, bytes appended to a string.
 */

#include "cli/output.h"
#include "system/keyring_health.h"
#include "system/system.h"

typedef struct {
	const Slot *slot;
	const SlotState *state;
	const SlotStatus *status; /* NULL: nothing is known */
} ShowSlot;

typedef struct {
	const char *compatible, *variant, *version, *boot_slot; /* NULL is empty */
	const Slot *booted;                                     /* NULL: external */
	const Slot *primary;                                    /* NULL: unknown */
	const ShowSlot *slots;                                  /* in the order of system.conf */
	unsigned n_slots;
	const GPtrArray *repos;       /* of ConfigRepo */
	const KeyringHealth *keyring; /* shown where it is not fine; NULL: not known */
	bool is_detailed;
} ShowStatus;

/* Not for OUTPUT_JSON_2. */
void show_status(GString *to, const ShowStatus *status, OutputFormat format, OutputLook look);

/* Words of all formats. show_status_boot(): NULL for a slot without boot name. */
const char *show_status_activity(const ShowSlot *shown);
const char *show_status_boot(const ShowSlot *shown);
