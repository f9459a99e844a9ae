/* SPDX-License-Identifier: MIT */

#include "writer/adaptive.h"
#include "writer/rows.h"

#include "base/error.h"

static bool check(const WriterJob *job, GError **error)
{
	return writer_check_size(job, error) &&
	       copy_check_target(job->slot->device, job->bytes->size, error);
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
	return ok;
}

const Writer writer_raw = {
	.name = "raw", .is_adaptive = true, .check = check, .write = write_raw
};
