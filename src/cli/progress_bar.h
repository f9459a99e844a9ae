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

/* The network is awaited: the next try is in so many seconds. On a terminal they run down, with every
 * tick and in the place of what is being done; elsewhere a line is written for the first try only. */
void progress_bar_wait(ProgressBar *bar, GString *to, gint64 now, const char *reason,
                       unsigned seconds);
void progress_bar_tick(ProgressBar *bar, GString *to, gint64 now);
/* It is awaited no more. */
void progress_bar_go(ProgressBar *bar, GString *to);

/* Take the drawn line away, so that other output can follow. Lines stay. */
void progress_bar_clear(ProgressBar *bar, GString *to);
