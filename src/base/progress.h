/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How far we are: a tree of weighted steps, handed down as a parameter.
 *
 * A step has a share of its parent: weight / the parent's sub steps. It ends
 * done or failed exactly once. Percentages never fall, and only a finished
 * root says 100. A NULL Progress is allowed everywhere and reports nothing.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Progress Progress;

/* `depth` is 1 for the root. `bytes` and `total` are 0 but for progress_bytes(). */
typedef void (*ProgressReport)(void *user, int percent, const char *text, int depth, uint64_t bytes,
                               uint64_t total);

/* A root of `n_parts` parts that reports to `report`. */
Progress *progress_new(const char *text, unsigned n_parts, ProgressReport report, void *user);

/* Begin a step worth `weight` of the parts of `parent`; itself has `n_parts` parts. */
Progress *progress_begin(Progress *parent, unsigned weight, unsigned n_parts, const char *format,
                         ...) G_GNUC_PRINTF(4, 5);

/* How far inside this step; reported when it grows by a percent of the step. */
void progress_bytes(Progress *step, uint64_t done, uint64_t total);

/* Report "<text> done." or "<text> failed." and free the step. */
void progress_end(Progress *step, bool is_ok);
