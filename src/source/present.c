/* SPDX-License-Identifier: MIT */

#include "source/present.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define CHUNK HASH_INDEX_CHUNK

bool present_is_chunk(Digest *digest, const uint8_t *bytes, const uint8_t wanted[DIGEST_SIZE])
{
	uint8_t found[DIGEST_SIZE];

	digest_update(digest, bytes, CHUNK);
	digest_finish(digest, found);
	return memcmp(found, wanted, DIGEST_SIZE) == 0;
}

/* How many chunks of this part there are in something of `count` chunks. */
static uint32_t overlap(uint64_t part, uint64_t count)
{
	uint64_t at = part * PRESENT_CHUNKS;

	return at < count ? (uint32_t)MIN(PRESENT_CHUNKS, count - at) : 0;
}

static void *take_part(PresentShelf *shelf)
{
	void *bytes = NULL;

	for (unsigned i = 0; shelf && i < G_N_ELEMENTS(shelf->parts); i++) {
		bytes = g_atomic_pointer_exchange(&shelf->parts[i], NULL);
		if (bytes)
			return bytes;
	}
	return posix_memalign(&bytes, CHUNK, PRESENT_PART) == 0 ? bytes : NULL;
}

void present_drop_bytes(Present *present)
{
	PresentShelf *shelf = present->shelf;
	void *bytes = g_steal_pointer(&present->bytes);

	for (unsigned i = 0; bytes && shelf && i < G_N_ELEMENTS(shelf->parts); i++) {
		if (g_atomic_pointer_compare_and_exchange(&shelf->parts[i], NULL, bytes))
			return;
	}
	free(bytes);
}

void present_shelf_clear(PresentShelf *shelf)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(shelf->parts); i++)
		free(g_steal_pointer(&shelf->parts[i]));
}

typedef struct {
	bool is_it[PRESENT_CHUNKS];
	uint32_t n;
} Candidates;

static bool find_candidates(const PresentSetup *setup, uint64_t part, const Present *present,
                            Candidates *candidates, GError **error)
{
	uint8_t said[PRESENT_CHUNKS * DIGEST_SIZE];
	uint64_t there = setup->target ? setup->target->size / CHUNK : 0;
	uint32_t n_likely = overlap(part, MIN(setup->n_likely / CHUNK, there)), n_said = 0;

	if (setup->index)
		n_said = overlap(part, MIN(hash_index_count(setup->index), there));
	if (n_said &&
	    !hash_index_read(setup->index, (uint32_t)(part * PRESENT_CHUNKS), n_said, said, error))
		return false;
	for (uint32_t i = 0; i < present->n; i++) {
		size_t at = (size_t)i * DIGEST_SIZE;

		candidates->is_it[i] =
			i < n_likely ||
			(i < n_said && memcmp(present->wanted + at, said + at, DIGEST_SIZE) == 0);
		candidates->n += candidates->is_it[i];
	}
	return true;
}

/* Of chunks [first, first + n) of a part. */
static void check_run(const PresentSetup *setup, uint64_t part, Present *present, uint32_t first,
                      uint32_t n, Digest *digest)
{
	uint8_t *bytes = present->bytes + (size_t)first * CHUNK;

	if (!source_read_at(setup->target, bytes, (size_t)n * CHUNK,
	                    part * PRESENT_PART + (uint64_t)first * CHUNK, NULL))
		return;
	for (uint32_t i = 0; i < n; i++) {
		bool *is_in_place = &present->is_in_place[first + i];

		*is_in_place =
			present_is_chunk(digest, bytes + (size_t)i * CHUNK,
		                         present->wanted + (size_t)(first + i) * DIGEST_SIZE);
		present->n_in_place += *is_in_place;
	}
}

static bool check_candidates(const PresentSetup *setup, uint64_t part, Present *present,
                             const Candidates *candidates, GError **error)
{
	g_autoptr(Digest) digest = digest_new();

	present->shelf = setup->shelf;
	present->bytes = take_part(setup->shelf);
	if (!present->bytes)
		return fail(error, FAILURE_IO, "not enough memory to read what is in place");
	for (uint32_t i = 0, n; i < present->n; i += n) {
		for (n = 1; i + n < present->n; n++) {
			if (candidates->is_it[i + n] != candidates->is_it[i])
				break;
		}
		if (candidates->is_it[i])
			check_run(setup, part, present, i, n, digest);
	}
	return true;
}

Present *present_look(const PresentSetup *setup, uint64_t part, GError **error)
{
	g_autoptr(Present) present = g_new0(Present, 1);
	Candidates candidates = { .n = 0 };

	present->n = overlap(part, hash_index_count(setup->wanted));
	if (!hash_index_read(setup->wanted, (uint32_t)(part * PRESENT_CHUNKS), present->n,
	                     present->wanted, error) ||
	    !find_candidates(setup, part, present, &candidates, error))
		return NULL;
	if (candidates.n && !check_candidates(setup, part, present, &candidates, error))
		return NULL;
	return g_steal_pointer(&present);
}

void present_free(Present *present)
{
	if (!present)
		return;
	present_drop_bytes(present);
	g_free(present);
}
