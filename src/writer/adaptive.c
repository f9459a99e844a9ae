/* SPDX-License-Identifier: MIT */

#include "writer/adaptive.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "writer/target.h"

#define PLAN_SHARE 10 /* of the progress: one in so many parts */

static void close_seeds(SeedsSetup *setup)
{
	source_unref(setup->target.bytes);
	for (unsigned i = 0; i < SEEDS_MOST_OTHERS; i++)
		source_unref(setup->others[i].bytes);
}

/* A slot that cannot be read is none the less worth an update: then without it. */
static void open_others(SeedsSetup *setup, const Adaptive *with, unsigned kinds[SEEDS_MOST_OTHERS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < with->n_others; i++) {
		g_autoptr(GError) why = NULL;
		Source *bytes = target_open_source(with->others[i].path, &why);

		if (!bytes) {
			g_message("slot %s is no seed: %s", with->others[i].name, why->message);
			continue;
		}
		kinds[n] = i;
		setup->others[n++] = (Seed){ bytes, with->others[i].index };
	}
}

static bool run(CopyJob *job, Adaptive *with, SeedsSetup *setup, GError **error)
{
	unsigned kinds[SEEDS_MOST_OTHERS] = { 0 };

	setup->target.bytes = target_open_source(job->path, error);
	if (!setup->target.bytes)
		return false;
	open_others(setup, with, kinds);
	g_autoptr(Seeds) seeds =
		seeds_plan(setup, job->pool, job->progress, PLAN_SHARE * job->bytes->size, error);
	if (!seeds)
		return false;
	g_info("%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes are to be fetched",
	       job->path, seeds_planned(seeds, SEEDS_IMAGE), job->bytes->size);
	job->seeds = seeds;
	bool ok = copy_run(job, error);
	job->seeds = NULL;
	with->n_wrong = job->n_wrong;
	for (unsigned i = 0; i < SEEDS_OTHER; i++)
		with->n_from[i] = job->n_from[i];
	for (unsigned i = 0; i < SEEDS_MOST_OTHERS; i++)
		with->n_from[SEEDS_OTHER + kinds[i]] += job->n_from[SEEDS_OTHER + i];
	return ok;
}

bool adaptive_copy(CopyJob *job, Adaptive *with, GError **error)
{
	const CopyJournal *journal = job->journal;
	g_autoptr(GError) why = NULL;
	SeedsSetup setup = { .image = job->bytes,
		             .wanted = with->wanted,
		             .target.index = with->target,
		             .n_likely = with->n_likely,
		             .map = with->plan,
		             .lag = pool_depth(job->pool),
		             .needs_data = copy_needs_data(job) };

	memset(with->n_from, 0, sizeof(with->n_from));
	job->journal = NULL;
	bool ok = run(job, with, &setup, &why);
	job->journal = journal;
	close_seeds(&setup);
	if (ok)
		return true;
	with->has_failed = true;
	/* a server that is gone for good will not come back for the rest, and who said stop meant it */
	if (g_error_matches(why, FAILURE, FAILURE_NETWORK) ||
	    g_error_matches(why, FAILURE, FAILURE_CANCELLED)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	g_warning("Continuing after adaptive mode error: %s", why->message);
	if (ftruncate(with->plan, 0) < 0) /* others may need the room */
		g_debug("the plan of chunks stays: %s", g_strerror(errno));
	memset(with->n_from, 0, sizeof(with->n_from));
	return copy_run(job, error);
}
