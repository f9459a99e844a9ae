/* SPDX-License-Identifier: MIT */

/* In place of expose_fuse.c where libfuse3 is not built in. */

#include "bundle/expose_fuse.h"

#include "base/error.h"

ExposeFuse *expose_fuse_mount(Squashfs *files G_GNUC_UNUSED, const char *folder G_GNUC_UNUSED,
                              GError **error)
{
	return fail_null(error, FAILURE_UNSUPPORTED, "built without libfuse3");
}

void expose_fuse_unmount(ExposeFuse *fuse G_GNUC_UNUSED)
{
}

void expose_fuse_serve(ExposeFuse *fuse G_GNUC_UNUSED)
{
}
