/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Lookup tables: arrays of fixed-size entries, found by index.
 */

#include "squashfs/image.h"

typedef struct {
	uint64_t at;
	uint32_t word; /* size and whether it is stored, like those of data blocks */
} TableFragment;

/* All user and group ids; array of super.n_ids. */
uint32_t *table_read_ids(Squashfs *fs, GError **error);

bool table_read_fragment(Squashfs *fs, uint32_t index, TableFragment *fragment, GError **error);
