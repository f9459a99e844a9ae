/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A file system made by hand: tables of one stored metadata block each, as far
 * as the modules below squashfs.c need them.
 */

#include <string.h>

#include "squashfs/image.h"

#define HAND_INODES  1000
#define HAND_FOLDERS 10000
#define HAND_SIZE    20000

typedef struct {
	Squashfs fs;
	uint8_t raw[HAND_SIZE];
	uint32_t ids[3];
} Hand;

static inline void hand_put(uint8_t *to, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

/* One stored block at `at` of the image. */
static inline void hand_block(Hand *hand, unsigned at, const void *data, unsigned size)
{
	hand_put(hand->raw + at, 2, 0x8000 | size);
	memcpy(hand->raw + at + 2, data, size);
}

/* After the blocks are there. */
static inline void hand_open(Hand *hand)
{
	g_autoptr(GBytes) bytes = g_bytes_new(hand->raw, HAND_SIZE);

	hand->ids[0] = 0;
	hand->ids[1] = 1000;
	hand->ids[2] = 2000;
	hand->fs = (Squashfs){
		.refs = 1,
		.source = source_memory_new(bytes),
		.ids = hand->ids,
		.codecs = { .ops = &codec_zlib },
		.super = { .codec = &codec_zlib,
		           .n_inodes = 50,
		           .block_size = 4096,
		           .block_log = 12,
		           .n_fragments = 2,
		           .n_ids = 3,
		           .bytes_used = HAND_SIZE,
		           .inode_table = HAND_INODES,
		           .inode_table_end = HAND_FOLDERS,
		           .folder_table = HAND_FOLDERS,
		           .folder_table_end = HAND_SIZE },
	};
}

static inline void hand_close(Hand *hand)
{
	source_unref(hand->fs.source);
	codec_clear_shelf(&hand->fs.codecs);
}
