/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The pipeline from a Source to a device that takes bytes only in their order.
 *
 * Workers read and decompress a piece each, the calling thread hashes and writes them one after
 * the other. The last piece is written only if all of them are what the manifest says. The way
 * back is by the same road, and the hash of it must be that of what was written.
 *
 * Memory: pool depth times the size of a piece.
 */

#include "crypto/digest.h"
#include "writer/writer.h"

typedef struct {
	WriterJob *job;
	size_t piece; /* bytes; only the last one is shorter */
	/* The next bytes, onto the device and from it. */
	bool (*put)(void *user, const uint8_t *data, size_t size, GError **error);
	bool (*get)(void *user, uint8_t *data, size_t size, GError **error);
	void *user;
	uint64_t done, total; /* for progress */
	/* What was written, for comparing. */
	uint8_t digest[DIGEST_SIZE];
} Stream;

bool stream_write(Stream *stream, GError **error);

/* After stream_write(); another content is FAILURE_INTEGRITY. */
bool stream_compare(Stream *stream, GError **error);
