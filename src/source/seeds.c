/* SPDX-License-Identifier: MIT */

/*
 * The plan has a word of 32 bits for each chunk: 5 bits of kind, 27 of which chunk of that seed.
 *
 * What is missing is sought in lots (source/sought): each index is gone through once, in order.
 * Chunks with the same digest share an answer or, where that comes too late, what was written for
 * the first of them.
 */

#include "source/seeds.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "source/present.h"
#include "source/sought.h"

#define CHUNK       HASH_INDEX_CHUNK
#define PART_CHUNKS SEEDS_PART_CHUNKS
#define KIND_SHIFT  27
#define POSITION(w) ((w) & ((UINT32_C(1) << KIND_SHIFT) - 1))
#define KIND(w)     ((w) >> KIND_SHIFT)
#define STREAM      4096 /* digests of an index read at once */

/* What is asked for ahead: as much as this, where each request counts for some more. So much at once,
 * because what lies side by side in the bundle, too, becomes one request. */
#define AHEAD_BYTES   (128 * 1024 * 1024)
#define AHEAD_MOST    (4 * 1024 * 1024) /* for one: it comes as fast as it is read */
#define AHEAD_REQUEST (192 * 1024)      /* it brings whole blocks, and what lies between them */
#define GAP_CHUNKS    16                /* fetched too, where the request goes on behind it */

typedef struct {
	uint64_t end; /* part behind the request */
	uint64_t cost;
} Asked;

struct Seeds {
	SeedsSetup with;
	uint32_t n_chunks;
	uint8_t zero[DIGEST_SIZE];
	uint64_t planned[SEEDS_N_KINDS];
	/* While planning. */
	PresentShelf shelf;
	SoughtTable *lot;
	Progress *progress;
	uint64_t total;
	gint is_start; /* all parts so far are in place as a whole */
	uint64_t n_start;
	Digest *start;
	/* While filling, of the thread that asks ahead. */
	GArray *asked;
	uint64_t asked_cost;
	uint32_t next_ask; /* chunk */
	uint32_t *window;  /* the plan from chunk window_at on */
	uint32_t window_at, window_n;
};

static uint32_t word_of(unsigned kind, uint32_t position)
{
	return (uint32_t)kind << KIND_SHIFT | position;
}

static uint32_t part_chunks(const Seeds *seeds, uint64_t part)
{
	return (uint32_t)MIN(PART_CHUNKS, seeds->n_chunks - part * PART_CHUNKS);
}

static bool put_words(const Seeds *seeds, uint32_t first, const uint32_t *words, uint32_t n,
                      GError **error)
{
	return fd_write_at(seeds->with.map, words, n * sizeof(*words),
	                   (uint64_t)first * sizeof(*words), "the plan of chunks", error);
}

static bool get_words(const Seeds *seeds, uint32_t first, uint32_t *words, uint32_t n,
                      GError **error)
{
	return fd_read_at(seeds->with.map, words, n * sizeof(*words),
	                  (uint64_t)first * sizeof(*words), "the plan of chunks", error);
}

/* --- What is in place? ---------------------------------------------------------- */

static void *look_at_part(void *user, uint64_t part, GError **error)
{
	Seeds *seeds = user;
	const SeedsSetup *with = &seeds->with;
	const PresentSetup setup = { with->wanted, with->target.bytes, with->target.index,
		                     with->n_likely, &seeds->shelf };
	Present *present = present_look(&setup, part, error);

	/* few are wanted, and they are large */
	if (present && (!g_atomic_int_get(&seeds->is_start) || present->n_in_place < present->n))
		present_drop_bytes(present);
	return present;
}

/* The digest of the image begins here, as long as nothing is missing. */
static void take_start(Seeds *seeds, const Present *present)
{
	if (!g_atomic_int_get(&seeds->is_start))
		return;
	if (!present->bytes) {
		g_atomic_int_set(&seeds->is_start, false);
		return;
	}
	digest_update(seeds->start, present->bytes, (size_t)present->n * CHUNK);
	seeds->n_start++;
}

