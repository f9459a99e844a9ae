/* SPDX-License-Identifier: MIT */

/*
 * A read fetches the blocks it touches straight into the caller's memory, hashes
 * each, and compares with its leaf, which was compared with the levels above. Only
 * the first and the last block, where they are wanted in part, take a detour.
 */

#include "source/verity.h"

#include <string.h>

#include "base/error.h"
#include "source/verity_tree.h"

#define PER_BLOCK (VERITY_BLOCK / DIGEST_SIZE)
#define SHELF     16

/* What is asked for ahead, in blocks. Leaves are read so much slower than data that a server would not wait for us
 * with all of them: they come in portions, the next one when half of the last is used up. */
#define LEAVES_AHEAD      128
#define LEAVES_AHEAD_MOST 256
#define FIRST_LEAVES      1 /* with the tree above them, which is read before anything else */
#define LAST_DATA         4 /* and these: where data is a file system, its tables are there */

/* What one read works with; the leaf it checked last saves the next read the work. */
typedef struct {
	Digest *digest;
	uint64_t leaf_number; /* G_MAXUINT64: none */
	uint8_t leaf[VERITY_BLOCK];
	uint8_t part[VERITY_BLOCK];
} Checker;

typedef struct {
	Source source;
	Source *below;
	uint8_t salt[32];
	VerityLayout layout;
	uint64_t n_kept;
	uint8_t *kept; /* checked: all levels but the leaves, or the only level */
	Checker *waiting[SHELF];
	GMutex lock;                  /* of: */
	uint64_t next_leaf, leaf_end; /* not asked for ahead yet */
} VeritySource;

static Checker *take_checker(VeritySource *verity)
{
	for (unsigned i = 0; i < SHELF; i++) {
		Checker *checker = g_atomic_pointer_exchange(&verity->waiting[i], NULL);

		if (checker)
			return checker;
	}

	Checker *checker = g_new(Checker, 1);
	checker->digest = digest_new();
	checker->leaf_number = G_MAXUINT64;
	return checker;
}

static void checker_free(Checker *checker)
{
	digest_free(checker->digest);
	g_free(checker);
}

static void give_checker(VeritySource *verity, Checker *checker)
{
	for (unsigned i = 0; i < SHELF; i++)
		if (g_atomic_pointer_compare_and_exchange(&verity->waiting[i], NULL, checker))
			return;
	checker_free(checker);
}

static bool is_right(const VeritySource *verity, Digest *digest, const uint8_t *block,
                     const uint8_t *expected)
{
	uint8_t result[DIGEST_SIZE];

	verity_tree_hash(digest, verity->salt, block, result);
	return memcmp(result, expected, DIGEST_SIZE) == 0;
}

/* Where the tree, above the leaves, has the digest of this block of this level. */
static const uint8_t *kept_digest(const VeritySource *verity, unsigned level, uint64_t block)
{
	return verity->kept + verity->layout.first[level + 1] * VERITY_BLOCK + block * DIGEST_SIZE;
}

static uint64_t leaf_at(const VeritySource *verity, uint64_t leaf)
{
	return verity->source.size + (verity->layout.first[0] + leaf) * VERITY_BLOCK;
}

static uint64_t leaves_ahead(const VeritySource *verity)
{
	return CLAMP(verity->layout.n_blocks[0] / 8, LEAVES_AHEAD, LEAVES_AHEAD_MOST);
}

/* Leaf `leaf` is read: is it time for the next portion? */
static void ask_leaves(VeritySource *verity, uint64_t leaf)
{
	uint64_t n = leaves_ahead(verity), from = 0, end = 0;

	g_mutex_lock(&verity->lock);
	if (verity->next_leaf < verity->leaf_end && leaf + n / 2 >= verity->next_leaf) {
		from = MAX(verity->next_leaf, leaf);
		end = MIN(verity->leaf_end, from + n);
		verity->next_leaf = end;
	}
	g_mutex_unlock(&verity->lock);
	if (from < end)
		source_prefetch(verity->below, (end - from) * VERITY_BLOCK, leaf_at(verity, from));
}

static bool use_leaf(VeritySource *verity, Checker *checker, uint64_t leaf, GError **error)
{
	if (checker->leaf_number == leaf)
		return true;
	checker->leaf_number = G_MAXUINT64;
	if (verity->layout.n_levels == 1) {
		memcpy(checker->leaf, verity->kept, VERITY_BLOCK);
	} else {
		ask_leaves(verity, leaf);
		if (!source_read_at(verity->below, checker->leaf, VERITY_BLOCK,
		                    leaf_at(verity, leaf), error))
			return false;
		if (!is_right(verity, checker->digest, checker->leaf, kept_digest(verity, 0, leaf)))
			return fail(error, FAILURE_INTEGRITY,
			            "verity: hash block %" G_GUINT64_FORMAT " is corrupted",
			            verity->layout.first[0] + leaf);
	}
	checker->leaf_number = leaf;
	return true;
}

