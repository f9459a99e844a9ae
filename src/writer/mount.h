/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Slots mounted, for writers and for hooks, below the mount prefix.
 */

#include <glib.h>
#include <stdbool.h>

#include "model/slot.h"

typedef struct Mount Mount;

/* Mounts at <prefix>/<slot name>, with extra-mount-opts. */
Mount *mount_slot(const char *prefix, const Slot *slot, GError **error);
/* The same, and not a bit of it changes. */
Mount *mount_slot_read_only(const char *prefix, const Slot *slot, GError **error);
/* An empty file system in memory in its place, for who wants to look into a slot that has none. */
Mount *mount_nothing(const char *prefix, const Slot *slot, GError **error);
/* Unmounts and removes the folder; frees the Mount in any case. NULL is fine. */
bool mount_end(Mount *mount, GError **error);
/* The same after an error that is to be told: this one is only logged. */
void mount_give_up(Mount *mount);

/* Unmounts what a rauc that was killed left at <prefix>/<slot name>. Only under the lock: nobody
 * else mounts there. What is still in use stays. */
void mount_clear_left_over(const char *prefix, const Slot *slot);

const char *mount_path(const Mount *mount);

/* All that was written to it is on the medium. */
bool mount_sync(const Mount *mount, GError **error);
