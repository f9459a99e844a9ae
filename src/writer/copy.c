/* SPDX-License-Identifier: MIT */

#include "writer/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "writer/target.h"

#define CHUNK (1024 * 1024)
#define GRAIN (64 * 1024) /* how finely zeroes are told from data */

typedef struct {
	uint8_t *data; /* CHUNK bytes, aligned */
	size_t size;
	uint32_t zero; /* bit i: grain i has only zeroes */
} Chunk;

typedef struct {
	CopyJob *job;
	Target *target;
	Digest *digest;
	bool hashes_writes; /* else reading back shows both: a good medium and the right image */
	uint64_t at, size;  /* of the window, on the target */
	size_t n_head;
	/* One a ticket of the pool: item i has chunk i % depth for itself until consumed. */
	Chunk *chunks;
	unsigned n_chunks;
	uint64_t done, total; /* for progress: written, and read back */
} Copy;

static bool is_zero(const uint8_t *data, size_t size)
{
	return data[0] == 0 && memcmp(data, data + 1, size - 1) == 0;
}

static Chunk *chunk_of(Copy *copy, uint64_t item)
{
	Chunk *chunk = &copy->chunks[item % copy->n_chunks];

	chunk->size = (size_t)MIN(CHUNK, copy->size - item * CHUNK);
	return chunk;
}

/* How much of a chunk is the image's; what lies behind is zero. */
static size_t image_part(const Copy *copy, uint64_t item, const Chunk *chunk)
{
	uint64_t at = item * CHUNK, end = copy->job->bytes->size;

	return at < end ? (size_t)MIN(chunk->size, end - at) : 0;
}

/* The first chunk has the head of the image in front, which is kept elsewhere. */
static size_t head_part(const Copy *copy, uint64_t item)
{
	return item == 0 ? copy->n_head : 0;
}

static void *read_chunk(void *user, uint64_t item, GError **error)
{
	Copy *copy = user;
	Chunk *chunk = chunk_of(copy, item);
	size_t n_image = image_part(copy, item, chunk), n_head = head_part(copy, item);

	if (n_image && !source_read_at(copy->job->bytes, chunk->data, n_image, item * CHUNK, error))
		return NULL;
	memset(chunk->data + n_image, 0, chunk->size - n_image);
	if (n_head) {
		memcpy(copy->job->head, chunk->data, n_head);
		memset(chunk->data, 0, n_head);
	}
	chunk->zero = 0;
	for (unsigned i = 0; i < chunk->size / GRAIN; i++) {
		if (is_zero(chunk->data + i * GRAIN, GRAIN))
			chunk->zero |= 1u << i;
	}
	return chunk;
}

/* Grains [first, last) are alike: all zero, or all to be written. */
static bool write_run(Copy *copy, const Chunk *chunk, uint64_t at, unsigned first, unsigned last,
                      GError **error)
{
	size_t from = (size_t)first * GRAIN;
	size_t size = MIN((size_t)last * GRAIN, chunk->size) - from;
	bool is_done = false;

	if (chunk->zero >> first & 1) {
		if (!target_punch(copy->target, size, at + from, &is_done, error))
			return false;
		copy->job->n_punched += is_done ? size : 0;
	}
	if (is_done)
		return true;
	copy->job->n_written += size;
	return target_write(copy->target, chunk->data + from, size, at + from, error);
}

static void hash_image(Copy *copy, uint64_t item, const Chunk *chunk)
{
	size_t n_image = image_part(copy, item, chunk), n_head = head_part(copy, item);

	if (n_head)
		digest_update(copy->digest, copy->job->head, n_head);
	if (n_image > n_head)
		digest_update(copy->digest, chunk->data + n_head, n_image - n_head);
}

static bool write_chunk(void *user, uint64_t item, void *made, GError **error)
{
	Copy *copy = user;
	const Chunk *chunk = made;
	unsigned n_grains = (unsigned)((chunk->size + GRAIN - 1) / GRAIN);

	for (unsigned first = 0, last; first < n_grains; first = last) {
		for (last = first + 1; last < n_grains; last++) {
			if ((chunk->zero >> last & 1) != (chunk->zero >> first & 1))
				break;
		}
		if (!write_run(copy, chunk, copy->at + item * CHUNK, first, last, error))
			return false;
	}
	if (copy->hashes_writes)
		hash_image(copy, item, chunk);
	copy->done += chunk->size;
	progress_bytes(copy->job->progress, copy->done, copy->total);
	return true;
}

static void *read_back_chunk(void *user, uint64_t item, GError **error)
{
	Copy *copy = user;
	Chunk *chunk = chunk_of(copy, item);

	return target_read_back(copy->target, chunk->data, chunk->size, copy->at + item * CHUNK,
	                        error)
	               ? chunk
	               : NULL;
}

/* Where nothing of the image was to be, there are zeroes. */
static bool check_rest(const Copy *copy, uint64_t item, const Chunk *chunk, GError **error)
{
	size_t n_image = image_part(copy, item, chunk), n_head = head_part(copy, item);

	return ((n_head == 0 || is_zero(chunk->data, n_head)) &&
	        (n_image == chunk->size ||
	         is_zero(chunk->data + n_image, chunk->size - n_image))) ||
	       fail(error, FAILURE_INTEGRITY, "%s was cleared, but does not read back as zeroes",
	            copy->job->path);
}

