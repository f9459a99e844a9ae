/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where the chunks of a new image can be had without fetching them.
 *
 *   what is wanted   | c0 | c1 | c2 | c3 | c4 | …     4 KiB each (source/hash_index)
 *                      |    |    |    |    `--- image     nobody has it: fetched
 *                      |    |    |    `-------- other     some other place that can be read
 *                      |    |    `------------- target    the target, at another place, as long as
 *                      |    |                             it is not overwritten there
 *                      |    `------------------ written   the target, where this image put it
 *                      `----------------------- in place  the target, there: no write either
 *
 * seeds_plan() finds out, before anything is written or fetched: chunks that indexes say are in
 * place are read and hashed, on all cores; those that are missing are sought in all indexes by
 * digest. What has to be fetched is then known, and asked for ahead. seeds_fill() makes the bytes.
 *
 * An index is a hint. Whatever a seed gives is hashed, and fetched where that is not what is
 * wanted; what comes from the image is taken as it is, but who kept a wrong index is told. So a
 * seed may change at any time.
 *
 * Memory is the same for every image: the plan lies in a file, 4 bytes a chunk, indexes are read
 * in windows, and sought are SEEDS_LOT chunks at once, with 1 MiB; where more are missing, the
 * indexes are gone through once for each such lot.
 */

#include "base/pool.h"
#include "base/progress.h"
#include "crypto/digest.h"
#include "source/hash_index.h"

#define SEEDS_PART        (1024 * 1024) /* what is filled at once */
#define SEEDS_PART_CHUNKS (SEEDS_PART / HASH_INDEX_CHUNK)
#define SEEDS_LOT         (64 * 1024)
#define SEEDS_MOST_OTHERS 3

typedef enum {
	SEEDS_IMAGE,
	SEEDS_ZERO, /* only zeroes: made */
	SEEDS_IN_PLACE,
	SEEDS_WRITTEN,
	SEEDS_TARGET,
	SEEDS_OTHER, /* the first of them */
} SeedsKind;

#define SEEDS_N_KINDS (SEEDS_OTHER + SEEDS_MOST_OTHERS)

typedef struct {
	Source *bytes;
	const HashIndex *index;
} Seed;

/* All of it is borrowed, and must outlive the Seeds. Sources are read in whole chunks, into memory
 * that is aligned to them. */
typedef struct {
	Source *image;
	const HashIndex *wanted; /* of the image, to the byte */
	Seed target;             /* index NULL: of what it has now nothing is known */
	/* In the first bytes, so many, the image may be in place whatever the index says. */
	uint64_t n_likely;
	Seed others[SEEDS_MOST_OTHERS]; /* up to the first without bytes */
	int map;                        /* an empty file for the plan */
	/* A part is filled when all that are more than so many before it are written, and none
	 * that comes after it. */
	unsigned lag;
	bool needs_data; /* what is in place is wanted too */
} SeedsSetup;

typedef struct Seeds Seeds;

/* `progress` (may be NULL) hears [0, image size) of `total`. */
Seeds *seeds_plan(const SeedsSetup *setup, Pool *pool, Progress *progress, uint64_t total,
                  GError **error);
void seeds_free(Seeds *seeds);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Seeds, seeds_free)

/* So many parts from the first on are in place as a whole. They were read for that, and need not be
 * read again for the digest of the image: this is what it has of them. The caller owns it. */
uint64_t seeds_take_start(Seeds *seeds, Digest **digest);

/* Bytes that were planned to come from there. */
uint64_t seeds_planned(const Seeds *seeds, SeedsKind kind);

/* All before `part` is done: ask the image for what comes next. From one thread. */
void seeds_prefetch(Seeds *seeds, uint64_t part);

typedef struct {
	/* Is on the target; its bytes are there only if they were needed, else zeroes or, where all
	 * of the part is in place, nothing. */
	bool is_in_place[SEEDS_PART_CHUNKS];
	uint32_t n[SEEDS_N_KINDS]; /* bytes that came from there */
	uint32_t n_wrong;          /* bytes of the image that are not what its index says */
} SeedsFilled;

/* The bytes of this part (the last may be shorter). From several threads. */
bool seeds_fill(const Seeds *seeds, uint64_t part, uint8_t *to, SeedsFilled *filled,
                GError **error);
