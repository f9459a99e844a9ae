/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The hash tree of dm-verity: sizes, making one, checking all of one.
 */

#include "base/pool.h"
#include "base/progress.h"
#include "crypto/digest.h"
#include "source/verity.h"

#define VERITY_MAX_LEVELS 16

typedef struct {
	unsigned n_levels;
	/* Level 0 is the leaves. Block numbers count from the start of the tree. */
	uint64_t first[VERITY_MAX_LEVELS];
	uint64_t n_blocks[VERITY_MAX_LEVELS];
	uint64_t n_total;
} VerityLayout;

/* `data_size` must be a multiple of 4096 and larger than 4096. */
bool verity_tree_layout(uint64_t data_size, VerityLayout *layout, GError **error);

/* The layout of `below`, which is data and tree; FAILURE_FORMAT where the size of the
 * tree is not the one that the data has. */
bool verity_tree_fit(const Source *below, const VerityParameters *parameters, VerityLayout *layout,
                     GError **error);

/* The digest of one block of 4096 bytes, of data or of digests alike. */
void verity_tree_hash(Digest *digest, const uint8_t salt[32], const void *block,
                      uint8_t result[DIGEST_SIZE]);

/* Hash all of `data` with `parameters->salt` in the pool; writes the tree behind the
 * data with pwrite to `fd` at `data_size`, and sets root and tree_size. */
bool verity_tree_create(Source *data, int fd, VerityParameters *parameters, Pool *pool,
                        GError **error);

/* All of it: every data block, every hash block, and that unused bytes are zero.
 * FAILURE_INTEGRITY "bundle payload is corrupted" (with the block). */
bool verity_tree_check(Source *below, const VerityParameters *parameters, Pool *pool,
                       Progress *progress, GError **error);
