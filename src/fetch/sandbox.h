/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a process that listens to strangers gives away first. What the kernel does not
 * have is missing, and said so for debugging; the rest holds all the same.
 */

#include <glib.h>
#include <stdbool.h>

/* No other files than 0 to `last_fd`, no core, no new privileges, and of the system's calls none that a client of a
 * server has no use for: no programs, no processes, no signals to others, no change in any folder, no waiting for
 * connections. False: this is root, and shall not be (RAUC_FETCH_ALLOW_ROOT in the environment is for tests). */
bool sandbox_enter(int last_fd, GError **error);

/* From here on nothing can be opened for writing, and only the system's own files for reading, and those of `more`
 * (n of them, NULLs are left out). Keys in tokens need files and devices that only their modules know:
 * with `has_token` this is left out. */
void sandbox_close_files(const char *const *more, unsigned n, bool has_token);
