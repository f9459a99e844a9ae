/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is booted and what is mounted, as the kernel tells it.
 */

#include <glib.h>

#include "boot/boot.h"
#include "model/slot.h"

/* "A", "_external_" or a device: override, kernel command line, boot loader (chapter 6.1). */
char *detect_boot_slot(Boot *boot, const char *override, GError **error);

/* The slot meant by `boot_slot`: by boot name, name or device. NULL: none of them. */
const Slot *detect_find_slot(const GPtrArray *slots, const char *boot_slot);

/* Where the device of `slot` is mounted, by a text of /proc/self/mountinfo; NULL: nowhere. A
 * file that a mounted loop device shows counts too. */
char *detect_mount_point(const Slot *slot, const char *mountinfo);
