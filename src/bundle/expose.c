/* SPDX-License-Identifier: MIT */

#include "bundle/expose.h"

#include <errno.h>
#include <sys/mount.h>
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

const char *expose_folder(const Expose *expose)
{
	return expose->folder;
}

const char *expose_kind(const Expose *expose)
{
	return expose->fuse ? "fuse" : "copy";
}
