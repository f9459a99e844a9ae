/* SPDX-License-Identifier: MIT */

#include "writer/marks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "crypto/digest.h"

#define BLOCK TARGET_ALIGN
#define LEAST (1024 * 1024)
#define MOST  (4 * 1024 * 1024)
#define FEW   128 /* marks are farther apart where there are more */

struct Marks {
	uint64_t size, span;
	uint32_t salt;    /* where in each span; differs from run to run */
	uint64_t found[]; /* the beginning of the block's digest */
};

typedef struct {
	const Marks *marks;
	Target *target;
	uint64_t base;
	const char *path;
	uint8_t *blocks; /* item i has block i % depth until it is consumed */
	unsigned depth;
} Check;

Marks *marks_new(uint64_t size)
{
	uint64_t span = CLAMP(size / FEW, LEAST, MOST) / LEAST * LEAST, n = size / span + 1;
	Marks *marks = g_malloc0(sizeof(*marks) + (size_t)n * sizeof(marks->found[0]));

	marks->size = size;
	marks->span = span;
	marks->salt = g_random_int();
	return marks;
}

void marks_free(Marks *marks)
{
	g_free(marks);
}

static uint64_t place_of(const Marks *marks, uint64_t item)
{
	uint64_t size = MIN(marks->span, marks->size - item * marks->span);
	uint32_t mixed = ((uint32_t)item ^ marks->salt) * 0x9e3779b1u;

	return item * marks->span + (mixed >> 8) % ((size + BLOCK - 1) / BLOCK) * BLOCK;
}

static size_t size_at(const Marks *marks, uint64_t at)
{
	return (size_t)MIN(BLOCK, marks->size - at);
}

static uint64_t mark_of(const uint8_t *block, size_t size)
{
	uint8_t digest[DIGEST_SIZE];
	uint64_t mark;

	digest_quick(block, size, digest);
	memcpy(&mark, digest, sizeof(mark));
	return mark;
}

void marks_note(Marks *marks, const uint8_t *data, size_t size, uint64_t at)
{
	uint64_t end = at + size;

	for (uint64_t item = at / marks->span; item * marks->span < end; item++) {
		uint64_t place = place_of(marks, item);

		if (place >= at && place < end)
			marks->found[item] = mark_of(data + (place - at), size_at(marks, place));
	}
}

static void *read_block(void *user, uint64_t item, GError **error)
{
	Check *check = user;
	uint8_t *block = check->blocks + item % check->depth * BLOCK;
	uint64_t at = place_of(check->marks, item);
	bool ok = target_read_back(check->target, block, size_at(check->marks, at),
	                           check->base + at, error);

	return ok ? block : NULL;
}

static bool compare_block(void *user, uint64_t item, void *made, GError **error)
{
	const Check *check = user;
	uint64_t at = place_of(check->marks, item);

	return mark_of(made, size_at(check->marks, at)) == check->marks->found[item] ||
	       fail(error, FAILURE_INTEGRITY,
	            "%s has something else at byte %" G_GUINT64_FORMAT
	            " than a moment ago: the medium is damaged, or smaller than it says",
	            check->path, check->base + at);
}

bool marks_check(Marks *marks, uint64_t size, Target *target, uint64_t base, const char *path,
                 Pool *pool, GError **error)
{
	static const PoolWork work = { .produce = read_block, .consume = compare_block };
	Check check = { .marks = marks,
		        .target = target,
		        .base = base,
		        .path = path,
		        .depth = pool_depth(pool) };
	void *blocks = NULL;

	if (posix_memalign(&blocks, TARGET_ALIGN, (size_t)check.depth * BLOCK) != 0)
		return fail(error, FAILURE_IO, "not enough memory to look at %s again", path);
	check.blocks = blocks;
	/* in the last of them the mark may lie behind what was noted */
	uint64_t n =
		size == marks->size ? (size + marks->span - 1) / marks->span : size / marks->span;
	bool ok = pool_run(pool, n, &work, &check, error);
	free(blocks);
	return ok;
}
