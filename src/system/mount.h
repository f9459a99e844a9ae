/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Slots mounted for hooks, below the mount prefix.
 */

#include "model/config.h"

typedef struct Mount Mount;

/* Mounts at <mountprefix>/<slot name>, with extra-mount-opts. */
Mount *mount_slot(const Config *config, const Slot *slot, GError **error);
/* Unmounts and removes the folder; frees the Mount in any case. NULL is fine. */
bool mount_end(Mount *mount, GError **error);

const char *mount_path(const Mount *mount);
