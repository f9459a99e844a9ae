/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Archives, unpacked by the system's tar and compared with what it made of them.
 */

#include "base/cancel.h"
#include "base/progress.h"
#include "source/source.h"

typedef struct {
	Source *bytes;
	const char *filename; /* its suffix says how it is compressed */
	const char *sha256;   /* hex, of all bytes; NULL: unknown */
	const char *folder;
	bool has_owners; /* the file system there knows owners and modes */
	Cancel *cancel;  /* or NULL */
	Progress *progress;
	uint64_t done, total; /* of the progress, before this and with everything */
} TarJob;

/* tar's flag for a file of this name, NULL: none; and the program tar runs then. */
const char *tar_flag(const char *filename, const char **program);

/* Are there the programs for it; `compares`: tar_compare() will be wanted too. */
bool tar_check(const char *filename, bool compares, GError **error);

bool tar_extract(const TarJob *job, GError **error);

/*
 * Is every member of the archive in the folder, with the same type, content, size, owner, mode
 * and link target? Times do not count: file systems differ in what they can express. Where the
 * archive has a member twice, the last one does. FAILURE_INTEGRITY names a file.
 * An archive without any member is refused.
 */
bool tar_compare(const TarJob *job, GError **error);
