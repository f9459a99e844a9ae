/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The disk and the number of a partition, as a boot entry of the firmware
 * names it.
 */

#include <glib.h>
#include <stdbool.h>

/* `sys` is /sys/class/block, `device` a partition or a link to one. *disk is the whole disk's
 * device node, beside the partition's. */
bool efi_disk_find(const char *sys, const char *device, char **disk, unsigned *part,
                   GError **error);
