/* SPDX-License-Identifier: MIT */

#include "writer/mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "writer/flash.h"

struct Mount {
	char *path;
};

/* jffs2 is mounted by the name of its MTD, "mtd3", whatever the device is called; only a block
 * device on top of one is mounted as other file systems are. */
static char *source_for(const Slot *slot)
{
	g_auto(Flash) flash = { 0 };

	if (slot->type != SLOT_JFFS2 || !flash_find(&flash, FLASH_SYSFS, slot->device, NULL) ||
	    flash.kind == FLASH_UBI_VOLUME)
		return g_strdup(slot->device);
	return g_strdup_printf("mtd%u", flash.number);
}

static GStrv command_for(const Slot *slot, const char *more, const char *path)
{
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_autofree char *device = source_for(slot);

	g_strv_builder_add_many(argv, "mount", "-t", slot_type_name(slot->type), NULL);
	if (slot->extra_mount_opts)
		g_strv_builder_add_many(argv, "-o", slot->extra_mount_opts, NULL);
	if (more)
		g_strv_builder_add_many(argv, "-o", more, NULL);
	g_strv_builder_add_many(argv, device, path, NULL);
	return g_strv_builder_end(argv);
}

static Mount *mount_with(const char *prefix, const Slot *slot, const char *more, GError **error)
{
	g_autofree char *path = g_build_filename(prefix, slot->name, NULL);
	g_auto(GStrv) argv = command_for(slot, more, path);

	if (!file_make_folders(path, 0700, error))
		return NULL;
	if (!process_run_argv(argv, error)) {
		g_prefix_error(error, "failed to mount slot %s: ", slot->name);
		rmdir(path);
		return NULL;
	}
	Mount *mount = g_new0(Mount, 1);
	mount->path = g_steal_pointer(&path);
	return mount;
}

Mount *mount_slot(const char *prefix, const Slot *slot, GError **error)
{
	return mount_with(prefix, slot, NULL, error);
}

Mount *mount_slot_read_only(const char *prefix, const Slot *slot, GError **error)
{
	/* noload: ext4 would write its journal even then. */
	return mount_with(prefix, slot, slot->type == SLOT_EXT4 ? "ro,noload" : "ro", error);
}

Mount *mount_nothing(const char *prefix, const Slot *slot, GError **error)
{
	g_autofree char *path = g_build_filename(prefix, slot->name, NULL);

	if (!file_make_folders(path, 0700, error))
		return NULL;
	if (mount("rauc-nothing", path, "tmpfs", MS_NODEV | MS_NOSUID, "mode=0755,size=1m") < 0) {
		fail_errno(error, "cannot mount an empty file system at %s", path);
		rmdir(path);
		return NULL;
	}
	Mount *mounted = g_new0(Mount, 1);
	mounted->path = g_steal_pointer(&path);
	return mounted;
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

void mount_clear_left_over(const char *prefix, const Slot *slot)
{
	g_autofree char *path = g_build_filename(prefix, slot->name, NULL);

	while (umount2(path, UMOUNT_NOFOLLOW) == 0)
		g_message("unmounted %s, left over from a rauc that was killed", path);
	rmdir(path);
}

void mount_give_up(Mount *mount)
{
	g_autoptr(GError) stuck = NULL;

	if (!mount_end(mount, &stuck))
		g_warning("%s", stuck->message);
}

const char *mount_path(const Mount *mount)
{
	return mount->path;
}

bool mount_sync(const Mount *mount, GError **error)
{
	fd_auto int fd = fd_open(mount->path, O_RDONLY | O_DIRECTORY, 0, error);

	return fd >= 0 && (syncfs(fd) == 0 || fail_errno(error, "cannot sync %s", mount->path));
}
