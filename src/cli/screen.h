/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a person sees of an installation on stdout: progress, words, and a clock that runs down while
 * the network is awaited. From any thread.
 */

#include <glib.h>
#include <stdbool.h>

#include "source/remote.h"

typedef struct Screen Screen;

/* `has_bar`: one line that is drawn again, where stdout is a terminal. */
Screen *screen_new(bool has_bar);
void screen_free(Screen *screen);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Screen, screen_free)

/* All of it does nothing on a NULL Screen: stdout is for something else. */
void screen_report(Screen *screen, int percent, const char *text, uint64_t bytes, uint64_t total);
/* Anything else that has to be said, on a line of its own. */
void screen_say(Screen *screen, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Take the drawn line away, because stderr is about to be written. */
void screen_clear(Screen *screen);
/* NULL: the network is no longer awaited. */
void screen_wait(Screen *screen, const RemoteWaiting *waiting);
