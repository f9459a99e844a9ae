/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What this device can say of the time: its clock, whether that is synchronised, and when its
 * image was built (doc/time.md).
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Unix time, as the clock has it. */
int64_t clock_now(void);

/* The minute of the week in local time, as model/window.h counts them. */
int clock_moment(void);

/* Does the kernel call the clock synchronised (adjtimex(2))? Some daemon set it by a server and
 * still keeps it, lately. */
bool clock_is_synchronised(void);

/* The build time of the running image: the latest of the times of its /usr/lib/clock-epoch,
 * /usr/lib/os-release and /etc/os-release, and of SOURCE_DATE_EPOCH when this program was built.
 * 0: none of them. `*source` is a constant that names the one, NULL for none. */
int64_t clock_build_time(const char **source);
/* The same of the image in a folder; "" is the running one. */
int64_t clock_build_time_below(const char *root, const char **source);

/* "2026-03-02T10:00:00Z"; "?" for what is no time. */
char *clock_format(int64_t time);
/* Back again; 0 for NULL and for what is no time. */
int64_t clock_parse(const char *text);
