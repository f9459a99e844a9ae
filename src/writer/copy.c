/* SPDX-License-Identifier: MIT */

#include "writer/copy.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "writer/chase.h"
#include "writer/marks.h"
#include "writer/target.h"

#define CHUNK COPY_CHUNK
#define BLOCK 4096
#define GRAIN (64 * 1024)        /* how finely zeroes are told from data */
#define STEP  (8 * 1024 * 1024)  /* bytes between two flushes, where no journal asks for others */
#define SPAN  (64 * 1024 * 1024) /* the same, of what is mostly in place */

G_STATIC_ASSERT(CHUNK == CHASE_WHOLE);

/* What is to be done with a block. */
enum { TO_WRITE, TO_ZERO, IN_PLACE };

typedef struct {
	uint8_t *data; /* CHUNK bytes, aligned */
	size_t size;
	uint8_t what[CHUNK / BLOCK];
	bool is_kept;                /* all of it is in place */
	SeedsFilled filled;          /* with seeds */
	uint8_t digest[DIGEST_SIZE]; /* for the journal */
} Chunk;

typedef struct {
	CopyJob *job;
	Target *target;
	Digest *digest;
	bool hashes_writes; /* else reading back shows both: a good medium and the right image */
	uint64_t at, size;  /* of the window, on the target */
	size_t n_head;
	const CopyJournal *journal; /* NULL: none */
	Target *present;            /* to see what is in place; NULL: nothing can be */
	uint64_t first;             /* item the running pass began with */
	uint64_t n_kept; /* items from the first on that were read from the medium, and hashed */
	GByteArray *unsaved; /* digests of written items that are not in the journal yet */
	uint64_t first_unsaved;
	uint64_t n_unsynced; /* bytes */
	uint64_t synced;     /* up to here on the target */
	/* Reads what was flushed. From its start on the digest is its. */
	Chase *chase;
	bool has_chased; /* it was started, or cannot be */
	Marks *marks;    /* NULL: nothing is read back until the last write */
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

/* How much of some bytes is the image's; what lies behind is zero. */
static size_t image_part(const Copy *copy, uint64_t at, size_t size)
{
	uint64_t end = copy->job->bytes->size;

	return at < end ? (size_t)MIN(size, end - at) : 0;
}

/* The first bytes are the head of the image, which is kept elsewhere. */
static size_t head_part(const Copy *copy, uint64_t at)
{
	return at == 0 ? copy->n_head : 0;
}

/* Is what the journal says was written there still there? Asked of the medium. */
static bool is_in_place(Copy *copy, uint64_t item, Chunk *chunk)
{
	if (!copy->present || item >= copy->journal->n_known ||
	    !target_read_back(copy->present, chunk->data, chunk->size, item * CHUNK, NULL))
		return false;
	digest_quick(chunk->data, chunk->size, chunk->digest);
	return memcmp(chunk->digest, copy->journal->known + item * DIGEST_SIZE, DIGEST_SIZE) == 0;
}

static void find_zeroes(Chunk *chunk)
{
	for (size_t at = 0; at < chunk->size; at += GRAIN) {
		bool is_empty = chunk->size - at >= GRAIN && is_zero(chunk->data + at, GRAIN);

		memset(chunk->what + at / BLOCK, is_empty ? TO_ZERO : TO_WRITE, GRAIN / BLOCK);
	}
}

static bool fill_chunk(Copy *copy, uint64_t item, Chunk *chunk, GError **error)
{
	size_t n_image = image_part(copy, item * CHUNK, chunk->size);
	size_t n_head = head_part(copy, item * CHUNK);

	if (n_image && !source_read_at(copy->job->bytes, chunk->data, n_image, item * CHUNK, error))
		return false;
	memset(chunk->data + n_image, 0, chunk->size - n_image);
	if (n_head) {
		memcpy(copy->job->head, chunk->data, n_head);
		memset(chunk->data, 0, n_head);
	}
	find_zeroes(chunk);
	return true;
}

static bool fill_from_seeds(const Copy *copy, uint64_t item, Chunk *chunk, GError **error)
{
	const SeedsFilled *filled = &chunk->filled;

	if (!seeds_fill(copy->job->seeds, item, chunk->data, &chunk->filled, error))
		return false;
	chunk->is_kept = false; /* it is read back */
	/* what is in place but not read is left as zeroes, or not at all */
	if (filled->n[SEEDS_IN_PLACE] < chunk->size)
		find_zeroes(chunk);
	for (unsigned i = 0; i < chunk->size / BLOCK; i++) {
		if (filled->is_in_place[i])
			chunk->what[i] = IN_PLACE;
	}
	return true;
}

static void *read_chunk(void *user, uint64_t number, GError **error)
{
	Copy *copy = user;
	uint64_t item = copy->first + number;
	Chunk *chunk = chunk_of(copy, item);

	if (copy->job->seeds)
		return fill_from_seeds(copy, item, chunk, error) ? chunk : NULL;
	chunk->is_kept = is_in_place(copy, item, chunk);
	if (chunk->is_kept) {
		memset(chunk->what, IN_PLACE, sizeof(chunk->what));
		return chunk;
	}
	if (!fill_chunk(copy, item, chunk, error))
		return NULL;
	if (copy->journal)
		digest_quick(chunk->data, chunk->size, chunk->digest);
	return chunk;
}

/* Blocks [first, last) are alike. */
static bool write_run(Copy *copy, const Chunk *chunk, uint64_t at, unsigned first, unsigned last,
                      GError **error)
{
	size_t from = (size_t)first * BLOCK;
	size_t size = MIN((size_t)last * BLOCK, chunk->size) - from;
	bool is_done = false;

	if (chunk->what[first] == IN_PLACE) {
		copy->job->n_in_place += size;
		return true;
	}
	copy->n_unsynced += size;
	if (chunk->what[first] == TO_ZERO) {
		if (!target_punch(copy->target, size, at + from, &is_done, error))
			return false;
		copy->job->n_punched += is_done ? size : 0;
	}
	if (is_done)
		return true;
	copy->job->n_written += size;
	return target_write(copy->target, chunk->data + from, size, at + from, error);
}

static void hash_image(Copy *copy, const uint8_t *data, size_t size, uint64_t at)
{
	size_t n_image = image_part(copy, at, size), n_head = head_part(copy, at);

	if (n_head)
		digest_update(copy->digest, copy->job->head, n_head);
	if (n_image > n_head)
		digest_update(copy->digest, data + n_head, n_image - n_head);
}

/* Where nothing of the image was to be, there are zeroes. */
static bool check_rest(const Copy *copy, const uint8_t *data, size_t size, uint64_t at,
                       GError **error)
{
	size_t n_image = image_part(copy, at, size), n_head = head_part(copy, at);

	return ((n_head == 0 || is_zero(data, n_head)) &&
	        (n_image == size || is_zero(data + n_image, size - n_image))) ||
	       fail(error, FAILURE_INTEGRITY, "%s was cleared, but does not read back as zeroes",
	            copy->job->path);
}

/* ChaseLook. */
static bool look(void *user, const uint8_t *data, size_t size, uint64_t at)
{
	Copy *copy = user;

	if (!check_rest(copy, data, size, at, NULL))
		return false;
	hash_image(copy, data, size, at);
	marks_note(copy->marks, data, size, at);
	return true;
}

/* Bytes up to `end` are on the medium: they can be read back while more is on its way. */
static void chase(Copy *copy, uint64_t end)
{
	if (!copy->has_chased) {
		copy->has_chased = true;
		digest_reset(copy->digest);
		copy->chase = chase_start(copy->job->path, copy->at, look, copy);
		if (!copy->chase)
			g_clear_pointer(&copy->marks, marks_free);
	}
	if (copy->chase)
		chase_allow(copy->chase, end);
}

/* First the medium, then the word that it is there. */
static bool settle(Copy *copy, uint64_t end, GError **error)
{
	const CopyJournal *journal = copy->journal;

	if (!target_sync(copy->target, error))
		return false;
	if (copy->unsaved->len)
		journal->put(journal->user, copy->first_unsaved, copy->unsaved->data,
		             copy->unsaved->len / DIGEST_SIZE);
	g_byte_array_set_size(copy->unsaved, 0);
	copy->n_unsynced = 0;
	copy->synced = end;
	if (copy->marks && (copy->has_chased || end < copy->size))
		chase(copy, end);
	return true;
}

/* Now and then, where somebody wants to know, and at the end. */
static bool is_to_settle(const Copy *copy, uint64_t end)
{
	if (!copy->unsaved->len && !copy->marks)
		return false;
	if (end == copy->size)
		return copy->unsaved->len || copy->has_chased;
	return copy->n_unsynced >= (copy->journal ? copy->journal->step : STEP) ||
	       (copy->n_unsynced && end - copy->synced >= SPAN);
}

static bool note_chunk(Copy *copy, uint64_t item, const Chunk *chunk, GError **error)
{
	uint64_t end = item * CHUNK + chunk->size;

	if (copy->journal && (copy->unsaved->len || !chunk->is_kept)) {
		if (!copy->unsaved->len)
			copy->first_unsaved = item;
		g_byte_array_append(copy->unsaved, chunk->digest, DIGEST_SIZE);
	}
	if (copy->chase && !copy->n_unsynced)
		chase_allow(copy->chase, end);
	return !is_to_settle(copy, end) || settle(copy, end, error);
}

static bool write_runs(Copy *copy, uint64_t item, const Chunk *chunk, GError **error)
{
	unsigned n_blocks = (unsigned)((chunk->size + BLOCK - 1) / BLOCK);

	for (unsigned first = 0, last; first < n_blocks; first = last) {
		for (last = first + 1; last < n_blocks; last++) {
			if (chunk->what[last] != chunk->what[first])
				break;
		}
		if (!write_run(copy, chunk, copy->at + item * CHUNK, first, last, error))
			return false;
	}
	return true;
}

static void count_seeds(Copy *copy, uint64_t item, const Chunk *chunk)
{
	for (unsigned i = 0; i < SEEDS_N_KINDS; i++)
		copy->job->n_from[i] += chunk->filled.n[i];
	copy->job->n_wrong += chunk->filled.n_wrong;
	seeds_prefetch(copy->job->seeds, item + 1);
}

static bool write_chunk(void *user, uint64_t number, void *made, GError **error)
{
	Copy *copy = user;
	uint64_t item = copy->first + number;
	const Chunk *chunk = made;
	bool is_first = copy->n_kept == item && chunk->is_kept;

	if (!write_runs(copy, item, chunk, error) || !note_chunk(copy, item, chunk, error))
		return false;
	if (copy->job->seeds)
		count_seeds(copy, item, chunk);
	copy->n_kept += is_first;
	if (copy->hashes_writes || is_first)
		hash_image(copy, chunk->data, chunk->size, item * CHUNK);
	copy->done += chunk->size;
	progress_bytes(copy->job->progress, copy->done + chase_so_far(copy->chase), copy->total);
	return true;
}

static void *read_back_chunk(void *user, uint64_t number, GError **error)
{
	Copy *copy = user;
	uint64_t item = copy->first + number;
	Chunk *chunk = chunk_of(copy, item);

	return target_read_back(copy->target, chunk->data, chunk->size, copy->at + item * CHUNK,
	                        error)
	               ? chunk
	               : NULL;
}

static bool hash_chunk(void *user, uint64_t number, void *made, GError **error)
{
	Copy *copy = user;
	uint64_t item = copy->first + number;
	const Chunk *chunk = made;

	if (!check_rest(copy, chunk->data, chunk->size, item * CHUNK, error))
		return false;
	hash_image(copy, chunk->data, chunk->size, item * CHUNK);
	copy->done += chunk->size;
	progress_bytes(copy->job->progress, copy->done, copy->total);
	return true;
}

/* From item `first` on. */
static bool run_from(Copy *copy, uint64_t first, const PoolWork *work, GError **error)
{
	uint64_t n_items = copy->size / CHUNK + (copy->size % CHUNK != 0);

	copy->first = first;
	return pool_run(copy->job->pool, n_items - first, work, copy, error);
}

static bool check_digest(const Copy *copy, const uint8_t digest[DIGEST_SIZE], GError **error)
{
	g_autofree char *hex = digest_hex(digest, DIGEST_SIZE);

	if (!copy->job->sha256 || g_ascii_strcasecmp(hex, copy->job->sha256) == 0)
		return true;
	return fail(error, FAILURE_INTEGRITY, "image digest is %s, but the manifest says %s", hex,
	            copy->job->sha256);
}

/* What is known to be there is not asked for ahead. */
static void prefetch_rest(const Copy *copy)
{
	if (copy->job->seeds) {
		seeds_prefetch(copy->job->seeds, 0);
		return;
	}
	uint64_t known = copy->present ? MIN(copy->journal->n_known * CHUNK, copy->size) : 0;

	source_prefetch(copy->job->bytes, copy->job->bytes->size - known, known);
}

/* What was read for the plan need neither be read nor written. */
static uint64_t take_start(Copy *copy)
{
	if (!copy->job->seeds)
		return 0;

	digest_free(copy->digest);
	copy->n_kept = seeds_take_start(copy->job->seeds, &copy->digest);
	uint64_t size = MIN(copy->n_kept * CHUNK, copy->size);
	copy->job->n_in_place += size;
	copy->job->n_from[SEEDS_IN_PLACE] += size;
	copy->done += size;
	return copy->n_kept;
}

static bool write_to(Copy *copy, Target *target, GError **error)
{
	static const PoolWork work = { .produce = read_chunk, .consume = write_chunk };

	if (target_capacity(target) < copy->size || target_capacity(target) - copy->size < copy->at)
		return fail(error, FAILURE_TOO_LARGE,
		            "Slot (%" G_GUINT64_FORMAT
		            " bytes) is too small for image (%" G_GUINT64_FORMAT " bytes).",
		            target_capacity(target), copy->size);
	copy->target = target;
	prefetch_rest(copy);
	return run_from(copy, take_start(copy), &work, error);
}

/* `written` is set where writes are hashed. */
static bool write_all(Copy *copy, uint8_t written[DIGEST_SIZE], GError **error)
{
	g_autoptr(Target) target = copy->job->window ? target_open_shared(copy->job->path, error)
	                                             : target_open(copy->job->path, error);

	if (!target)
		return false;
	if (copy->journal && copy->journal->n_known)
		copy->present = target_open_back(copy->job->path, NULL);
	bool ok = write_to(copy, target, error);
	g_clear_pointer(&copy->present, target_free);
	if (!ok)
		return false;
	if (copy->hashes_writes) {
		digest_finish(copy->digest, written);
		if (!check_digest(copy, written, error))
			return false;
	}
	return target_finish(target, copy->at + copy->size, error);
}

/* What was read back is not what was signed: is it the image or the medium? */
static bool blame(Copy *copy, GError **error)
{
	static const PoolWork work = { .produce = read_chunk, .consume = hash_chunk };
	uint8_t digest[DIGEST_SIZE];

	if (!run_from(copy, 0, &work, error))
		return false;
	digest_finish(copy->digest, digest);
	if (!check_digest(copy, digest, error))
		return false;
	return fail(error, FAILURE_INTEGRITY,
	            "%s reads back differently from what was written: the medium is damaged",
	            copy->job->path);
}

/* Items that need not be read any more; the digest has them. */
static uint64_t skip_seen(Copy *copy)
{
	if (!copy->hashes_writes && !copy->job->n_written && !copy->job->n_punched)
		return copy->n_kept;

	uint64_t n_seen = chase_stop(copy->chase);
	copy->chase = NULL;
	if (n_seen && (n_seen == copy->size || n_seen % CHUNK == 0)) /* else reading failed */
		return (n_seen + CHUNK - 1) / CHUNK;
	digest_reset(copy->digest);
	return 0;
}

static bool compare_all(Copy *copy, const uint8_t written[DIGEST_SIZE], GError **error)
{
	static const PoolWork work = { .produce = read_back_chunk, .consume = hash_chunk };
	g_autoptr(Target) target = target_open_back(copy->job->path, error);
	uint64_t first = skip_seen(copy);
	uint8_t found[DIGEST_SIZE];

	copy->target = target;
	copy->done = copy->size + MIN(first * CHUNK, copy->size);
	if (!target || !run_from(copy, first, &work, error))
		return false;
	digest_finish(copy->digest, found);
	if (copy->has_chased && copy->marks &&
	    !marks_check(copy->marks, MIN(first * CHUNK, copy->size), target, copy->at,
	                 copy->job->path, copy->job->pool, error))
		return false;
	bool is_same = copy->hashes_writes ? memcmp(found, written, DIGEST_SIZE) == 0
	                                   : check_digest(copy, found, NULL);
	if (is_same || !copy->job->seeds)
		return is_same || blame(copy, error);
	/* whether the image, a seed or the medium is to blame shows when it is written without seeds */
	return copy->hashes_writes
	               ? fail(error, FAILURE_INTEGRITY,
	                      "%s reads back differently from what was written", copy->job->path)
	               : check_digest(copy, found, error);
}

static void clear(Copy *copy)
{
	chase_stop(copy->chase);
	marks_free(copy->marks);
	for (unsigned i = 0; i < copy->n_chunks; i++)
		free(copy->chunks[i].data);
	g_free(copy->chunks);
	digest_free(copy->digest);
	g_byte_array_unref(copy->unsaved);
}

static bool prepare(Copy *copy, GError **error)
{
	copy->n_chunks = pool_depth(copy->job->pool);
	copy->chunks = g_new0(Chunk, copy->n_chunks);
	copy->unsaved = g_byte_array_new();
	copy->digest = digest_new();
	if (copy->job->verify && !copy->hashes_writes)
		copy->marks = marks_new(copy->size);
	for (unsigned i = 0; i < copy->n_chunks; i++) {
		void *data = NULL;

		if (posix_memalign(&data, TARGET_ALIGN, CHUNK) != 0)
			return fail(error, FAILURE_IO, "not enough memory for %u chunks of 1 MiB",
			            copy->n_chunks);
		copy->chunks[i].data = data;
	}
	return true;
}

static bool run_once(CopyJob *job, const CopyJournal *journal, GError **error)
{
	Copy copy = { .job = job,
		      .at = job->window ? job->window->at : 0,
		      .size = job->window ? job->window->size : job->bytes->size,
		      .n_head = (size_t)MIN(job->n_head, job->bytes->size),
		      .journal = journal };
	uint8_t written[DIGEST_SIZE];

	g_assert(copy.size >= job->bytes->size && copy.n_head <= COPY_HEAD_MAX);
	g_assert(!job->seeds || (!journal && !job->window && !job->head));
	job->n_written = job->n_punched = job->n_in_place = job->n_wrong = 0;
	memset(job->n_from, 0, sizeof(job->n_from));
	copy.hashes_writes = copy_needs_data(job);
	copy.total = job->verify ? copy.size * 2 : copy.size;
	bool ok = prepare(&copy, error) && write_all(&copy, written, error) &&
	          (!job->verify || compare_all(&copy, written, error));
	clear(&copy);
	return ok;
}

bool copy_needs_data(const CopyJob *job)
{
	return !job->verify || !job->sha256;
}

bool copy_run(CopyJob *job, GError **error)
{
	const CopyJournal *journal = job->window ? NULL : job->journal;
	g_autoptr(GError) why = NULL;

	if (run_once(job, journal, &why))
		return true;
	if (job->seeds || !job->n_in_place || !g_error_matches(why, FAILURE, FAILURE_INTEGRITY)) {
		g_propagate_error(error, g_steal_pointer(&why));
		return false;
	}
	/* A journal that lies must not be the end of all updates. */
	g_warning("%s; writing all of it again, whatever seems to be in place", why->message);
	CopyJournal nothing = *journal;
	nothing.n_known = 0;
	return run_once(job, &nothing, error);
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
