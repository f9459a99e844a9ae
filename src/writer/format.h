/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A new, empty file system in a slot (chapter 7.2).
 */

#include <glib.h>
#include <stdbool.h>

#include "model/slot.h"

/* The command that makes it; NULL for a slot type without a file system, and for jffs2: that is
 * made by erasing its MTD. */
GStrv format_command(const Slot *slot);

/* Is there a program for it on this system, and can the MTD be erased? */
bool format_check(const Slot *slot, GError **error);
bool format_run(const Slot *slot, GError **error);
