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
#include "writer/copy.h"

#define WRITER_MOST_SEEDS 8

/* Bytes of the image that this device had already, and where: "slot rootfs.0", "zeroes". */
typedef struct {
	char name[32];
	uint64_t bytes;
} WriterSeed;

typedef struct Adaptive Adaptive; /* writer/adaptive.h */

typedef struct {
	const Image *image;
	Source *bytes; /* NULL: the image has no file */
	const Slot *slot;
	const char *mount_prefix; /* folder to mount slots in */
	Pool *pool;
	Progress *progress; /* may be NULL */
	bool verify;        /* read back and compare */
	Adaptive *adaptive; /* what the device has already, for who can use it; NULL: nothing */
	const CopyJournal *journal; /* NULL: none. For who copies an image as it is */
	/* Called once, when all is written and the slot is still mounted there: for a writer
	 * with WRITER_WITHIN. NULL: nothing to do. */
	bool (*while_mounted)(void *user, const char *mount_point, GError **error);
	void *while_mounted_user;
	/* The same for WRITER_ASKS: before the first byte, and when all is written but what boots is
	 * still the old. */
	bool (*before_write)(void *user, GError **error);
	bool (*before_switch)(void *user, GError **error);
	void *before_user;
	/* Results: what reached the medium. */
	uint64_t n_written;                  /* bytes written */
	uint64_t n_punched;                  /* zero bytes that needed no write */
	uint64_t n_in_place;                 /* bytes that were there already */
	WriterSeed seeds[WRITER_MOST_SEEDS]; /* the first `n_seeds`: not from the bundle */
	unsigned n_seeds;
} WriterJob;

/* What others see of the slot, before and after it is written. */
typedef enum {
	WRITER_UNMOUNTED,
	WRITER_MOUNTED, /* who asks has to mount it */
	WRITER_WITHIN,  /* through while_mounted */
	WRITER_ASKS,    /* through before_write and before_switch */
} WriterView;

typedef struct {
	const char *name;
	WriterView pre_hook, post_hook;
	bool is_adaptive; /* can use job->adaptive */
	/* Everything that can refuse, before anything is touched. */
	bool (*check)(const WriterJob *job, GError **error);
	bool (*write)(WriterJob *job, GError **error);
	/* "NAME=value" that hooks need to know besides, asked before the write; NULL: none. */
	GStrv (*variables)(const WriterJob *job, GError **error);
} Writer;

/* The writer for this pair, or NULL with FAILURE_UNSUPPORTED:
 * "Unsupported image type '<t>' for slot type '<s>'". */
const Writer *writer_find(ImageType image, SlotType slot, GError **error);
