/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bare MTD devices, for the writers of images and of archives.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Is `path` an MTD whose good blocks can hold `size` bytes, and nobody else is using it? */
bool mtd_check(const char *path, uint64_t size, GError **error);

/* All of it but bad blocks, as `flash_erase <path> 0 0` does. */
bool mtd_erase(const char *path, GError **error);
