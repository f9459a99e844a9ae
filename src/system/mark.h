/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Marking slots good, bad and active (chapter 6.9).
 */

#include "system/system.h"

typedef enum { MARK_GOOD, MARK_BAD, MARK_ACTIVE } MarkAction;

/* `identifier`: "booted", "other" or "<class>.<index>". `*message` says what was done. */
bool mark_slots(System *system, MarkAction action, const char *identifier, char **message,
                GError **error);

/* The names of the slots `identifier` means, separated by blanks. */
char *mark_find_names(System *system, const char *identifier, GError **error);

/* One slot, as an installation needs it. */
bool mark_bad(System *system, const Slot *slot, GError **error);
bool mark_active(System *system, const Slot *slot, GError **error);
