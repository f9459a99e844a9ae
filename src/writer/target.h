/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where an image goes: a block device or a regular file, written in place.
 *
 * Writes go past the page cache where the target can do that, so that a large
 * update neither evicts the running system's pages nor is limited by writeback.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "source/source.h"

#define TARGET_ALIGN 4096 /* of memory, offsets and sizes for direct transfers */

typedef struct Target Target;

/* For writing, nobody else may be using it: FAILURE_BUSY names who does. */
Target *target_open(const char *path, GError **error);
/* For writing a part of a disk whose other parts are in use. */
Target *target_open_shared(const char *path, GError **error);
/* Closes without flushing: for the way out of an error. */
void target_free(Target *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Target, target_free)

/* Size of a block device; G_MAXUINT64 for a file, which grows. */
uint64_t target_capacity(const Target *target);

/* `from` is aligned. `at` and `size` best are too: what is not goes through the page cache. */
bool target_write(Target *target, const void *from, size_t size, uint64_t at, GError **error);

/* Make a range zero without writing it. `*is_done` false: this target cannot, write it. */
bool target_punch(Target *target, uint64_t size, uint64_t at, bool *is_done, GError **error);

/* What was written so far is on the medium after this. */
bool target_sync(Target *target, GError **error);

/* All `size` bytes from 0 on are on the medium after this, and close. A file that was
 * smaller has grown to `size`. */
bool target_finish(Target *target, uint64_t size, GError **error);

/* Reading what the medium has, not what memory remembers. */
Target *target_open_back(const char *path, GError **error);
/* Past the page cache, with a beginning `at`: else what was written since it was opened may be
 * answered by memory. */
bool target_is_direct(const Target *target, uint64_t at);
/* `to` is aligned and has room for `size` rounded up to TARGET_ALIGN. */
bool target_read_back(Target *target, void *to, size_t size, uint64_t at, GError **error);

/* The same as a Source, also while it is written, or of a device that is in use: what it has now.
 * Reads are of aligned offsets and sizes, to aligned memory. */
Source *target_open_source(const char *path, GError **error);
