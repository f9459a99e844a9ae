/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Can nobody else change this file between our check and our use of it?
 *
 * A plain bundle is hashed as a whole and read again afterwards, so the answer
 * decides whether its signature means anything (chapter 1.10).
 */

#include <glib.h>
#include <stdbool.h>

/* Owner, mode, file system and open descriptors; changes nothing. `fd` is open for reading. */
bool access_check(int fd, GError **error);

/* access_check(); where it fails, take the file over (owner, mode) and check again. */
bool access_enforce(int fd, GError **error);
