/* SPDX-License-Identifier: MIT */

#include "boot/efi_disk.h"

#include <stdlib.h>

#include "base/error.h"

static bool read_number(const char *path, const char *device, unsigned *number, GError **error)
{
	g_autofree char *text = NULL;
	guint64 value;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return fail(error, FAILURE_CONFIG,
		            "%s is not a partition, so no boot entry can name it", device);
	if (!g_ascii_string_to_unsigned(g_strchomp(text), 10, 1, 0xffff, &value, NULL))
		return fail(error, FAILURE_FORMAT, "%s says '%s', which is no partition number",
		            path, text);
	*number = (unsigned)value;
	return true;
}

/* The kernel shows a partition as a folder in that of its disk: …/block/sda/sda1. */
bool efi_disk_find(const char *sys, const char *device, char **disk, unsigned *part, GError **error)
{
	char *node = realpath(device, NULL);

	if (!node)
		return fail_errno(error, "cannot find the device %s", device);

	g_autofree char *folder = g_path_get_dirname(node);
	g_autofree char *name = g_path_get_basename(node);
	g_autofree char *number = g_build_filename(sys, name, "partition", NULL);
	g_autofree char *link = g_build_filename(sys, name, NULL);
	free(node);
	if (!read_number(number, device, part, error))
		return false;

	char *shown = realpath(link, NULL);
	if (!shown)
		return fail_errno(error, "cannot follow %s", link);
	g_autofree char *parent = g_path_get_dirname(shown);
	g_autofree char *parent_name = g_path_get_basename(parent);
	free(shown);
	*disk = g_build_filename(folder, parent_name, NULL);
	return true;
}
