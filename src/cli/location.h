/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where a bundle lies: what `install` and `info` are given (chapter 4.3).
 */

#include <glib.h>

/* The absolute path of a local file that is there, from a path or a file: URL.
 * URLs of other schemes are FAILURE_UNSUPPORTED. */
char *location_resolve(const char *argument, GError **error);
