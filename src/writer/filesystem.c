/* SPDX-License-Identifier: MIT */

#include "writer/rows.h"

#include "base/error.h"
#include "base/process.h"

static bool check(const WriterJob *job, GError **error)
{
	if (job->slot->resize && job->slot->type == SLOT_EXT4) {
		g_autofree char *tool = g_find_program_in_path("resize2fs");

		if (!tool)
			return fail(error, FAILURE_TOOL,
			            "slot %s has resize=true, but there is no resize2fs on this "
			            "system",
			            job->slot->name);
	}
	return writer_raw.check(job, error);
}

static bool write_filesystem(WriterJob *job, GError **error)
{
	if (!writer_raw.write(job, error))
		return false;
	if (!job->slot->resize || job->slot->type != SLOT_EXT4)
		return true;
	ERROR_WHILE(error, "growing the file system");
	return process_run(error, "resize2fs", job->slot->device, NULL);
}

const Writer writer_filesystem = { .name = "filesystem",
	                           .pre_hook = WRITER_MOUNTED,
	                           .post_hook = WRITER_MOUNTED,
	                           .is_adaptive = true,
	                           .check = check,
	                           .write = write_filesystem };
