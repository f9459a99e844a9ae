/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Target group: the inactive slots one installation writes to (chapter 8.1).
 *
 * For each root class one inactive slot is picked; with it come the slots whose
 * root parent it is. Pure: the caller says which slots are active and when each
 * was last installed.
 */

#include <glib.h>
#include <stdbool.h>

#include "model/slot.h"
#include "model/status.h"

/* What the choice depends on, one a slot, in the order of `slots`. */
typedef struct {
	bool is_active;           /* booted, or its root parent is */
	const SlotStatus *status; /* NULL: none kept centrally */
} GroupSlot;

/* Array of borrowed const Slot, at most one a class, in the order of `slots`.
 * `is_central`: by oldest installation, else the first inactive one. */
GPtrArray *group_pick_target(const GPtrArray *slots, const GroupSlot *states, bool is_central);

/* The slot of this class in a target group, or NULL. */
const Slot *group_find(const GPtrArray *group, const char *class);