/* --- Where is the rest? --------------------------------------------------------- */

/* Does the seed still have its chunk when this one is filled, or already? */
static bool is_in_time(const Seeds *seeds, uint32_t word, uint32_t chunk)
{
	uint32_t part = chunk / PART_CHUNKS, from = POSITION(word) / PART_CHUNKS;

	if (KIND(word) == SEEDS_WRITTEN)
		return (uint64_t)from + seeds->with.lag <= part;
	/* its own place was asked already */
	return KIND(word) != SEEDS_TARGET || (from >= part && POSITION(word) != chunk);
}

static bool seek_in(Seeds *seeds, unsigned kind, const HashIndex *index, uint64_t n_bytes,
                    GError **error)
{
	g_autofree uint8_t *digests = g_malloc((size_t)STREAM * DIGEST_SIZE);
	uint32_t count = (uint32_t)MIN(hash_index_count(index), n_bytes / CHUNK);

	for (uint32_t first = 0, n; first < count; first += n) {
		n = MIN(STREAM, count - first);
		if (!hash_index_read(index, first, n, digests, error))
			return false;
		for (uint32_t i = 0; i < n; i++) {
			const uint8_t *digest = digests + (size_t)i * DIGEST_SIZE;
			Sought *sought = sought_find(seeds->lot, digest);
			uint32_t word = word_of(kind, first + i);

			if (sought && !sought->word && is_in_time(seeds, word, sought->chunk))
				sought->word = word;
		}
	}
	return true;
}

static bool put_lot(Seeds *seeds, GError **error)
{
	uint32_t n;
	const Sought *all = sought_all(seeds->lot, &n), *front = all;

	for (uint32_t i = 0; i < n; i++) {
		const Sought *one = &all[i];
		uint32_t written;

		if (one->key != front->key)
			front = one;
		written = word_of(SEEDS_WRITTEN, front->chunk);
		uint32_t word = front->word;
		if (!word || !is_in_time(seeds, word, one->chunk))
			word = is_in_time(seeds, written, one->chunk) ? written : 0;
		if (!word)
			continue;
		seeds->planned[SEEDS_IMAGE] -= CHUNK;
		seeds->planned[KIND(word)] += CHUNK;
		if (!put_words(seeds, one->chunk, &word, 1, error))
			return false;
	}
	sought_clear(seeds->lot);
	return true;
}

static bool seek_lot(Seeds *seeds, GError **error)
{
	const SeedsSetup *with = &seeds->with;

	uint32_t n;

	sought_all(seeds->lot, &n);
	if (!n)
		return true;
	sought_sort(seeds->lot);
	if (with->target.bytes &&
	    !seek_in(seeds, SEEDS_WRITTEN, with->wanted, with->target.bytes->size, error))
		return false;
	if (with->target.bytes && with->target.index &&
	    !seek_in(seeds, SEEDS_TARGET, with->target.index, with->target.bytes->size, error))
		return false;
	for (unsigned i = 0; i < SEEDS_MOST_OTHERS && with->others[i].bytes; i++) {
		if (!seek_in(seeds, SEEDS_OTHER + i, with->others[i].index,
		             with->others[i].bytes->size, error))
			return false;
	}
	return put_lot(seeds, error);
}

static unsigned kind_of(const Seeds *seeds, const Present *present, uint32_t i)
{
	if (present->is_in_place[i])
		return SEEDS_IN_PLACE;
	return memcmp(present->wanted + (size_t)i * DIGEST_SIZE, seeds->zero, DIGEST_SIZE) == 0
	               ? SEEDS_ZERO
	               : SEEDS_IMAGE;
}

