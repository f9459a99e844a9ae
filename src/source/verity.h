/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * dm-verity in user space: no byte leaves that the root hash does not vouch for.
 *
 * `below` is [data blocks][hash tree], without superblock (chapter 1.4 has the
 * layout, verity_tree.c the drawing). The upper levels of the tree are checked
 * and kept when the source is made; leaf blocks are checked when they are read,
 * by each reader for itself, so a read takes no lock. What fails the check never
 * reaches the caller: its memory is zeroed.
 */

#include "source/source.h"

#define VERITY_BLOCK 4096

typedef struct {
	uint8_t root[32];
	uint8_t salt[32];
	uint64_t tree_size; /* bytes, multiple of 4096 */
} VerityParameters;

/* The size is that of the data. Keeps `below`. A tree whose size does not fit the
 * data is FAILURE_FORMAT, one that does not match the root FAILURE_INTEGRITY. */
Source *source_verity_new(Source *below, const VerityParameters *parameters, GError **error);
