/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pipeline from a Source to a device.
 *
 *   workers   read, check and decompress 1 MiB each, and see which 64 KiB are zero
 *   consumer  in order: large aligned writes (O_DIRECT where the target takes it),
 *             zeroes punched where the target can
 *   then      flush, and the same way back: read from the medium, SHA-256, compare
 *             with the manifest. One hash shows both, that the image is the signed one
 *             and that the medium has it; without reading back, what is written is hashed.
 *
 * Memory: pool depth times 1 MiB.
 */

#include "base/pool.h"
#include "base/progress.h"
#include "source/source.h"

typedef struct {
	Source *bytes;
	const char *path;   /* device or regular file, written in place from offset 0 */
	const char *sha256; /* hex, of all bytes; NULL: unknown */
	Pool *pool;
	Progress *progress;
	bool verify;                   /* read back */
	uint64_t n_written, n_punched; /* results */
} CopyJob;

bool copy_run(CopyJob *job, GError **error);

/* Can `path` take `size` bytes: exists, writable, nobody else uses it, large enough. */
bool copy_check_target(const char *path, uint64_t size, GError **error);