static bool take_part(void *user, uint64_t part, void *owned, GError **error)
{
	Seeds *seeds = user;
	g_autoptr(Present) present = owned;
	uint32_t first = (uint32_t)(part * PART_CHUNKS), words[PART_CHUNKS];

	take_start(seeds, present);
	for (uint32_t i = 0; i < present->n; i++)
		words[i] = word_of(kind_of(seeds, present, i), 0);
	if (!put_words(seeds, first, words, present->n, error))
		return false;
	for (uint32_t i = 0; i < present->n; i++) {
		seeds->planned[KIND(words[i])] += CHUNK;
		if (KIND(words[i]) == SEEDS_IMAGE &&
		    !sought_add(seeds->lot, present->wanted + (size_t)i * DIGEST_SIZE, first + i) &&
		    !seek_lot(seeds, error))
			return false;
	}
	progress_bytes(seeds->progress, (uint64_t)(first + present->n) * CHUNK, seeds->total);
	return true;
}

static void discard_part(void *user G_GNUC_UNUSED, void *present)
{
	present_free(present);
}

static bool check_setup(const SeedsSetup *setup, GError **error)
{
	return (uint64_t)hash_index_count(setup->wanted) * CHUNK == setup->image->size ||
	       fail(error, FAILURE_FORMAT,
	            "block hash index of %u chunks: the image has %" G_GUINT64_FORMAT " bytes",
	            hash_index_count(setup->wanted), setup->image->size);
}

Seeds *seeds_plan(const SeedsSetup *setup, Pool *pool, Progress *progress, uint64_t total,
                  GError **error)
{
	static const PoolWork work = { look_at_part, take_part, discard_part };
	static const uint8_t zeroes[CHUNK];

	if (!check_setup(setup, error))
		return NULL;

	g_autoptr(Seeds) seeds = g_new0(Seeds, 1);
	seeds->with = *setup;
	seeds->with.lag = MAX(setup->lag, 1);
	seeds->n_chunks = hash_index_count(setup->wanted);
	seeds->progress = progress;
	seeds->total = total;
	seeds->is_start = true;
	seeds->start = digest_new();
	seeds->asked = g_array_new(FALSE, FALSE, sizeof(Asked));
	digest_bytes(zeroes, CHUNK, seeds->zero);
	seeds->lot = sought_new(MIN(SEEDS_LOT, seeds->n_chunks));
	if (!pool_run(pool, (seeds->n_chunks + PART_CHUNKS - 1) / PART_CHUNKS, &work, seeds,
	              error) ||
	    !seek_lot(seeds, error))
		return NULL;
	g_clear_pointer(&seeds->lot, sought_free);
	present_shelf_clear(&seeds->shelf);
	return g_steal_pointer(&seeds);
}

void seeds_free(Seeds *seeds)
{
	if (!seeds)
		return;
	sought_free(seeds->lot);
	present_shelf_clear(&seeds->shelf);
	digest_free(seeds->start);
	g_free(seeds->window);
	g_array_unref(seeds->asked);
	g_free(seeds);
}

uint64_t seeds_take_start(Seeds *seeds, Digest **digest)
{
	*digest = g_steal_pointer(&seeds->start);
	return seeds->n_start;
}

uint64_t seeds_planned(const Seeds *seeds, SeedsKind kind)
{
	return seeds->planned[kind];
}

/* --- Asking ahead --------------------------------------------------------------- */

/* Is this chunk to be fetched? A plan that cannot be read will stop seeds_fill(), not us. */
static bool is_fetched(Seeds *seeds, uint32_t chunk)
{
	if (!seeds->window)
		seeds->window = g_new(uint32_t, STREAM);
	if (chunk < seeds->window_at || chunk >= seeds->window_at + seeds->window_n) {
		uint32_t n = MIN(STREAM, seeds->n_chunks - chunk);

		if (!get_words(seeds, chunk, seeds->window, n, NULL))
			return false;
		seeds->window_at = chunk;
		seeds->window_n = n;
	}
	return KIND(seeds->window[chunk - seeds->window_at]) == SEEDS_IMAGE;
}

