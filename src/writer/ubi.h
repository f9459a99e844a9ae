/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * UBI volumes, for the writers of images and of archives.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Is `path` a UBI volume that can hold `size` bytes, and nobody else is using it? */
bool ubi_check(const char *path, uint64_t size, GError **error);

/* Makes it empty, and readable again where an update was cut short. */
bool ubi_clear(const char *path, GError **error);
