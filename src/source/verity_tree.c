/* SPDX-License-Identifier: MIT */

/*
 * The tree of data of 40000 blocks; every arrow is SHA256(salt || block of 4096).
 *
 *     root                                            32 bytes, in the manifest
 *      ^
 *     [ top: 3 digests, rest zero ]                   tree block 0
 *        ^           ^          ^
 *     [128 digests][128 digests][57, rest zero]       tree blocks 1 .. 3
 *        ^    ^                      ^
 *     [128][128] ...               [64]               tree blocks 4 .. 316, the leaves
 *      ^^^^ ^^^^
 *     data blocks 0 .. 39999
 *
 * In the file the tree lies behind the data, top level first, leaves last. All levels
 * but the leaves are kept in memory: 64 bytes for each MiB of data.
 */

#include "source/verity_tree.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"

#define PER_BLOCK (VERITY_BLOCK / DIGEST_SIZE)
/* What a worker takes at once: 1 MiB of data, read in parts that stay in its cache. */
#define ITEM_LEAVES 2
#define PART_BLOCKS 16

typedef struct {
	Source *data; /* may go on behind the data */
	const uint8_t *salt;
	uint64_t data_size;
	VerityLayout layout;
	uint8_t *upper; /* all levels but the leaves, as they lie in the file */
	uint8_t root[DIGEST_SIZE];
	bool is_check; /* else the leaves are written to fd */
	int fd;
	Progress *progress;
} Job;

/* Some leaves, and what the level above says of them. */
typedef struct {
	uint8_t leaves[ITEM_LEAVES * VERITY_BLOCK];
	uint8_t digests[ITEM_LEAVES * DIGEST_SIZE];
} Made;

bool verity_tree_layout(uint64_t data_size, VerityLayout *layout, GError **error)
{
	if (data_size % VERITY_BLOCK)
		return fail(error, FAILURE_FORMAT,
		            "verity: data size (%" G_GUINT64_FORMAT
		            ") is not a multiple of 4096 bytes",
		            data_size);
	if (data_size <= VERITY_BLOCK)
		return fail(error, FAILURE_FORMAT,
		            "verity: data size (%" G_GUINT64_FORMAT
		            ") must be larger than 4096 bytes",
		            data_size);

	*layout = (VerityLayout){ 0 };
	for (uint64_t n = data_size / VERITY_BLOCK; n > 1;) {
		n = (n + PER_BLOCK - 1) / PER_BLOCK;
		layout->n_blocks[layout->n_levels++] = n;
		layout->n_total += n;
	}
	for (unsigned level = layout->n_levels - 1; level-- > 0;)
		layout->first[level] = layout->first[level + 1] + layout->n_blocks[level + 1];
	return true;
}

void verity_tree_hash(Digest *digest, const uint8_t salt[32], const void *block,
                      uint8_t result[DIGEST_SIZE])
{
	digest_update(digest, salt, 32);
	digest_update(digest, block, VERITY_BLOCK);
	digest_finish(digest, result);
}

static uint64_t first_leaf(uint64_t item)
{
	return item * ITEM_LEAVES;
}

static unsigned item_leaves(const Job *job, uint64_t item)
{
	return (unsigned)MIN(ITEM_LEAVES, job->layout.n_blocks[0] - first_leaf(item));
}

static bool corrupted(const char *what, uint64_t block, GError **error)
{
	return fail(error, FAILURE_INTEGRITY,
	            "bundle payload is corrupted (%s %" G_GUINT64_FORMAT ")", what, block);
}

/* Compare blocks of the tree with those stored. Where leaves differ it is, most
 * likely, a block of the data that changed. */
static bool compare(const Job *job, const uint8_t *made, uint64_t block, uint64_t n, GError **error)
{
	uint8_t stored[VERITY_BLOCK];

	for (uint64_t i = 0; i < n; i++, made += VERITY_BLOCK) {
		uint64_t at = job->data_size + (block + i) * VERITY_BLOCK;
		unsigned differs = 0;

		if (!source_read_at(job->data, stored, sizeof(stored), at, error))
			return false;
		if (memcmp(stored, made, VERITY_BLOCK) == 0)
			continue;
		while (memcmp(stored + differs * DIGEST_SIZE, made + differs * DIGEST_SIZE,
		              DIGEST_SIZE) == 0)
			differs++;
		uint64_t number = (block + i - job->layout.first[0]) * PER_BLOCK + differs;
		if (block + i >= job->layout.first[0] && number < job->data_size / VERITY_BLOCK)
			return corrupted("block", number, error);
		return corrupted("hash block", block + i, error);
	}
	return true;
}

static bool hash_data(const Job *job, Digest *digest, uint64_t block, uint64_t end,
                      uint8_t *digests, GError **error)
{
	g_autofree uint8_t *part = g_malloc(PART_BLOCKS * VERITY_BLOCK);

	while (block < end) {
		unsigned n = (unsigned)MIN(PART_BLOCKS, end - block);

		if (!source_read_at(job->data, part, (size_t)n * VERITY_BLOCK, block * VERITY_BLOCK,
		                    error))
			return false;
		for (unsigned i = 0; i < n; i++, digests += DIGEST_SIZE)
			verity_tree_hash(digest, job->salt, part + (size_t)i * VERITY_BLOCK,
			                 digests);
		block += n;
	}
	return true;
}

