/* SPDX-License-Identifier: MIT */

#include "system/detect.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "boot/cmdline.h"
#include "writer/flash.h"

#define LOOP_MAJOR 7

char *detect_boot_slot(Boot *boot, const char *override, GError **error)
{
	if (override)
		return g_strdup(override);
	g_autofree char *cmdline = cmdline_read(error);
	if (!cmdline)
		return NULL;

	char *slot = cmdline_find_slot(cmdline);
	if (slot)
		return slot;

	g_autoptr(GError) reason = NULL;
	char *current = boot_get_current(boot, &reason);
	if (current)
		return current;
	if (reason)
		g_message("%s", reason->message);

	g_autofree char *root = cmdline_find_root(cmdline);
	if (!root)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "Could not find any root device or rauc slot information in "
		                 "/proc/cmdline");
	return path_real(root);
}

/* root=ubi0:rootfs, root=/dev/ubiblock0_1, root=mtd3: flash has more names than its path. */
static bool is_flash_named(const Slot *slot, const char *name)
{
	g_auto(Flash) flash = { 0 };

	return flash_find(&flash, FLASH_SYSFS, slot->device, NULL) && flash_has_name(&flash, name);
}

const Slot *detect_find_slot(const GPtrArray *slots, const char *boot_slot)
{
	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];
		g_autofree char *device = path_real(slot->device);

		if (g_strcmp0(slot->boot_name, boot_slot) == 0 ||
		    g_str_equal(slot->name, boot_slot) || g_str_equal(device, boot_slot) ||
		    is_flash_named(slot, boot_slot))
			return slot;
	}
	return NULL;
}

/* The file behind a loop device, NULL for other devices. */
static char *backing_file(unsigned device_major, unsigned device_minor)
{
	if (device_major != LOOP_MAJOR)
		return NULL;
	g_autofree char *path = g_strdup_printf("/sys/dev/block/%u:%u/loop/backing_file",
	                                        device_major, device_minor);
	char *file = file_read(path, 8192, NULL, NULL);
	return file ? g_strchomp(file) : NULL;
}

/* mountinfo: "36 35 98:0 /root /mount/point options ... - type source options", with blanks
 * and the like as octal escapes. */
static bool shows_device(char **fields, const struct stat *st, const char *real)
{
	unsigned device_major, device_minor;

	if (sscanf(fields[2], "%u:%u", &device_major, &device_minor) != 2)
		return false;
	if (S_ISBLK(st->st_mode))
		return major(st->st_rdev) == device_major && minor(st->st_rdev) == device_minor;
	g_autofree char *file = backing_file(device_major, device_minor);
	return g_strcmp0(file, real) == 0;
}

char *detect_mount_point(const Slot *slot, const char *mountinfo)
{
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
	g_autofree char *real = path_real(slot->device);
	g_auto(Flash) flash = { 0 };
	struct stat st;

	if (stat(slot->device, &st) < 0)
		return NULL;
	if (S_ISCHR(st.st_mode))
		return flash_find(&flash, FLASH_SYSFS, slot->device, NULL)
		               ? flash_mount_point(&flash, mountinfo)
		               : NULL;
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, " ", 6);

		if (g_strv_length(fields) == 6 && shows_device(fields, &st, real))
			return g_strcompress(fields[4]);
	}
	return NULL;
}
