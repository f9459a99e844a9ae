/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Progress for the eye: one line that is drawn again on a terminal, with rate
 * and time left while bytes are counted; elsewhere a line for every change.
 * Pure: what to write is appended to a string, the clock is a parameter.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ProgressBar ProgressBar;

/* `width` of the terminal; 0: not a terminal, plain lines. */
ProgressBar *progress_bar_new(unsigned width);
void progress_bar_free(ProgressBar *bar);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProgressBar, progress_bar_free)

/* As ProgressReport has it; `now` in microseconds. */
void progress_bar_report(ProgressBar *bar, GString *to, gint64 now, int percent, const char *text,
                         uint64_t bytes, uint64_t total);

/* Take the drawn line away, so that other output can follow. Lines stay. */
void progress_bar_clear(ProgressBar *bar, GString *to);
