/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The content of a file as a Source.
 */

#include "squashfs/inode.h"

/* `meta` stands behind the inode, where inode_read() left it. Keeps `fs`. */
Source *data_open(Squashfs *fs, const Inode *file, Meta *meta, GError **error);