/* Whole blocks. */
static bool read_blocks(VeritySource *verity, Checker *checker, uint8_t *to, uint64_t n,
                        uint64_t block, GError **error)
{
	if (!source_read_at(verity->below, to, n * VERITY_BLOCK, block * VERITY_BLOCK, error))
		return false;
	for (; n > 0; n--, block++, to += VERITY_BLOCK) {
		if (!use_leaf(verity, checker, block / PER_BLOCK, error))
			return false;
		if (!is_right(verity, checker->digest, to,
		              checker->leaf + block % PER_BLOCK * DIGEST_SIZE))
			return fail(error, FAILURE_INTEGRITY,
			            "verity: block %" G_GUINT64_FORMAT " is corrupted", block);
	}
	return true;
}

static bool read_with(VeritySource *verity, Checker *checker, uint8_t *to, size_t size, uint64_t at,
                      GError **error)
{
	while (size > 0) {
		uint64_t block = at / VERITY_BLOCK;
		size_t offset = at % VERITY_BLOCK, n;

		if (offset == 0 && size >= VERITY_BLOCK) {
			n = size - size % VERITY_BLOCK;
			if (!read_blocks(verity, checker, to, n / VERITY_BLOCK, block, error))
				return false;
		} else {
			n = MIN(size, VERITY_BLOCK - offset);
			if (!read_blocks(verity, checker, checker->part, 1, block, error))
				return false;
			memcpy(to, checker->part + offset, n);
		}
		to += n;
		at += n;
		size -= n;
	}
	return true;
}

static bool verity_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	VeritySource *verity = (VeritySource *)source;
	Checker *checker = take_checker(verity);
	bool ok = read_with(verity, checker, to, size, at, error);

	give_checker(verity, checker);
	if (!ok)
		memset(to, 0, size);
	return ok;
}

static void verity_prefetch(Source *source, uint64_t size, uint64_t at)
{
	VeritySource *verity = (VeritySource *)source;
	uint64_t first = at / VERITY_BLOCK, last = (at + size - 1) / VERITY_BLOCK;
	uint64_t leaf = first / PER_BLOCK, end = last / PER_BLOCK + 1;

	source_prefetch(verity->below, (last - first + 1) * VERITY_BLOCK, first * VERITY_BLOCK);
	if (verity->layout.n_levels == 1)
		return;
	if (end - leaf > leaves_ahead(verity)) {
		g_mutex_lock(&verity->lock);
		verity->next_leaf = leaf + leaves_ahead(verity);
		verity->leaf_end = end;
		end = verity->next_leaf;
		g_mutex_unlock(&verity->lock);
	}
	source_prefetch(verity->below, (end - leaf) * VERITY_BLOCK, leaf_at(verity, leaf));
}

static void verity_free(Source *source)
{
	VeritySource *verity = (VeritySource *)source;

	for (unsigned i = 0; i < SHELF; i++)
		if (verity->waiting[i])
			checker_free(verity->waiting[i]);
	source_unref(verity->below);
	g_mutex_clear(&verity->lock);
	g_free(verity->kept);
	g_free(verity);
}

static const SourceOps verity_ops = {
	.kind = "verity",
	.read_at = verity_read_at,
	.prefetch = verity_prefetch,
	.free = verity_free,
};

static bool check_kept(const VeritySource *verity, const uint8_t root[DIGEST_SIZE], GError **error)
{
	const VerityLayout *layout = &verity->layout;
	g_autoptr(Digest) digest = digest_new();

	if (!is_right(verity, digest, verity->kept, root))
		return fail(error, FAILURE_INTEGRITY,
		            "verity: the hash tree does not match the root hash");
	for (unsigned level = layout->n_levels - 1; level-- > 1;)
		for (uint64_t i = 0; i < layout->n_blocks[level]; i++) {
			uint64_t block = layout->first[level] + i;

			if (!is_right(verity, digest, verity->kept + block * VERITY_BLOCK,
			              kept_digest(verity, level, i)))
				return fail(error, FAILURE_INTEGRITY,
				            "verity: hash block %" G_GUINT64_FORMAT " is corrupted",
				            block);
		}
	return true;
}

/* One round trip to a server instead of three. */
static void ask_for_start(const VeritySource *verity)
{
	uint64_t before = MIN(verity->source.size, (uint64_t)LAST_DATA * VERITY_BLOCK);
	uint64_t after = MIN(verity->layout.n_total, verity->n_kept + FIRST_LEAVES) * VERITY_BLOCK;

	source_prefetch(verity->below, before + after, verity->source.size - before);
}

Source *source_verity_new(Source *below, const VerityParameters *parameters, GError **error)
{
	VerityLayout layout;

	if (!verity_tree_fit(below, parameters, &layout, error))
		return NULL;

	VeritySource *verity = g_new0(VeritySource, 1);
	g_autoptr(Source) source = &verity->source;
	source_init(source, &verity_ops, below->size - parameters->tree_size);
	verity->below = source_ref(below);
	verity->layout = layout;
	verity->n_kept = MAX(layout.first[0], 1);
	g_mutex_init(&verity->lock);
	memcpy(verity->salt, parameters->salt, sizeof(verity->salt));
	verity->kept = g_try_malloc(verity->n_kept * VERITY_BLOCK);
	if (!verity->kept)
		return fail_null(error, FAILURE_IO, "verity: no memory for the hash tree");
	ask_for_start(verity);
	if (!source_read_at(below, verity->kept, verity->n_kept * VERITY_BLOCK, source->size,
	                    error) ||
	    !check_kept(verity, parameters->root, error))
		return NULL;
	return g_steal_pointer(&source);
}
