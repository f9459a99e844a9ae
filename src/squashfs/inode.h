/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Inodes: what an entry is, and where its content lies.
 */

#include "squashfs/image.h"
#include "squashfs/meta.h"

#define INODE_NO_FRAGMENT UINT32_MAX

typedef struct {
	SquashfsType type;
	unsigned mode;
	uint32_t uid, gid;
	uint32_t mtime;
	uint32_t number;
	uint32_t device; /* of a device node, as the kernel encodes it on disk */
	uint64_t size;   /* of a file's content, or of a folder's listing */
	/* A folder's listing, or the first block of a file. */
	uint64_t block;
	unsigned offset;
	/* A file's tail. */
	uint32_t fragment, fragment_offset;
	char *target;
} Inode;

void inode_clear(Inode *inode);

/* A Meta for inode_read(); g_free() it. */
Meta *inode_reader(Squashfs *fs);

/* `reference` is the one of a directory entry or of the superblock. Behind a file `meta`
 * stands at its list of blocks. */
bool inode_read(Squashfs *fs, Meta *meta, uint64_t reference, Inode *inode, GError **error);