/* The next run of chunks to be fetched, over small gaps. */
static void ask_next(Seeds *seeds)
{
	uint32_t first = seeds->next_ask;

	while (first < seeds->n_chunks && !is_fetched(seeds, first))
		first++;
	uint32_t end = first;
	for (uint32_t at = first; at < seeds->n_chunks && at - end < GAP_CHUNKS; at++) {
		if (is_fetched(seeds, at))
			end = at + 1;
	}
	seeds->next_ask = end;
	if (first >= end)
		return;

	uint64_t size = (uint64_t)(end - first) * CHUNK;
	Asked asked = { ((uint64_t)end + PART_CHUNKS - 1) / PART_CHUNKS,
		        MIN(size, AHEAD_MOST) + AHEAD_REQUEST };
	g_array_append_val(seeds->asked, asked);
	seeds->asked_cost += asked.cost;
	source_prefetch(seeds->with.image, size, (uint64_t)first * CHUNK);
}

void seeds_prefetch(Seeds *seeds, uint64_t part)
{
	unsigned n_done = 0;

	for (; n_done < seeds->asked->len; n_done++) {
		const Asked *asked = &g_array_index(seeds->asked, Asked, n_done);

		if (asked->end > part)
			break;
		seeds->asked_cost -= asked->cost;
	}
	if (n_done)
		g_array_remove_range(seeds->asked, 0, n_done);
	if (seeds->asked_cost > AHEAD_BYTES / 2)
		return;
	while (seeds->next_ask < seeds->n_chunks && seeds->asked_cost < AHEAD_BYTES)
		ask_next(seeds);
}

/* --- Filling -------------------------------------------------------------------- */

typedef struct {
	const Seeds *seeds;
	uint64_t part;
	uint8_t *to;
	SeedsFilled *filled;
	uint32_t words[PART_CHUNKS];
	uint8_t wanted[PART_CHUNKS * DIGEST_SIZE];
	Digest *digest;
	bool is_surprised; /* a seed was not what it should be */
} Fill;

static const Seed *seed_of(const Seeds *seeds, unsigned kind)
{
	return kind >= SEEDS_OTHER ? &seeds->with.others[kind - SEEDS_OTHER] : &seeds->with.target;
}

/* Chunks [first, first + n) of the part, which follow on each other in their seed too. Those that
 * are not what they should be are left to the image. */
static void fill_from_seed(Fill *fill, uint32_t first, uint32_t n)
{
	unsigned kind = KIND(fill->words[first]);
	const Seed *seed = seed_of(fill->seeds, kind);
	uint64_t at = kind == SEEDS_IN_PLACE ? fill->part * SEEDS_PART + (uint64_t)first * CHUNK
	                                     : (uint64_t)POSITION(fill->words[first]) * CHUNK;
	bool is_read = source_read_at(seed->bytes, fill->to + (size_t)first * CHUNK,
	                              (size_t)n * CHUNK, at, NULL);

	for (uint32_t i = first; i < first + n; i++) {
		if (is_read && present_is_chunk(fill->digest, fill->to + (size_t)i * CHUNK,
		                                fill->wanted + (size_t)i * DIGEST_SIZE))
			continue;
		fill->words[i] = word_of(SEEDS_IMAGE, 0);
		fill->is_surprised = true;
	}
}

/* A plan that was damaged on its medium names no seed that there is not. */
static void check_words(Fill *fill, uint32_t n_chunks)
{
	for (uint32_t i = 0; i < n_chunks; i++) {
		unsigned kind = KIND(fill->words[i]);

		if (kind >= SEEDS_N_KINDS ||
		    (kind > SEEDS_ZERO && !seed_of(fill->seeds, kind)->bytes))
			fill->words[i] = word_of(SEEDS_IMAGE, 0);
	}
}

static bool is_next(uint32_t word, uint32_t next)
{
	if (KIND(word) == SEEDS_IMAGE || KIND(word) == SEEDS_ZERO || KIND(word) == SEEDS_IN_PLACE)
		return KIND(word) == KIND(next);
	return word + 1 == next;
}

