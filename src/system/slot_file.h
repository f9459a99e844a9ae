/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Status in the slot itself: slot.raucs in the root of its file system (chapter 7.8), for
 * devices without a central status file.
 *
 * The slot is mounted for it, below `mount_prefix` and for reading read-only, unless somebody
 * has it mounted at `mount_point` (NULL: nobody). A slot without a file system has no status.
 */

#include "model/slot.h"
#include "model/status.h"

/* Never fails: what cannot be read is told, and an empty status. */
SlotStatus *slot_file_load(const char *mount_prefix, const Slot *slot, const char *mount_point);

bool slot_file_save(const char *mount_prefix, const Slot *slot, const char *mount_point,
                    const SlotStatus *status, GError **error);
