/* SPDX-License-Identifier: MIT */

#include "system/slot_file.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "writer/mount.h"

#define MAX_STATUS (1 << 20)
#define GROUP      "slot"

static char *path_in(const char *mount_point)
{
	return g_build_filename(mount_point, "slot.raucs", NULL);
}

/* The document there; none yet is an empty one. */
static StatusFile *read_file(const char *mount_point, GError **error)
{
	g_autofree char *path = path_in(mount_point);
	size_t size;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return status_file_new();
	g_autofree char *text = file_read(path, MAX_STATUS, &size, error);
	return text ? status_file_parse(text, size, error) : NULL;
}

static SlotStatus *get(const Slot *slot, const char *mount_point)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(StatusFile) file = read_file(mount_point, &error);

	if (file)
		return status_file_get(file, GROUP);
	g_message("the status of slot %s is unknown: %s", slot->name, error->message);
	return slot_status_new();
}

SlotStatus *slot_file_load(const char *mount_prefix, const Slot *slot, const char *mount_point)
{
	g_autoptr(GError) error = NULL;

	if (!slot_type_is_mountable(slot->type))
		return slot_status_new();
	if (mount_point)
		return get(slot, mount_point);

	Mount *mount = mount_slot_read_only(mount_prefix, slot, &error);
	if (!mount) {
		g_message("the status of slot %s is unknown: %s", slot->name, error->message);
		return slot_status_new();
	}
	SlotStatus *status = get(slot, mount_path(mount));
	mount_give_up(mount);
	return status;
}

/* On FAT the rename may be cut by a lost power: the status is unknown then, which is no harm. */
static bool put(const char *mount_point, const SlotStatus *status, GError **error)
{
	g_autofree char *path = path_in(mount_point);
	g_autoptr(StatusFile) file = read_file(mount_point, NULL);

	if (!file)
		file = status_file_new();
	status_file_set(file, GROUP, status);
	g_autofree char *text = status_file_format(file);
	return file_replace(path, text, strlen(text), 0600, error);
}

bool slot_file_save(const char *mount_prefix, const Slot *slot, const char *mount_point,
                    const SlotStatus *status, GError **error)
{
	ERROR_WHILE(error, "saving slot status");

	if (!slot_type_is_mountable(slot->type))
		return true;
	if (mount_point)
		return put(mount_point, status, error);

	Mount *mount = mount_slot(mount_prefix, slot, error);
	if (mount && put(mount_path(mount), status, error))
		return mount_end(mount, error);
	if (mount)
		mount_give_up(mount);
	return false;
}
