/* SPDX-License-Identifier: MIT */

/*
 * A ring of `depth` tickets. Item i uses ticket i % depth; a worker may take
 * item i once item i - depth was consumed, so the ring also bounds memory.
 */

#include "base/pool.h"

struct Pool {
	unsigned workers;
	unsigned depth;
	Cancel *cancel;
};

typedef struct {
	void *made;
	GError *error;
	bool is_done;
} Ticket;

typedef struct {
	const PoolWork *work;
	void *user;
	uint64_t count;
	unsigned depth;
	Cancel *cancel;
	GMutex lock;
	GCond changed;
	uint64_t next;     /* first item nobody has taken */
	uint64_t consumed; /* items 0 .. consumed-1 are gone */
	bool is_stopped;
	Ticket *tickets;
} Run;

Pool *pool_new(unsigned workers, unsigned depth)
{
	Pool *pool = g_new0(Pool, 1);

	pool->workers = workers;
	pool->depth = MAX(depth, MAX(workers, 1));
	return pool;
}

void pool_free(Pool *pool)
{
	g_free(pool);
}

void pool_heed(Pool *pool, Cancel *cancel)
{
	pool->cancel = cancel;
}

Cancel *pool_cancel(const Pool *pool)
{
	return pool ? pool->cancel : NULL;
}

unsigned pool_default_workers(unsigned most)
{
	return MIN(MAX(g_get_num_processors(), 1), most);
}

unsigned pool_depth(const Pool *pool)
{
	return pool->depth;
}

static bool run_in_place(Cancel *cancel, uint64_t count, const PoolWork *work, void *user,
                         GError **error)
{
	for (uint64_t item = 0; item < count; item++) {
		if (!cancel_check(cancel, error))
			return false;
		void *made = work->produce(user, item, error);

		if (!made || !work->consume(user, item, made, error))
			return false;
	}
	return true;
}

static void *worker(void *data)
{
	Run *run = data;

	g_mutex_lock(&run->lock);
	for (;;) {
		while (!run->is_stopped && run->next < run->count &&
		       run->next >= run->consumed + run->depth)
			g_cond_wait(&run->changed, &run->lock);
		if (run->is_stopped || run->next >= run->count)
			break;

		uint64_t item = run->next++;
		g_mutex_unlock(&run->lock);

		GError *error = NULL;
		void *made = run->work->produce(run->user, item, &error);

		g_mutex_lock(&run->lock);
		Ticket *ticket = &run->tickets[item % run->depth];
		*ticket = (Ticket){ .made = made, .error = error, .is_done = true };
		g_cond_broadcast(&run->changed);
	}
	g_mutex_unlock(&run->lock);
	return NULL;
}

/* Wait for item `item` and take what was made of it. */
static Ticket take(Run *run, uint64_t item)
{
	Ticket *ticket = &run->tickets[item % run->depth];

	g_mutex_lock(&run->lock);
	while (!ticket->is_done)
		g_cond_wait(&run->changed, &run->lock);
	Ticket taken = *ticket;
	*ticket = (Ticket){ 0 };
	g_mutex_unlock(&run->lock);
	return taken;
}

static bool consume_all(Run *run, GError **error)
{
	for (uint64_t item = 0; item < run->count; item++) {
		if (!cancel_check(run->cancel, error))
			return false;
		Ticket ticket = take(run, item);

		if (!ticket.made) {
			g_propagate_error(error, ticket.error);
			return false;
		}
		if (!run->work->consume(run->user, item, ticket.made, error))
			return false;

		g_mutex_lock(&run->lock);
		run->consumed = item + 1;
		g_cond_broadcast(&run->changed);
		g_mutex_unlock(&run->lock);
	}
	return true;
}

static void clear(Run *run)
{
	for (unsigned i = 0; i < run->depth; i++) {
		if (run->tickets[i].made && run->work->discard)
			run->work->discard(run->user, run->tickets[i].made);
		g_clear_error(&run->tickets[i].error);
	}
	g_free(run->tickets);
	g_mutex_clear(&run->lock);
	g_cond_clear(&run->changed);
}

bool pool_run(Pool *pool, uint64_t count, const PoolWork *work, void *user, GError **error)
{
	if (pool->workers == 0)
		return run_in_place(pool->cancel, count, work, user, error);

	Run run = { .work = work,
		    .user = user,
		    .count = count,
		    .depth = pool->depth,
		    .cancel = pool->cancel };
	g_mutex_init(&run.lock);
	g_cond_init(&run.changed);
	run.tickets = g_new0(Ticket, run.depth);

	unsigned n_threads = (unsigned)MIN((uint64_t)pool->workers, count);
	GThread **threads = g_new0(GThread *, n_threads);
	for (unsigned i = 0; i < n_threads; i++)
		threads[i] = g_thread_new("pool", worker, &run);

	bool ok = consume_all(&run, error);
	g_mutex_lock(&run.lock);
	run.is_stopped = true;
	g_cond_broadcast(&run.changed);
	g_mutex_unlock(&run.lock);
	for (unsigned i = 0; i < n_threads; i++)
		g_thread_join(threads[i]);
	g_free(threads);
	clear(&run);
	return ok;
}
