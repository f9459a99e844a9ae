/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An image written with the help of what the device has already (chapter 9.2): the pipeline of
 * copy.c over source/seeds.
 *
 * It can fail in more ways than a plain copy, and must not make an update fail: what goes wrong
 * is told, and all of the image written from the bundle.
 */

#include "writer/copy.h"

typedef struct {
	const char *name; /* of the slot */
	const char *path; /* its device */
	const HashIndex *index;
} AdaptiveOther;

/* What the caller knows. Indexes are hints: source/seeds checks. */
typedef struct Adaptive {
	const HashIndex *wanted; /* of the image */
	const HashIndex *target; /* of what the slot has now; NULL: unknown */
	uint64_t n_likely;       /* SeedsSetup */
	AdaptiveOther others[SEEDS_MOST_OTHERS];
	unsigned n_others;
	int plan; /* an empty file */
	/* Results. */
	uint64_t n_from[SEEDS_N_KINDS]; /* bytes that came from there */
	uint64_t n_wrong; /* bytes of the image that are not what `wanted` says: it is no good */
	bool has_failed;  /* and so is it when the image was written without it in the end */
} Adaptive;

/* job->journal is for the plain copy that follows where this fails. */
bool adaptive_copy(CopyJob *job, Adaptive *with, GError **error);