static uint32_t count_run(const Fill *fill, uint32_t first, uint32_t n_chunks)
{
	uint32_t end = first + 1;

	while (end < n_chunks && is_next(fill->words[end - 1], fill->words[end]))
		end++;
	return end - first;
}

static void fill_locally(Fill *fill, uint32_t n_chunks, bool is_untouched)
{
	for (uint32_t i = 0, n; i < n_chunks; i += n) {
		unsigned kind = KIND(fill->words[i]);

		n = count_run(fill, i, n_chunks);
		if (kind == SEEDS_IMAGE)
			continue;
		if (kind == SEEDS_ZERO ||
		    (kind == SEEDS_IN_PLACE && !fill->seeds->with.needs_data)) {
			if (!is_untouched)
				memset(fill->to + (size_t)i * CHUNK, 0, (size_t)n * CHUNK);
			continue;
		}
		fill_from_seed(fill, i, n);
	}
}

/* Seeds that were not what they should be: then at least wait once for all of them. */
static void ask_for_all(const Fill *fill, uint32_t n_chunks)
{
	for (uint32_t i = 0, n; i < n_chunks; i += n) {
		n = count_run(fill, i, n_chunks);
		if (KIND(fill->words[i]) == SEEDS_IMAGE)
			source_prefetch(fill->seeds->with.image, (uint64_t)n * CHUNK,
			                fill->part * SEEDS_PART + (uint64_t)i * CHUNK);
	}
}

static bool fetch_run(Fill *fill, uint32_t first, uint32_t n, GError **error)
{
	if (!source_read_at(fill->seeds->with.image, fill->to + (size_t)first * CHUNK,
	                    (size_t)n * CHUNK, fill->part * SEEDS_PART + (uint64_t)first * CHUNK,
	                    error))
		return false;
	for (uint32_t i = first; i < first + n; i++) {
		if (!present_is_chunk(fill->digest, fill->to + (size_t)i * CHUNK,
		                      fill->wanted + (size_t)i * DIGEST_SIZE))
			fill->filled->n_wrong += CHUNK;
	}
	return true;
}

static bool fetch_rest(Fill *fill, uint32_t n_chunks, GError **error)
{
	for (uint32_t i = 0, n; i < n_chunks; i += n) {
		n = count_run(fill, i, n_chunks);
		if (KIND(fill->words[i]) == SEEDS_IMAGE && !fetch_run(fill, i, n, error))
			return false;
	}
	return true;
}

/* A seed's bytes are read where they are, and may have been overwritten; an image is not. */
bool seeds_fill(const Seeds *seeds, uint64_t part, uint8_t *to, SeedsFilled *filled, GError **error)
{
	g_autoptr(Digest) digest = digest_new();
	g_autofree Fill *fill = g_new0(Fill, 1);
	uint32_t n_chunks = part_chunks(seeds, part), first = (uint32_t)(part * PART_CHUNKS);

	*fill = (Fill){
		.seeds = seeds, .part = part, .to = to, .filled = filled, .digest = digest
	};
	memset(filled, 0, sizeof(*filled));
	if (!get_words(seeds, first, fill->words, n_chunks, error) ||
	    !hash_index_read(seeds->with.wanted, first, n_chunks, fill->wanted, error))
		return false;
	check_words(fill, n_chunks);
	bool is_untouched = !seeds->with.needs_data && KIND(fill->words[0]) == SEEDS_IN_PLACE &&
	                    count_run(fill, 0, n_chunks) == n_chunks;
	fill_locally(fill, n_chunks, is_untouched);
	if (fill->is_surprised)
		ask_for_all(fill, n_chunks);
	if (!fetch_rest(fill, n_chunks, error))
		return false;
	for (uint32_t i = 0; i < n_chunks; i++) {
		unsigned kind = KIND(fill->words[i]);

		filled->is_in_place[i] = kind == SEEDS_IN_PLACE;
		filled->n[kind] += CHUNK;
	}
	return true;
}
