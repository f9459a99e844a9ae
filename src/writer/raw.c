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
	WriterSeed *seed = &job->seeds[job->n_seeds];

	if (!bytes || job->n_seeds == WRITER_MOST_SEEDS)
		return;
	g_snprintf(seed->name, sizeof(seed->name), "%s%s", kind, name);
	seed->bytes = bytes;
	job->n_seeds++;
}

static void report_seeds(WriterJob *job)
{
	const Adaptive *adaptive = job->adaptive;
	const uint64_t *n = adaptive->n_from;

	job->n_seeds = 0;
	add_seed(job, "slot ", job->slot->name, n[SEEDS_IN_PLACE] + n[SEEDS_TARGET]);
	for (unsigned i = 0; i < adaptive->n_others; i++)
		add_seed(job, "slot ", adaptive->others[i].name, n[SEEDS_OTHER + i]);
	add_seed(job, "repeated", "", n[SEEDS_WRITTEN]);
	add_seed(job, "zeroes", "", n[SEEDS_ZERO]);
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
		report_seeds(job);
	return ok;
}

const Writer writer_raw = {
	.name = "raw", .is_adaptive = true, .check = check, .write = write_raw
};
