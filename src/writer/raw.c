/* SPDX-License-Identifier: MIT */

#include "writer/copy.h"
#include "writer/rows.h"

#include "base/error.h"

static bool check(const WriterJob *job, GError **error)
{
	if (job->image->has_size && job->image->size != job->bytes->size)
		return fail(error, FAILURE_FORMAT,
		            "image '%s' has %" G_GUINT64_FORMAT
		            " bytes, but the manifest says %" G_GUINT64_FORMAT,
		            job->image->filename, job->bytes->size, job->image->size);
	return copy_check_target(job->slot->device, job->bytes->size, error);
}

static bool write_raw(WriterJob *job, GError **error)
{
	CopyJob copy = { .bytes = job->bytes,
		         .path = job->slot->device,
		         .sha256 = job->image->sha256,
		         .pool = job->pool,
		         .progress = job->progress,
		         .verify = job->verify };
	bool ok = copy_run(&copy, error);

	job->n_written = copy.n_written;
	job->n_punched = copy.n_punched;
	return ok;
}

const Writer writer_raw = { .name = "raw", .check = check, .write = write_raw };
