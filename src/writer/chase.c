/* SPDX-License-Identifier: MIT */

#include "writer/chase.h"

#include <stdlib.h>

#include "writer/target.h"

struct Chase {
	Target *target;
	uint64_t base;
	ChaseLook look;
	void *user;
	uint8_t *piece; /* CHASE_PIECE bytes, aligned */
	GThread *thread;
	GMutex lock;
	GCond changed;
	uint64_t seen, allowed;
	bool is_stopped;
};

/* The next bytes that may be read; 0: no more, ever. */
static size_t next_piece(Chase *chase)
{
	size_t size = 0;

	g_mutex_lock(&chase->lock);
	while (!chase->is_stopped && chase->seen == chase->allowed)
		g_cond_wait(&chase->changed, &chase->lock);
	if (!chase->is_stopped || chase->seen % CHASE_WHOLE)
		size = (size_t)MIN(CHASE_PIECE, chase->allowed - chase->seen);
	g_mutex_unlock(&chase->lock);
	return size;
}

/* What fails here fails again, with its reason, when what was not seen is read after the last write. */
static void *chase_all(void *data)
{
	Chase *chase = data;
	size_t size;

	while ((size = next_piece(chase)) > 0) {
		uint64_t at = chase->seen;

		if (!target_read_back(chase->target, chase->piece, size, chase->base + at, NULL) ||
		    !chase->look(chase->user, chase->piece, size, at))
			break;
		g_mutex_lock(&chase->lock);
		chase->seen += size;
		g_mutex_unlock(&chase->lock);
	}
	return NULL;
}

static void chase_free(Chase *chase)
{
	target_free(chase->target);
	free(chase->piece);
	g_mutex_clear(&chase->lock);
	g_cond_clear(&chase->changed);
	g_free(chase);
}

Chase *chase_start(const char *path, uint64_t base, ChaseLook look, void *user)
{
	g_autoptr(Target) target = target_open_back(path, NULL);
	void *piece = NULL;

	if (!target || !target_is_direct(target, base) ||
	    posix_memalign(&piece, TARGET_ALIGN, CHASE_PIECE) != 0)
		return NULL;
	Chase *chase = g_new0(Chase, 1);
	chase->target = g_steal_pointer(&target);
	chase->base = base;
	chase->look = look;
	chase->user = user;
	chase->piece = piece;
	g_mutex_init(&chase->lock);
	g_cond_init(&chase->changed);
	chase->thread = g_thread_try_new("chase", chase_all, chase, NULL);
	if (!chase->thread)
		g_clear_pointer(&chase, chase_free);
	return chase;
}

void chase_allow(Chase *chase, uint64_t end)
{
	g_mutex_lock(&chase->lock);
	chase->allowed = MAX(chase->allowed, end);
	g_cond_signal(&chase->changed);
	g_mutex_unlock(&chase->lock);
}

uint64_t chase_so_far(Chase *chase)
{
	if (!chase)
		return 0;
	g_mutex_lock(&chase->lock);
	uint64_t seen = chase->seen;
	g_mutex_unlock(&chase->lock);
	return seen;
}

uint64_t chase_stop(Chase *chase)
{
	if (!chase)
		return 0;
	g_mutex_lock(&chase->lock);
	chase->is_stopped = true;
	g_cond_signal(&chase->changed);
	g_mutex_unlock(&chase->lock);
	g_thread_join(chase->thread);

	uint64_t seen = chase->seen;
	chase_free(chase);
	return seen;
}