static void *produce(void *user, uint64_t item, GError **error)
{
	const Job *job = user;
	g_autofree Made *made = g_new0(Made, 1);
	g_autoptr(Digest) digest = digest_new();
	uint64_t leaf = first_leaf(item), block = leaf * PER_BLOCK;
	unsigned n = item_leaves(job, item);
	uint64_t end = MIN(block + ITEM_LEAVES * PER_BLOCK, job->data_size / VERITY_BLOCK);

	if (!hash_data(job, digest, block, end, made->leaves, error))
		return NULL;
	if (job->is_check && !compare(job, made->leaves, job->layout.first[0] + leaf, n, error))
		return NULL;
	for (unsigned i = 0; i < n; i++)
		verity_tree_hash(digest, job->salt, made->leaves + (size_t)i * VERITY_BLOCK,
		                 made->digests + (size_t)i * DIGEST_SIZE);
	return g_steal_pointer(&made);
}

/* Where the digest of a block of this level goes. */
static uint8_t *digest_place(Job *job, unsigned level, uint64_t block)
{
	if (level + 1 == job->layout.n_levels)
		return job->root;
	return job->upper + job->layout.first[level + 1] * VERITY_BLOCK + block * DIGEST_SIZE;
}

static bool consume(void *user, uint64_t item, void *owned, GError **error)
{
	Job *job = user;
	g_autofree Made *made = owned;
	uint64_t leaf = first_leaf(item);
	unsigned n = item_leaves(job, item);

	memcpy(digest_place(job, 0, leaf), made->digests, (size_t)n * DIGEST_SIZE);
	progress_bytes(job->progress, MIN((leaf + n) * PER_BLOCK * VERITY_BLOCK, job->data_size),
	               job->data_size);
	return job->is_check ||
	       fd_write_at(job->fd, made->leaves, (size_t)n * VERITY_BLOCK,
	                   job->data_size + (job->layout.first[0] + leaf) * VERITY_BLOCK,
	                   "the hash tree", error);
}

static void discard(void *user G_GNUC_UNUSED, void *made)
{
	g_free(made);
}

static void hash_upper(Job *job)
{
	g_autoptr(Digest) digest = digest_new();

	for (unsigned level = 1; level < job->layout.n_levels; level++)
		for (uint64_t i = 0; i < job->layout.n_blocks[level]; i++)
			verity_tree_hash(digest, job->salt,
			                 job->upper + (job->layout.first[level] + i) * VERITY_BLOCK,
			                 digest_place(job, level, i));
}

/* All levels and the root; `job->upper` is the caller's to free. */
static bool run(Job *job, Pool *pool, GError **error)
{
	static const PoolWork work = { produce, consume, discard };
	uint64_t n_items = (job->layout.n_blocks[0] + ITEM_LEAVES - 1) / ITEM_LEAVES;

	job->upper = g_try_malloc0(job->layout.first[0] * VERITY_BLOCK + 1);
	if (!job->upper)
		return fail(error, FAILURE_IO, "verity: no memory for the hash tree");
	if (!pool_run(pool, n_items, &work, job, error))
		return false;
	hash_upper(job);
	return true;
}

bool verity_tree_create(Source *data, int fd, VerityParameters *parameters, Pool *pool,
                        GError **error)
{
	Job job = { .data = data, .salt = parameters->salt, .data_size = data->size, .fd = fd };

	if (!verity_tree_layout(data->size, &job.layout, error))
		return false;
	bool ok = run(&job, pool, error) &&
	          fd_write_at(fd, job.upper, job.layout.first[0] * VERITY_BLOCK, data->size,
	                      "the hash tree", error);
	g_free(job.upper);
	if (!ok)
		return false;
	memcpy(parameters->root, job.root, sizeof(job.root));
	parameters->tree_size = job.layout.n_total * VERITY_BLOCK;
	return true;
}

bool verity_tree_fit(const Source *below, const VerityParameters *parameters, VerityLayout *layout,
                     GError **error)
{
	if (parameters->tree_size >= below->size)
		return fail(error, FAILURE_FORMAT,
		            "verity: a hash tree of %" G_GUINT64_FORMAT
		            " bytes in a payload of %" G_GUINT64_FORMAT,
		            parameters->tree_size, below->size);
	if (!verity_tree_layout(below->size - parameters->tree_size, layout, error))
		return false;
	if (parameters->tree_size != layout->n_total * VERITY_BLOCK)
		return fail(error, FAILURE_FORMAT,
		            "verity: a hash tree of %" G_GUINT64_FORMAT
		            " bytes, the data needs one of %" G_GUINT64_FORMAT,
		            parameters->tree_size, layout->n_total * VERITY_BLOCK);
	return true;
}

bool verity_tree_check(Source *below, const VerityParameters *parameters, Pool *pool,
                       Progress *progress, GError **error)
{
	Job job = {
		.data = below,
		.salt = parameters->salt,
		.data_size = below->size - parameters->tree_size,
		.is_check = true,
		.progress = progress,
	};

	if (!verity_tree_fit(below, parameters, &job.layout, error))
		return false;
	bool ok = run(&job, pool, error) && compare(&job, job.upper, 0, job.layout.first[0], error);
	g_free(job.upper);
	if (ok && memcmp(job.root, parameters->root, sizeof(job.root)) != 0)
		return fail(error, FAILURE_INTEGRITY, "bundle payload is corrupted (root hash)");
	return ok;
}
