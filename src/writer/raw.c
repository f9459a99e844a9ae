/* SPDX-License-Identifier: MIT */

#include "writer/adaptive.h"
#include "writer/rows.h"

#include "base/error.h"

static bool check(const WriterJob *job, GError **error)
{
	return writer_check_size(job, error) &&
	       copy_check_target(job->slot->device, job->bytes->size, error);
}

static void add_seed(WriterJob *job, const char *kind, const char *name, uint64_t bytes)
{
	if (!bytes || job->n_seeds >= WRITER_MOST_SEEDS)
		return;
	WriterSeed *seed = &job->seeds[job->n_seeds++];
	g_snprintf(seed->name, sizeof(seed->name), "%s%s", kind, name);
	seed->bytes = bytes;
}

/* Where the image came from, if not from the bundle; what was in place is counted besides. */
static void tell_seeds(WriterJob *job, const Adaptive *adaptive)
{
	add_seed(job, "zeroes", "", adaptive->n_from[SEEDS_ZERO]);
	add_seed(job, "the image itself", "", adaptive->n_from[SEEDS_WRITTEN]);
	add_seed(job, "slot ", job->slot->name, adaptive->n_from[SEEDS_TARGET]);
	for (unsigned i = 0; i < adaptive->n_others; i++)
		add_seed(job, "slot ", adaptive->others[i].name, adaptive->n_from[SEEDS_OTHER + i]);
}

static bool write_raw(WriterJob *job, GError **error)
{
	CopyJob copy = { .bytes = job->bytes,
		         .path = job->slot->device,
		         .sha256 = job->image->sha256,
		         .pool = job->pool,
		         .progress = job->progress,
		         .verify = job->verify,
		         .journal = job->journal };
	bool ok =
		job->adaptive ? adaptive_copy(&copy, job->adaptive, error) : copy_run(&copy, error);

	job->n_written = copy.n_written;
	job->n_punched = copy.n_punched;
	job->n_in_place = copy.n_in_place;
	if (job->adaptive)
		tell_seeds(job, job->adaptive);
	return ok;
}

const Writer writer_raw = {
	.name = "raw", .is_adaptive = true, .check = check, .write = write_raw
};
