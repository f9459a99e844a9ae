/* SPDX-License-Identifier: MIT */

#include "source/hash_index.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"

/* What is read at once: small enough to be still in a core's cache when the second one hashes it. */
#define PART_CHUNKS 64
#define PART        (PART_CHUNKS * HASH_INDEX_CHUNK)

struct HashIndex {
	Source *file;
	GBytes *bytes; /* NULL: in the file */
};

typedef struct {
	uint8_t bytes[PART];
	uint8_t digests[PART_CHUNKS * DIGEST_SIZE];
} Part;

typedef struct {
	Source *image;
	int fd;
	Digest *whole;
	Progress *progress;
	uint64_t from, total;
	/* Item i has part i % n_parts for itself until consumed: fresh memory for each would cost as
	 * much in page faults as its bytes do in hashing. */
	Part *parts;
	unsigned n_parts;
} Job;

bool hash_index_check_size(uint64_t size, GError **error)
{
	if (!size)
		return fail(error, FAILURE_CONFIG, "image/partition is empty");
	if (size % HASH_INDEX_CHUNK)
		return fail(error, FAILURE_CONFIG,
		            "image/partition size (%" G_GUINT64_FORMAT
		            ") is not a multiple of 4096 bytes",
		            size);
	return size / HASH_INDEX_CHUNK <= HASH_INDEX_MAX_CHUNKS ||
	       fail(error, FAILURE_CONFIG,
	            "image/partition size (%" G_GUINT64_FORMAT
	            ") is too large: an index has at most %d chunks of 4096 bytes",
	            size, HASH_INDEX_MAX_CHUNKS);
}

static size_t part_size(const Job *job, uint64_t item)
{
	return (size_t)MIN(PART, job->image->size - item * PART);
}

static void *hash_chunks(void *user, uint64_t item, GError **error)
{
	const Job *job = user;
	Part *part = &job->parts[item % job->n_parts];
	g_autoptr(Digest) digest = digest_new();
	size_t size = part_size(job, item);

	if (!source_read_at(job->image, part->bytes, size, item * PART, error))
		return NULL;
	for (size_t i = 0; i < size / HASH_INDEX_CHUNK; i++) {
		digest_update(digest, part->bytes + i * HASH_INDEX_CHUNK, HASH_INDEX_CHUNK);
		digest_finish(digest, part->digests + i * DIGEST_SIZE);
	}
	return part;
}

static bool hash_whole(void *user, uint64_t item, void *made, GError **error)
{
	const Job *job = user;
	const Part *part = made;
	size_t size = part_size(job, item);

	digest_update(job->whole, part->bytes, size);
	bool ok = fd_write_at(job->fd, part->digests, size / HASH_INDEX_CHUNK * DIGEST_SIZE,
	                      item * PART_CHUNKS * DIGEST_SIZE, "the block hash index", error);
	progress_bytes(job->progress, job->from + item * PART + size, job->total);
	return ok;
}

bool hash_index_create(Source *image, int fd, Pool *pool, uint8_t whole[DIGEST_SIZE],
                       GError **error)
{
	return hash_index_create_told(image, fd, pool, NULL, 0, 0, whole, error);
}

bool hash_index_create_told(Source *image, int fd, Pool *pool, Progress *progress, uint64_t from,
                            uint64_t total, uint8_t whole[DIGEST_SIZE], GError **error)
{
	static const PoolWork work = { .produce = hash_chunks, .consume = hash_whole };
	g_autoptr(Digest) digest = digest_new();
	Job job = { image, fd, digest, progress, from, total, NULL, pool_depth(pool) };

	if (!hash_index_check_size(image->size, error))
		return false;
	/* aligned for sources that read past the page cache */
	job.parts = g_aligned_alloc(job.n_parts, sizeof(Part), HASH_INDEX_CHUNK);
	bool ok = pool_run(pool, (image->size + PART - 1) / PART, &work, &job, error);
	g_aligned_free(job.parts);
	if (ok)
		digest_finish(digest, whole);
	return ok;
}

static bool check_load(uint64_t size, uint64_t image_size, GError **error)
{
	if (!size || size % DIGEST_SIZE || size / DIGEST_SIZE > HASH_INDEX_MAX_CHUNKS)
		return fail(error, FAILURE_FORMAT,
		            "block hash index of %" G_GUINT64_FORMAT
		            " bytes: expected %d for each chunk, and 1 to %d chunks",
		            size, DIGEST_SIZE, HASH_INDEX_MAX_CHUNKS);
	return !image_size || size / DIGEST_SIZE * HASH_INDEX_CHUNK == image_size ||
	       fail(error, FAILURE_FORMAT,
	            "block hash index of %" G_GUINT64_FORMAT
	            " bytes: an image of %" G_GUINT64_FORMAT " bytes has another",
	            size, image_size);
}

HashIndex *hash_index_open(Source *file, uint64_t image_size, GError **error)
{
	if (!check_load(file->size, image_size, error))
		return NULL;

	HashIndex *index = g_new0(HashIndex, 1);
	index->file = source_ref(file);
	return index;
}

HashIndex *hash_index_load(Source *file, uint64_t image_size, GError **error)
{
	g_autoptr(HashIndex) index = hash_index_open(file, image_size, error);

	if (!index)
		return NULL;
	index->bytes = source_read_all(file, (size_t)file->size, error);
	return index->bytes ? g_steal_pointer(&index) : NULL;
}

void hash_index_free(HashIndex *index)
{
	if (!index)
		return;
	source_unref(index->file);
	g_bytes_unref(index->bytes);
	g_free(index);
}

uint32_t hash_index_count(const HashIndex *index)
{
	return (uint32_t)(index->file->size / DIGEST_SIZE);
}

bool hash_index_read(const HashIndex *index, uint32_t first, uint32_t n, uint8_t *digests,
                     GError **error)
{
	return source_read_at(index->file, digests, (size_t)n * DIGEST_SIZE,
	                      (uint64_t)first * DIGEST_SIZE, error);
}

const uint8_t *hash_index_digest(const HashIndex *index, uint32_t chunk)
{
	const uint8_t *digests = g_bytes_get_data(index->bytes, NULL);

	g_assert(chunk < hash_index_count(index));
	return digests + (size_t)chunk * DIGEST_SIZE;
}
