/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Maintenance windows: when an update may be installed, in local time.
 *
 *     02:00-05:00                every day
 *     Mon..Fri 22:00-04:00       over midnight; it belongs to the day it begins on
 *     Sat,Sun 00:00-24:00        both days, all day
 */

#include <glib.h>
#include <stdbool.h>

typedef struct {
	unsigned days; /* bit 0 is Monday */
	int from, to;  /* minutes of the day; `to` not above `from`: of the next day */
} UpdateWindow;

bool window_parse(const char *text, UpdateWindow *window, GError **error);

/* A moment is a minute of the week, from Monday 00:00 on. */
enum { WINDOW_DAY = 24 * 60, WINDOW_WEEK = 7 * WINDOW_DAY };
int window_moment(int weekday, int hour, int minute); /* weekday 1 is Monday */

/* Minutes until the first of `texts` opens, 0: one is open, or there are none. All of them were parsed before. */
int window_wait(const char *const *texts, int moment);
