/* SPDX-License-Identifier: MIT */

#include "system/mount.h"

#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

struct Mount {
	char *path;
};

Mount *mount_slot(const Config *config, const Slot *slot, GError **error)
{
	g_autofree char *path = g_build_filename(config->mount_prefix, slot->name, NULL);
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

	if (!file_make_folders(path, 0700, error))
		return NULL;
	g_strv_builder_add_many(argv, "mount", "-t", slot_type_name(slot->type), NULL);
	if (slot->extra_mount_opts)
		g_strv_builder_add_many(argv, "-o", slot->extra_mount_opts, NULL);
	g_strv_builder_add_many(argv, slot->device, path, NULL);

	g_auto(GStrv) words = g_strv_builder_end(argv);
	if (!process_run_argv(words, error)) {
		g_prefix_error(error, "failed to mount slot %s: ", slot->name);
		rmdir(path);
		return NULL;
	}
	Mount *mount = g_new0(Mount, 1);
	mount->path = g_steal_pointer(&path);
	return mount;
}

bool mount_end(Mount *mount, GError **error)
{
	if (!mount)
		return true;
	bool ok = process_run(error, "umount", mount->path, NULL);
	if (ok)
		rmdir(mount->path);
	g_free(mount->path);
	g_free(mount);
	return ok;
}

const char *mount_path(const Mount *mount)
{
	return mount->path;
}