static bool hash_chunk(void *user, uint64_t item, void *made, GError **error)
{
	Copy *copy = user;
	const Chunk *chunk = made;

	if (!check_rest(copy, item, chunk, error))
		return false;
	hash_image(copy, item, chunk);
	copy->done += chunk->size;
	progress_bytes(copy->job->progress, copy->done, copy->total);
	return true;
}

static bool run_all(Copy *copy, const PoolWork *work, uint8_t result[DIGEST_SIZE], GError **error)
{
	uint64_t n_items = copy->size / CHUNK + (copy->size % CHUNK != 0);

	if (!pool_run(copy->job->pool, n_items, work, copy, error))
		return false;
	digest_finish(copy->digest, result);
	return true;
}

static bool check_digest(const Copy *copy, const uint8_t digest[DIGEST_SIZE], GError **error)
{
	g_autofree char *hex = digest_hex(digest, DIGEST_SIZE);

	if (!copy->job->sha256 || g_ascii_strcasecmp(hex, copy->job->sha256) == 0)
		return true;
	return fail(error, FAILURE_INTEGRITY, "image digest is %s, but the manifest says %s", hex,
	            copy->job->sha256);
}

/* `written` is set where writes are hashed. */
static bool write_all(Copy *copy, uint8_t written[DIGEST_SIZE], GError **error)
{
	static const PoolWork work = { .produce = read_chunk, .consume = write_chunk };
	g_autoptr(Target) target = copy->job->window ? target_open_shared(copy->job->path, error)
	                                             : target_open(copy->job->path, error);

	if (!target)
		return false;
	if (target_capacity(target) < copy->size || target_capacity(target) - copy->size < copy->at)
		return fail(error, FAILURE_TOO_LARGE,
		            "Slot (%" G_GUINT64_FORMAT
		            " bytes) is too small for image (%" G_GUINT64_FORMAT " bytes).",
		            target_capacity(target), copy->size);
	copy->target = target;
	source_prefetch(copy->job->bytes, copy->size,
	                0); /* all of it, in order: a server is told */
	return run_all(copy, &work, written, error) &&
	       (!copy->hashes_writes || check_digest(copy, written, error)) &&
	       target_finish(target, copy->at + copy->size, error);
}

/* What was read back is not what was signed: is it the image or the medium? */
static bool blame(Copy *copy, GError **error)
{
	static const PoolWork work = { .produce = read_chunk, .consume = hash_chunk };
	uint8_t digest[DIGEST_SIZE];

	if (!run_all(copy, &work, digest, error) || !check_digest(copy, digest, error))
		return false;
	return fail(error, FAILURE_INTEGRITY,
	            "%s reads back differently from what was written: the medium is damaged",
	            copy->job->path);
}

static bool compare_all(Copy *copy, const uint8_t written[DIGEST_SIZE], GError **error)
{
	static const PoolWork work = { .produce = read_back_chunk, .consume = hash_chunk };
	g_autoptr(Target) target = target_open_back(copy->job->path, error);
	uint8_t found[DIGEST_SIZE];

	copy->target = target;
	if (!target || !run_all(copy, &work, found, error))
		return false;
	bool is_same = copy->hashes_writes ? memcmp(found, written, DIGEST_SIZE) == 0
	                                   : check_digest(copy, found, NULL);
	return is_same || blame(copy, error);
}

static void clear(Copy *copy)
{
	for (unsigned i = 0; i < copy->n_chunks; i++)
		free(copy->chunks[i].data);
	g_free(copy->chunks);
	digest_free(copy->digest);
}

static bool prepare(Copy *copy, GError **error)
{
	copy->n_chunks = pool_depth(copy->job->pool);
	copy->chunks = g_new0(Chunk, copy->n_chunks);
	for (unsigned i = 0; i < copy->n_chunks; i++) {
		void *data = NULL;

		if (posix_memalign(&data, TARGET_ALIGN, CHUNK) != 0)
			return fail(error, FAILURE_IO, "not enough memory for %u chunks of 1 MiB",
			            copy->n_chunks);
		copy->chunks[i].data = data;
	}
	copy->digest = digest_new();
	return true;
}

bool copy_run(CopyJob *job, GError **error)
{
	Copy copy = { .job = job,
		      .at = job->window ? job->window->at : 0,
		      .size = job->window ? job->window->size : job->bytes->size,
		      .n_head = (size_t)MIN(job->n_head, job->bytes->size) };
	uint8_t written[DIGEST_SIZE];

	g_assert(copy.size >= job->bytes->size && copy.n_head <= COPY_HEAD_MAX);

	job->n_written = job->n_punched = 0;
	copy.hashes_writes = !job->verify || !job->sha256;
	copy.total = job->verify ? copy.size * 2 : copy.size;
	bool ok = prepare(&copy, error) && write_all(&copy, written, error) &&
	          (!job->verify || compare_all(&copy, written, error));
	clear(&copy);
	return ok;
}

bool copy_check_target(const char *path, uint64_t size, GError **error)
{
	g_autoptr(Target) target = target_open(path, error);

	if (!target)
		return false;
	return target_capacity(target) >= size ||
	       fail(error, FAILURE_TOO_LARGE,
	            "Slot (%" G_GUINT64_FORMAT " bytes) is too small for image (%" G_GUINT64_FORMAT
	            " bytes).",
	            target_capacity(target), size);
}

bool copy_check_window(const char *path, GError **error)
{
	g_autoptr(Target) target = target_open_shared(path, error);

	return target != NULL;
}
