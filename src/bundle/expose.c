/* SPDX-License-Identifier: MIT */

#include "bundle/expose.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/expose_fuse.h"
#include "bundle/extract.h"

struct Expose {
	char *folder;
	ExposeFuse *fuse; /* NULL: a copy */
};

/* A mount whose server was killed must go before anything below it can be looked at. */
static bool clear_folder(const char *folder, GError **error)
{
	while (umount2(folder, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	return file_remove_tree(folder, error);
}

Expose *expose_bundle(Bundle *bundle, const char *folder, GError **error)
{
	ERROR_WHILE(error, "showing the bundle to its hooks");
	g_autoptr(Expose) expose = g_new0(Expose, 1);
	g_autoptr(GError) no_fuse = NULL;

	if (!clear_folder(folder, error) || !file_make_folders(folder, 0700, error))
		return NULL;
	expose->folder = g_strdup(folder);
	expose->fuse = expose_fuse_mount(bundle_files(bundle), folder, &no_fuse);
	if (expose->fuse)
		return g_steal_pointer(&expose);

	g_info("no FUSE (%s): extracting the bundle to %s", no_fuse->message, folder);
	if (rmdir(folder) < 0)
		return fail_errno_null(error, "cannot remove %s", folder);
	return extract_bundle(bundle, folder, error) ? g_steal_pointer(&expose) : NULL;
}

void expose_end(Expose *expose)
{
	g_autoptr(GError) error = NULL;

	if (!expose)
		return;
	if (expose->fuse)
		expose_fuse_unmount(expose->fuse);
	if (expose->folder && !clear_folder(expose->folder, &error))
		g_warning("%s", error->message);
	g_free(expose->folder);
	g_free(expose);
}

/* A file system in memory that is gone with its last mount: filled out of sight, then shown. */
static bool mount_copy(Bundle *bundle, const char *folder, GError **error)
{
	g_autofree char *memory = g_strconcat(folder, ".memory", NULL);
	g_autofree char *content = g_build_filename(memory, "content", NULL);

	if (!clear_folder(memory, error) || !file_make_folders(memory, 0700, error))
		return false;
	if (mount("rauc-bundle", memory, "tmpfs", MS_NODEV | MS_NOSUID, "mode=0700") < 0) {
		fail_errno(error, "cannot mount memory at %s", memory);
		rmdir(memory);
		return false;
	}
	bool ok = extract_bundle(bundle, content, error);
	if (ok && mount(content, folder, NULL, MS_BIND, NULL) < 0)
		ok = fail_errno(error, "cannot mount at %s", folder);
	if (ok && mount(NULL, folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NODEV | MS_NOSUID,
	                NULL) < 0) {
		ok = fail_errno(error, "cannot make %s read-only", folder);
		umount2(folder, MNT_DETACH);
	}
	umount2(memory, MNT_DETACH);
	rmdir(memory);
	return ok;
}

static bool is_mount_point(const char *folder)
{
	g_autofree char *parent = g_path_get_dirname(folder);
	struct stat here, above;

	if (lstat(folder, &here) < 0)
		return errno == ENOTCONN; /* FUSE whose server has gone */
	return lstat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

Expose *expose_mount(Bundle *bundle, const char *folder, GError **error)
{
	g_autoptr(GError) no_fuse = NULL;

	if (is_mount_point(folder))
		return fail_null(error, FAILURE_BUSY,
		                 "something is mounted at %s already: umount it first", folder);
	if (!file_make_folders(folder, 0700, error))
		return NULL;

	ExposeFuse *fuse = expose_fuse_mount(bundle_files(bundle), folder, &no_fuse);
	if (!fuse)
		g_info("no FUSE (%s): copying the bundle into memory", no_fuse->message);
	if (!fuse && !mount_copy(bundle, folder, error)) {
		rmdir(folder);
		return NULL;
	}
	Expose *expose = g_new0(Expose, 1);
	expose->folder = g_strdup(folder);
	expose->fuse = fuse;
	return expose;
}

void expose_serve(Expose *expose)
{
	if (expose->fuse) {
		expose_fuse_serve(expose->fuse);
		rmdir(expose->folder);
	}
	g_free(expose->folder);
	g_free(expose);
}

const char *expose_folder(const Expose *expose)
{
	return expose->folder;
}

const char *expose_kind(const Expose *expose)
{
	return expose->fuse ? "fuse" : "copy";
}
