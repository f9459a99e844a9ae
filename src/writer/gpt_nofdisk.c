/* SPDX-License-Identifier: MIT */

/* In place of gpt.c where libfdisk is not built in. */

#include "writer/rows.h"

#include "base/error.h"

static bool check(const WriterJob *job, GError **error)
{
	return fail(error, FAILURE_UNSUPPORTED,
	            "Unsupported image type '%s' for slot type 'boot-gpt-switch' (built without "
	            "libfdisk)",
	            image_type_name(job->image->type));
}

static bool write_nothing(WriterJob *job, GError **error)
{
	return check(job, error);
}

const Writer writer_gpt = { .name = "boot-gpt-switch", .check = check, .write = write_nothing };
