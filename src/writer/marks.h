/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One block in each few MiB, at a place that chance chose, looked at a second time.
 *
 * What was read back while an image was still being written can have been overwritten since, on a
 * medium that puts later writes over earlier ones (a card of less room than it says). Such overlaps
 * are as long as what was written beyond its end. An image has a mark for each MiB up to 128, then
 * they lie farther apart, up to 4 MiB.
 *
 * Memory: 8 bytes a mark; while checking, a block for each item of the pool's depth.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "writer/target.h"

typedef struct Marks Marks;

/* For `size` bytes. */
Marks *marks_new(uint64_t size);
void marks_free(Marks *marks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Marks, marks_free)

/* `at` and `size` are multiples of TARGET_ALIGN, but for the size of the last bytes. */
void marks_note(Marks *marks, const uint8_t *data, size_t size, uint64_t at);

/* Are the blocks that were noted of the first `size` bytes still what they were? They are `base` bytes
 * behind the beginning of `target`, which `path` names in the error: FAILURE_INTEGRITY. */
bool marks_check(Marks *marks, uint64_t size, Target *target, uint64_t base, const char *path,
                 Pool *pool, GError **error);
