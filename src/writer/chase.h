/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading a target back behind its writer.
 *
 *        looked at          flushed            written
 *   0 ────────────────►  ─────────────►  ─ ─ ─ ─ ─ ─ ─ ─►
 *     chase, on a thread   chase_allow()   the writer, who waits for the network
 *
 * What has been flushed is read from the medium, in order, while the writer waits for whatever it
 * waits for, so that little is left to be read after the last write.
 *
 * Memory: CHASE_PIECE.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define CHASE_PIECE (256 * 1024)  /* read at once */
#define CHASE_WHOLE (1024 * 1024) /* where it may be stopped */

typedef struct Chase Chase;

/* On the chase's thread: what the medium has at `at`, the pieces in order and without gaps. False
 * ends the chase before this piece. */
typedef bool (*ChaseLook)(void *user, const uint8_t *data, size_t size, uint64_t at);

/* Bytes from 0 on, which are `base` bytes behind the target's beginning. NULL where the medium
 * cannot be asked past the page cache; nothing is lost then but time. */
Chase *chase_start(const char *path, uint64_t base, ChaseLook look, void *user);

/* Everything before `end` has been flushed. It only grows. */
void chase_allow(Chase *chase, uint64_t end);

/* How much has been looked at by now. 0 for NULL. */
uint64_t chase_so_far(Chase *chase);

/* Ends it, without waiting for all that is allowed, and frees it. How much has been looked at: a
 * multiple of CHASE_WHOLE, or all that was allowed, unless reading or looking failed. 0 for NULL. */
uint64_t chase_stop(Chase *chase);
