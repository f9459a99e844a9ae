/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One process at a time may change slots and boot state.
 *
 * A lock on a file, so that the kernel gives it back however its holder ends.
 */

#include <glib.h>

/* The descriptor that holds the lock; close it to give the lock back. -1: FAILURE_BUSY says
 * which process holds it. */
int lock_take(const char *folder, GError **error);
