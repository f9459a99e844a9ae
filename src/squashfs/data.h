/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The content of a file as a Source.
 */

#include "squashfs/inode.h"

/* `meta` stands behind the inode, where inode_read() left it. Keeps `fs`. */
Source *data_open(Squashfs *fs, const Inode *file, Meta *meta, GError **error);

/* Of a source made by this module, and of no other; `at` is below its size. */
SquashfsBlock data_find_block(const Source *file, uint64_t at);
