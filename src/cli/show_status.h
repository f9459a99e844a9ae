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

/* Ours: what the device has learned (doc/time.md); RAUC's services do not say it. */
typedef struct {
	bool is_known;
	uint32_t epoch;
	const char *floor;          /* "2026-03-02T00:00:00Z"; NULL: nobody knows */
	const char *source, *words; /* of the floor: "build" and "the build time of the image" */
	bool is_kept;               /* in a data directory */
	const char *demo;           /* which demo keys are trusted, NULL: none */
} ShowTrust;

typedef struct {
	const char *compatible, *variant, *version, *boot_slot; /* NULL is empty */
	const Slot *booted;                                     /* NULL: external */
	const Slot *primary;                                    /* NULL: unknown */
	const ShowSlot *slots;                                  /* in the order of system.conf */
	unsigned n_slots;
	const GPtrArray *repos; /* of ConfigRepo */
	ShowTrust trust;
	const KeyringHealth *keyring; /* shown where it is not fine; NULL: not known */
	bool is_detailed;
} ShowStatus;

/* Not for OUTPUT_JSON_2. */
void show_status(GString *to, const ShowStatus *status, OutputFormat format, OutputLook look);

/* Words of all formats. show_status_boot(): NULL for a slot without boot name. */
const char *show_status_activity(const ShowSlot *shown);
const char *show_status_boot(const ShowSlot *shown);
