/* SPDX-License-Identifier: MIT */

#include "writer/stream.h"

#include <string.h>

#include "base/error.h"

typedef struct {
	Stream *stream;
	Digest *digest;
	uint8_t *pieces; /* one a ticket of the pool: piece i % depth is item i's until consumed */
	unsigned n_pieces;
	uint64_t n_items;
} Run;

static size_t size_of(const Run *run, uint64_t item)
{
	const Stream *stream = run->stream;

	return (size_t)MIN(stream->piece, stream->job->bytes->size - item * stream->piece);
}

static void *read_piece(void *user, uint64_t item, GError **error)
{
	Run *run = user;
	uint8_t *data = run->pieces + item % run->n_pieces * run->stream->piece;

	return source_read_at(run->stream->job->bytes, data, size_of(run, item),
	                      item * run->stream->piece, error)
	               ? data
	               : NULL;
}

static bool check_digest(Run *run, GError **error)
{
	const char *expected = run->stream->job->image->sha256;

	digest_finish(run->digest, run->stream->digest);
	g_autofree char *hex = digest_hex(run->stream->digest, DIGEST_SIZE);
	return !expected || g_ascii_strcasecmp(hex, expected) == 0 ||
	       fail(error, FAILURE_INTEGRITY, "image digest is %s, but the manifest says %s", hex,
	            expected);
}

static void advance(Stream *stream, size_t size)
{
	stream->done += size;
	progress_bytes(stream->job->progress, stream->done, stream->total);
}

static bool write_piece(void *user, uint64_t item, void *made, GError **error)
{
	Run *run = user;
	Stream *stream = run->stream;
	size_t size = size_of(run, item);

	digest_update(run->digest, made, size);
	/* Before the device has all of it: an image that is not the signed one is never whole. */
	if (item + 1 == run->n_items && !check_digest(run, error))
		return false;
	if (!stream->put(stream->user, made, size, error))
		return false;
	stream->job->n_written += size;
	advance(stream, size);
	return true;
}

static bool run_pool(Run *run, GError **error)
{
	static const PoolWork work = { .produce = read_piece, .consume = write_piece };

	source_prefetch(run->stream->job->bytes, run->stream->job->bytes->size, 0);
	return pool_run(run->stream->job->pool, run->n_items, &work, run, error) &&
	       (run->n_items > 0 || check_digest(run, error));
}

bool stream_write(Stream *stream, GError **error)
{
	uint64_t size = stream->job->bytes->size;
	Run run = { .stream = stream,
		    .n_pieces = pool_depth(stream->job->pool),
		    .n_items = size / stream->piece + (size % stream->piece != 0) };

	stream->job->n_written = stream->job->n_punched = 0;
	run.pieces = g_try_malloc_n(run.n_pieces, stream->piece);
	if (!run.pieces)
		return fail(error, FAILURE_IO, "not enough memory for %u pieces of %zu bytes",
		            run.n_pieces, stream->piece);
	run.digest = digest_new();
	bool ok = run_pool(&run, error);
	digest_free(run.digest);
	g_free(run.pieces);
	return ok;
}

bool stream_compare(Stream *stream, GError **error)
{
	ERROR_WHILE(error, "reading back");
	g_autoptr(Digest) digest = digest_new();
	g_autofree uint8_t *data = g_malloc(stream->piece);
	uint64_t left = stream->job->bytes->size;
	uint8_t found[DIGEST_SIZE];

	for (size_t size; left > 0; left -= size) {
		size = (size_t)MIN(stream->piece, left);
		if (!cancel_check(pool_cancel(stream->job->pool), error) ||
		    !stream->get(stream->user, data, size, error))
			return false;
		digest_update(digest, data, size);
		advance(stream, size);
	}
	digest_finish(digest, found);
	return memcmp(found, stream->digest, DIGEST_SIZE) == 0 ||
	       fail(error, FAILURE_INTEGRITY,
	            "%s reads back differently from what was written: the medium is damaged",
	            stream->job->slot->device);
}
