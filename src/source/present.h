/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What of an image a target has in place already: asked of the target, where an index says so.
 */

#include "crypto/digest.h"
#include "source/hash_index.h"

#define PRESENT_PART   (1024 * 1024) /* looked at at once */
#define PRESENT_CHUNKS (PRESENT_PART / HASH_INDEX_CHUNK)

/* Memory that was used and will be again: having the kernel clear as many bytes as the image has would take
 * longer than hashing them on some machines. For several threads; starts as zeroes. */
typedef struct {
	void *parts[16];
} PresentShelf;

void present_shelf_clear(PresentShelf *shelf);

typedef struct {
	const HashIndex *wanted; /* of the image */
	Source *target;          /* NULL: there is none */
	const HashIndex *index;  /* of what the target is said to have; NULL: unknown */
	uint64_t n_likely;       /* in the first so many bytes ask whatever the index says */
	PresentShelf *shelf;     /* NULL: none; else it outlives what was made with it */
} PresentSetup;

typedef struct {
	uint32_t n; /* chunks of this part */
	uint8_t wanted[PRESENT_CHUNKS * DIGEST_SIZE];
	bool is_in_place[PRESENT_CHUNKS];
	uint32_t n_in_place;
	uint8_t *bytes; /* of the target, where something was read; NULL: nothing was */
	PresentShelf *shelf;
} Present;

/* A target that cannot be read has nothing; what fails is the image's index. */
Present *present_look(const PresentSetup *setup, uint64_t part, GError **error);
void present_drop_bytes(Present *present);
void present_free(Present *present);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Present, present_free)

/* Is this chunk (of HASH_INDEX_CHUNK bytes) the one with that digest? */
bool present_is_chunk(Digest *digest, const uint8_t *bytes, const uint8_t wanted[DIGEST_SIZE]);
