/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The superblock: what kind of image, and where its tables are.
 */

#include "source/source.h"
#include "squashfs/codec.h"

#define SUPER_SIZE    96
#define SUPER_NOWHERE G_MAXUINT64 /* the table is not there */

typedef struct {
	const CodecOps *codec;
	uint32_t n_inodes;
	uint32_t block_size;
	unsigned block_log;
	uint32_t n_fragments;
	unsigned n_ids;
	uint64_t root; /* inode reference */
	uint64_t bytes_used;
	uint64_t id_table;
	uint64_t inode_table, inode_table_end;
	uint64_t folder_table, folder_table_end;
	uint64_t fragment_table;
} Super;

/* Everything in it was checked: tables are where there are bytes. */
bool super_read(Source *source, Super *super, GError **error);
