/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A point in time as people write it.
 */

#include <glib.h>
#include <stdbool.h>

/* "2031-06-30", the whole day counts: its last second in UTC; or RFC 3339 with a zone,
 * "2031-06-30T12:00:00Z", "…+02:00". To Unix time; `option` is for messages. */
bool moment_parse(const char *text, const char *option, gint64 *at, GError **error);

/* "2031-06-30T23:59:59Z"; the caller frees it. */
char *moment_format(gint64 at);
