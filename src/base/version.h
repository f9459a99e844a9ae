/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * RAUC's relaxed semantic versions: Major[.Minor[.Patch]][-pre-release][+build].
 *
 * The last '+' starts the build (ignored), then the last '-' the pre-release.
 */

#include <glib.h>
#include <stdbool.h>

bool version_is_valid(const char *version);

/* `*order` < 0, 0, > 0 as a is older than, equal to, newer than b. Fails with
 * "Failed to parse semantic version A for comparison: …" (or B). */
bool version_compare(const char *a, const char *b, int *order, GError **error);
