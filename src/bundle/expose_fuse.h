/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A squashfs of this process as a mounted file system.
 */

#include "squashfs/squashfs.h"

typedef struct ExposeFuse ExposeFuse;

/* FAILURE_UNSUPPORTED where FUSE is not built in or the kernel does not have it. `folder` exists. */
ExposeFuse *expose_fuse_mount(Squashfs *files, const char *folder, GError **error);
void expose_fuse_unmount(ExposeFuse *fuse);
/* Wait until somebody else has unmounted it. */
void expose_fuse_serve(ExposeFuse *fuse);
