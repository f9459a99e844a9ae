/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Slot writers: how an image of one type gets into a slot of another.
 *
 * A writer is a row in a table: the pairs it serves and two functions. It knows
 * an image as bytes and a slot as a device; where the bytes came from, what the
 * boot loader thinks and which hooks run around it are no business of a writer.
 */

#include "base/pool.h"
#include "base/progress.h"
#include "model/manifest.h"
#include "model/slot.h"
#include "source/source.h"

typedef struct {
	const Image *image;
	Source *bytes;
	const Slot *slot;
	Pool *pool;
	Progress *progress; /* may be NULL */
	bool verify;        /* read back and compare */
	/* Results: what reached the medium. */
	uint64_t n_written; /* bytes written */
	uint64_t n_punched; /* zero bytes that needed no write */
} WriterJob;

typedef struct {
	const char *name;
	bool mounts_for_hooks; /* hooks see the slot mounted, before and after */
	/* Everything that can refuse, before anything is touched. */
	bool (*check)(const WriterJob *job, GError **error);
	bool (*write)(WriterJob *job, GError **error);
} Writer;

/* The writer for this pair, or NULL with FAILURE_UNSUPPORTED:
 * "Unsupported image type '<t>' for slot type '<s>'". */
const Writer *writer_find(ImageType image, SlotType slot, GError **error);
