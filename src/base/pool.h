/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Work on several cores, results in order.
 *
 * pool_run() produces items 0 .. count-1 on the workers, out of order and at
 * most `depth` ahead, and consumes each exactly once, in order, on the calling
 * thread. The first failure, in the order of items, stops both sides and is
 * the one reported. A pool of zero workers does the same work in place: what a
 * test or a one-core board wants. What may be in memory at once is `depth`
 * times the size of one made item.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"

typedef struct Pool Pool;

typedef struct {
	/* On a worker; NULL is failure. */
	void *(*produce)(void *user, uint64_t item, GError **error);
	/* On the calling thread; owns `made`. */
	bool (*consume)(void *user, uint64_t item, void *made, GError **error);
	void (*discard)(void *user, void *made); /* made, but never consumed */
} PoolWork;

Pool *pool_new(unsigned workers, unsigned depth);
void pool_free(Pool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Pool, pool_free)

/* From now on runs fail with FAILURE_CANCELLED before their next item is consumed, once somebody has
 * asked. Borrowed; NULL: nobody can. */
void pool_heed(Pool *pool, Cancel *cancel);
/* For work on the side that shall end with the pool's; NULL: none. */
Cancel *pool_cancel(const Pool *pool);

/* As many workers as this process may use cores, at most `most`. */
unsigned pool_default_workers(unsigned most);

unsigned pool_depth(const Pool *pool);
bool pool_run(Pool *pool, uint64_t count, const PoolWork *work, void *user, GError **error);
