/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pipeline from a Source to a device.
 *
 *   workers   read, check and decompress 1 MiB each, and see which 64 KiB are zero
 *   consumer  in order: large aligned writes (O_DIRECT where the target takes it),
 *             zeroes punched where the target can
 *   chase     what has been flushed is read back from the medium, SHA-256
 *   then      flush, and read back the rest; compare with the manifest. One hash shows both, that
 *             the image is the signed one and that the medium has it; without reading back, what
 *             is written is hashed. A block here and there is looked at once more, for media that put
 *             later writes over earlier ones.
 *
 * What is on the target already need not be fetched nor written: a journal tells what was
 * written there once, the medium is asked whether it is still there. Where nothing had to be
 * written, what was read for that is not read back again; else all of it is.
 *
 * Memory: pool depth times 1 MiB, and CHASE_PIECE.
 */

#include "base/pool.h"
#include "base/progress.h"
#include "source/seeds.h"
#include "source/source.h"

#define COPY_HEAD_MAX 4096
#define COPY_CHUNK    (1024 * 1024)

/* Bytes [at, at + size) of a target. */
typedef struct {
	uint64_t at, size;
} Window;

/* What is known of a target from an earlier run with the same image, and whom to tell of this one. */
typedef struct {
	const uint8_t *
		known; /* digest_quick() of each COPY_CHUNK from the first on, the last may be shorter */
	uint64_t n_known;
	/* Chunks [first, first + n) are on the medium for good: their digests. */
	void (*put)(void *user, uint64_t first, const uint8_t *digests, size_t n);
	void *user;
	uint64_t step; /* bytes written between two puts */
} CopyJournal;

typedef struct {
	Source *bytes;
	const char *path;   /* device or regular file, written in place */
	const char *sha256; /* hex, of all bytes; NULL: unknown */
	Pool *pool;
	Progress *progress;
	bool verify;          /* read back */
	const Window *window; /* NULL: the whole target is the image's. Else that part of it is,
	                       * with zeroes behind the image, and others may use the rest */
	/* The first `n_head` bytes of the image come here, and stay zero on the target. */
	uint8_t *head;
	size_t n_head;              /* at most COPY_HEAD_MAX */
	const CopyJournal *journal; /* NULL: nothing is known, nobody is told. Not with a window */
	/* Where the bytes of this image come from, planned for pool_depth(); NULL: all of them from
	 * `bytes`. Not with a journal, a window or a head. When it ends in a wrong image, the caller
	 * is to try again without. */
	Seeds *seeds;
	uint64_t n_written, n_punched; /* results */
	uint64_t n_in_place;
	uint64_t n_from[SEEDS_N_KINDS]; /* with seeds: bytes that came from there */
	uint64_t n_wrong;               /* with seeds: bytes of the image that its index denies */
} CopyJob;

bool copy_run(CopyJob *job, GError **error);
/* Does it want the bytes of what is in place (SeedsSetup)? */
bool copy_needs_data(const CopyJob *job);

/* Can `path` take `size` bytes: exists, writable, nobody else uses it, large enough. */
bool copy_check_target(const char *path, uint64_t size, GError **error);
/* The same for a window of a disk whose other parts may be in use. */
bool copy_check_window(const char *path, GError **error);
