/* SPDX-License-Identifier: MIT */

#include "source/seeds.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "crypto/digest.h"

#define CHUNK HASH_INDEX_CHUNK
#define LAG   3

/* --- Bytes that can be changed, and are counted ------------------------------------ */

typedef struct {
	Source source;
	uint8_t *bytes;
	gint n_read; /* chunks */
	uint64_t asked;
	unsigned n_asked;
	bool is_broken;
} Bytes;

static bool bytes_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	Bytes *bytes = (Bytes *)source;

	g_assert_cmpuint(size % CHUNK, ==, 0);
	g_atomic_int_add(&bytes->n_read, (gint)(size / CHUNK));
	if (bytes->is_broken)
		return fail(error, FAILURE_IO, "broken");
	memcpy(to, bytes->bytes + at, size);
	return true;
}

static void bytes_prefetch(Source *source, uint64_t size, uint64_t at G_GNUC_UNUSED)
{
	((Bytes *)source)->asked += size / CHUNK;
	((Bytes *)source)->n_asked++;
}

static const SourceOps bytes_ops = { .kind = "bytes",
	                             .read_at = bytes_read_at,
	                             .prefetch = bytes_prefetch };

/* Chunk i has the number `tags[i]` all over; 0 is a chunk of zeroes. */
static void fill_chunk(uint8_t *to, uint32_t tag)
{
	for (unsigned i = 0; i < CHUNK; i += sizeof(tag))
		memcpy(to + i, &tag, sizeof(tag));
}

static Bytes *bytes_new(const uint32_t *tags, uint32_t n)
{
	Bytes *bytes = g_new0(Bytes, 1);

	source_init(&bytes->source, &bytes_ops, (uint64_t)n * CHUNK);
	bytes->bytes = g_malloc((size_t)MAX(n, 1) * CHUNK);
	for (uint32_t i = 0; i < n; i++)
		fill_chunk(bytes->bytes + (size_t)i * CHUNK, tags[i]);
	return bytes;
}

static void bytes_free(Bytes *bytes)
{
	g_free(bytes->bytes);
	g_free(bytes);
}

static HashIndex *index_new(const uint32_t *tags, uint32_t n)
{
	g_autofree uint8_t *chunk = g_malloc(CHUNK);
	uint8_t *digests = g_malloc((size_t)n * DIGEST_SIZE);
	g_autoptr(GError) error = NULL;

	for (uint32_t i = 0; i < n; i++) {
		fill_chunk(chunk, tags[i]);
		digest_bytes(chunk, CHUNK, digests + (size_t)i * DIGEST_SIZE);
	}
	g_autoptr(GBytes) bytes = g_bytes_new_take(digests, (size_t)n * DIGEST_SIZE);
	g_autoptr(Source) file = source_memory_new(bytes);
	HashIndex *index = hash_index_open(file, 0, &error);
	g_assert_no_error(error);
	return index;
}

/* --- An installation --------------------------------------------------------------- */

typedef struct {
	const uint32_t *tags;
	uint32_t n;
	const uint32_t *said; /* what its index says, NULL: `tags` */
	uint32_t n_said;      /* 0: as many as there are */
	bool is_broken;
} Place;

typedef struct {
	uint64_t n[SEEDS_N_KINDS]; /* chunks that came from there */
	uint32_t n_fetched;        /* chunks that were read from the image */
	uint32_t n_asked;
} Figures;

static HashIndex *place_index(const Place *place)
{
	return index_new(place->said ? place->said : place->tags,
	                 place->n_said ? place->n_said : place->n);
}

static uint32_t part_size(const Bytes *image, uint64_t part)
{
	return (uint32_t)MIN(SEEDS_PART, image->source.size - part * SEEDS_PART);
}

/* Part by part as a writer does it: what was filled is written some parts later. */
static void fill_all(Seeds *seeds, const Bytes *image, Bytes *target, bool needs_data,
                     Figures *figures)
{
	uint64_t n_parts = (image->source.size + SEEDS_PART - 1) / SEEDS_PART;
	uint8_t *parts[LAG];
	SeedsFilled filled[LAG];
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < LAG; i++)
		parts[i] = g_malloc(SEEDS_PART);
	for (uint64_t part = 0; part < n_parts + LAG; part++) {
		uint64_t done = part - LAG;

		if (part >= LAG) {
			seeds_prefetch(seeds, done);
			for (uint32_t i = 0; i < part_size(image, done) / CHUNK; i++) {
				if (!filled[done % LAG].is_in_place[i])
					memcpy(target->bytes + done * SEEDS_PART +
					               (size_t)i * CHUNK,
					       parts[done % LAG] + (size_t)i * CHUNK, CHUNK);
				else if (needs_data)
					g_assert_cmpmem(parts[done % LAG] + (size_t)i * CHUNK,
					                CHUNK,
					                image->bytes + done * SEEDS_PART +
					                        (size_t)i * CHUNK,
					                CHUNK);
			}
		}
		if (part >= n_parts)
			continue;
		g_assert_true(
			seeds_fill(seeds, part, parts[part % LAG], &filled[part % LAG], &error));
		g_assert_no_error(error);
		for (unsigned i = 0; i < SEEDS_N_KINDS; i++)
			figures->n[i] += filled[part % LAG].n[i] / CHUNK;
	}
	for (unsigned i = 0; i < LAG; i++)
		g_free(parts[i]);
}

typedef struct {
	Place image, target;
	Place other; /* n 0: there is none */
	uint64_t n_likely;
	bool needs_data;
	unsigned workers;
} Story;

/* The digest of what is in place from the first part on. */
static void check_start(Seeds *seeds, const Bytes *image, const Bytes *target)
{
	Digest *digest;
	uint8_t found[DIGEST_SIZE], expected[DIGEST_SIZE];
	uint64_t n = seeds_take_start(seeds, &digest);
	size_t size = (size_t)MIN(n * SEEDS_PART, image->source.size);

	digest_finish(digest, found);
	digest_free(digest);
	digest_bytes(target->bytes, size, expected);
	g_assert_cmpmem(found, DIGEST_SIZE, expected, DIGEST_SIZE);
	g_assert_cmpint(memcmp(target->bytes, image->bytes, size), ==, 0);
	if (seeds_planned(seeds, SEEDS_IN_PLACE) == image->source.size)
		g_assert_cmpuint(size, ==, image->source.size);
}

/* Whatever the seeds are: in the end the target is the image. */
static Figures play(const Story *story)
{
	Bytes *image = bytes_new(story->image.tags, story->image.n);
	Bytes *target = bytes_new(story->target.tags, story->target.n);
	Bytes *other = bytes_new(story->other.tags, story->other.n);
	g_autoptr(HashIndex) wanted = place_index(&story->image);
	g_autoptr(HashIndex) present = story->target.n ? place_index(&story->target) : NULL;
	g_autoptr(HashIndex) elsewhere = story->other.n ? place_index(&story->other) : NULL;
	g_autoptr(Pool) pool = pool_new(story->workers, LAG);
	g_autoptr(GError) error = NULL;
	int map = memfd_create("plan", MFD_CLOEXEC);
	SeedsSetup setup = { .image = &image->source,
		             .wanted = wanted,
		             .target = { &target->source, present },
		             .n_likely = story->n_likely,
		             .map = map,
		             .lag = LAG,
		             .needs_data = story->needs_data };
	Figures figures = { 0 };

	if (story->other.n)
		setup.others[0] = (Seed){ &other->source, elsewhere };
	other->is_broken = story->other.is_broken;
	target->is_broken = story->target.is_broken;
	g_autoptr(Seeds) seeds = seeds_plan(&setup, pool, NULL, 0, &error);
	g_assert_no_error(error);
	g_assert_cmpint(image->n_read, ==, 0);
	check_start(seeds, image, target);
	target->bytes =
		g_realloc(target->bytes, MAX(story->image.n, story->target.n) * (size_t)CHUNK);
	fill_all(seeds, image, target, story->needs_data, &figures);
	g_assert_cmpint(memcmp(target->bytes, image->bytes, image->source.size), ==, 0);
	figures.n_fetched = (uint32_t)image->n_read;
	figures.n_asked = (uint32_t)image->asked;
	g_assert_cmpuint(figures.n[SEEDS_IMAGE], ==, figures.n_fetched);

	close(map);
	bytes_free(image);
	bytes_free(target);
	bytes_free(other);
	return figures;
}

/* `n` different tags from `first` on. */
static uint32_t *count_up(uint32_t first, uint32_t n)
{
	uint32_t *tags = g_new(uint32_t, n);

	for (uint32_t i = 0; i < n; i++)
		tags[i] = first + i;
	return tags;
}

/* --- Tests ------------------------------------------------------------------------- */

#define N 1000 /* chunks: three parts, and some */

static void test_same(void)
{
	g_autofree uint32_t *tags = count_up(1, N);

	for (unsigned needs_data = 0; needs_data < 2; needs_data++) {
		Story story = { .image = { tags, N },
			        .target = { tags, N },
			        .needs_data = needs_data,
			        .workers = 2 };
		Figures figures = play(&story);

		g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, N);
		g_assert_cmpuint(figures.n_fetched, ==, 0);
		g_assert_cmpuint(figures.n_asked, ==, 0);
	}
}

static void test_nothing_known(void)
{
	g_autofree uint32_t *tags = count_up(1, N), *old = count_up(100000, N);
	Figures figures = play(&(Story){ .image = { tags, N }, .target = { old, N } });

	g_assert_cmpuint(figures.n[SEEDS_IMAGE], ==, N);
	g_assert_cmpuint(figures.n_fetched, ==, N);
	g_assert_cmpuint(figures.n_asked, ==, N);
	figures = play(&(Story){ .image = { tags, N } });
	g_assert_cmpuint(figures.n_fetched, ==, N);
}

static void test_zeroes(void)
{
	g_autofree uint32_t *tags = g_new0(uint32_t, N), *old = count_up(1, N);
	Figures figures = play(&(Story){ .image = { tags, N }, .target = { old, N } });

	g_assert_cmpuint(figures.n[SEEDS_ZERO], ==, N);
	g_assert_cmpuint(figures.n_fetched, ==, 0);
	figures = play(&(Story){ .image = { tags, N }, .target = { tags, N } });
	g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, N);
}

static void test_other(void)
{
	g_autofree uint32_t *tags = count_up(1, N), *old = count_up(100000, N);
	g_autofree uint32_t *other = count_up(1, N);
	Story story = { .image = { tags, N }, .target = { old, N }, .other = { other, N } };
	Figures figures = play(&story);

	g_assert_cmpuint(figures.n[SEEDS_OTHER], ==, N);
	for (unsigned i = 0; i < N; i++) /* the same, upside down */
		other[i] = N - i;
	figures = play(&story);
	g_assert_cmpuint(figures.n[SEEDS_OTHER], ==, N);
	other[7] = other[8] = 5555; /* chunks 992, 991 are nowhere */
	figures = play(&story);
	g_assert_cmpuint(figures.n[SEEDS_OTHER], ==, N - 2);
	g_assert_cmpuint(figures.n_fetched, ==, 2);
	g_assert_cmpuint(figures.n_asked, ==, 2);
}

/* What moved towards the start is still there when it is wanted; what moved towards the end is not,
 * but for the part in which it is. */
static void test_moved(void)
{
	g_autofree uint32_t *tags = count_up(1, N), *up = count_up(1 - 300, N);
	g_autofree uint32_t *down = count_up(1 + 300, N);
	Figures figures = play(&(Story){ .image = { tags, N }, .target = { up, N } });

	g_assert_cmpuint(figures.n[SEEDS_TARGET], ==, N - 300);
	g_assert_cmpuint(figures.n_fetched, ==, 300);
	figures = play(&(Story){ .image = { tags, N }, .target = { down, N } });
	g_assert_cmpuint(figures.n[SEEDS_TARGET], ==, 0);
	g_assert_cmpuint(figures.n_fetched, ==, N);
}

/* The same again further on in the image: fetched once, where it is far enough. */
static void test_written(void)
{
	g_autofree uint32_t *tags = count_up(1, 6 * SEEDS_PART_CHUNKS);
	g_autofree uint32_t *old = count_up(100000, 6 * SEEDS_PART_CHUNKS);

	memcpy(tags + LAG * SEEDS_PART_CHUNKS, tags, SEEDS_PART_CHUNKS * sizeof(*tags));
	memcpy(tags + 5 * SEEDS_PART_CHUNKS, tags + 4 * SEEDS_PART_CHUNKS,
	       SEEDS_PART_CHUNKS * sizeof(*tags)); /* too near */
	Figures figures = play(&(Story){ .image = { tags, 6 * SEEDS_PART_CHUNKS },
	                                 .target = { old, 6 * SEEDS_PART_CHUNKS } });

	g_assert_cmpuint(figures.n[SEEDS_WRITTEN], ==, SEEDS_PART_CHUNKS);
	g_assert_cmpuint(figures.n_fetched, ==, 5 * SEEDS_PART_CHUNKS);
}

/* Indexes that say what is not so. */
static void test_wrong(void)
{
	g_autofree uint32_t *tags = count_up(1, N), *old = count_up(100000, N);
	Story lies = { .image = { tags, N },
		       .target = { old, N, .said = tags },
		       .other = { old, N, .said = tags } };
	Figures figures = play(&lies);

	g_assert_cmpuint(figures.n_fetched, ==, N);
	g_assert_cmpuint(figures.n[SEEDS_IN_PLACE] + figures.n[SEEDS_OTHER], ==, 0);
	lies.needs_data = true;
	g_assert_cmpuint(play(&lies).n_fetched, ==, N);

	g_autofree uint32_t *damaged = count_up(1, N);
	damaged[500] = 1;
	Story damage = { .image = { tags, N }, .target = { damaged, N, .said = tags } };
	figures = play(&damage);
	g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, N - 1);
	g_assert_cmpuint(figures.n_asked, ==, 1);

	damage.target.tags = old;
	damage.other = (Place){ damaged, N, .said = tags };
	figures = play(&damage);
	g_assert_cmpuint(figures.n[SEEDS_OTHER], ==, N - 1);
	g_assert_cmpuint(figures.n_fetched, ==, 1);

	damage.other.is_broken = damage.target.is_broken = true;
	figures = play(&damage);
	g_assert_cmpuint(figures.n_fetched, ==, N);
}

/* Indexes and places end where they like. */
static void test_sizes(void)
{
	g_autofree uint32_t *tags = count_up(1, N), *old = count_up(100000, N);
	static const uint32_t ends[] = { 1, 255, 256, 257, 511, 700, 999 };

	for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
		Figures figures = play(
			&(Story){ .image = { tags, N }, .target = { tags, N, .n_said = ends[i] } });

		g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, ends[i]);
		figures = play(&(Story){ .image = { tags, ends[i] }, .target = { tags, N } });
		g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, ends[i]);
		figures = play(&(Story){ .image = { tags, N },
		                         .target = { tags, ends[i], .said = tags, .n_said = N } });
		g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, ends[i]);
		figures = play(&(Story){ .image = { tags, N },
		                         .target = { old, N },
		                         .other = { tags, ends[i], .said = tags, .n_said = N } });
		g_assert_cmpuint(figures.n[SEEDS_OTHER], ==, ends[i]);
	}
}

/* An installation that was cut short: part of the image is there, and no index says so. */
static void test_likely(void)
{
	g_autofree uint32_t *tags = count_up(1, N), *old = count_up(100000, N);
	g_autofree uint32_t *mixed = count_up(100000, N);

	memcpy(mixed, tags, 600 * sizeof(*tags));
	Story story = { .image = { tags, N },
		        .target = { mixed, N, .said = old },
		        .n_likely = 400 * CHUNK };
	Figures figures = play(&story);

	g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, 400);
	story.n_likely = G_MAXUINT64;
	figures = play(&story);
	g_assert_cmpuint(figures.n[SEEDS_IN_PLACE], ==, 600);
	g_assert_cmpuint(figures.n_asked, ==, 400);
}

static void test_wrong_size(void)
{
	g_autofree uint32_t *tags = count_up(1, 10);
	Bytes *image = bytes_new(tags, 10);
	g_autoptr(HashIndex) wanted = index_new(tags, 9);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) error = NULL;
	SeedsSetup setup = { .image = &image->source, .wanted = wanted, .map = -1 };

	g_assert_null(seeds_plan(&setup, pool, NULL, 0, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_assert_nonnull(strstr(error->message, "9 chunks: the image has 40960 bytes"));
	bytes_free(image);
}

static void test_no_room_for_the_plan(void)
{
	g_autofree uint32_t *tags = count_up(1, N);
	Bytes *image = bytes_new(tags, N);
	g_autoptr(HashIndex) wanted = index_new(tags, N);
	g_autoptr(Pool) pool = pool_new(2, 4);
	g_autoptr(GError) error = NULL;
	SeedsSetup setup = { .image = &image->source, .wanted = wanted };

	setup.map = open("/dev/full", O_RDWR | O_CLOEXEC);
	g_assert_cmpint(setup.map, >=, 0);
	g_assert_null(seeds_plan(&setup, pool, NULL, 0, &error));
	g_assert_error(error, FAILURE, FAILURE_NO_SPACE);
	close(setup.map);
	bytes_free(image);
}

static void test_random(void)
{
	for (unsigned round = 0; round < 60; round++) {
		uint32_t n = (uint32_t)g_test_rand_int_range(1, 2000);
		uint32_t most = (uint32_t)g_test_rand_int_range(1, 3000);
		g_autofree uint32_t *tags[5] = { NULL };
		uint32_t sizes[5];

		for (unsigned i = 0; i < 5; i++) {
			sizes[i] = i ? (uint32_t)g_test_rand_int_range(1, 2000) : n;
			tags[i] = g_new(uint32_t, 2000);
			for (unsigned j = 0; j < 2000; j++)
				tags[i][j] =
					i > 2 && g_test_rand_int_range(0, 4)
						? tags[i - 2][j]
						: (uint32_t)g_test_rand_int_range(0, (int)most);
		}
		Story story = { .image = { tags[0], n },
			        .target = { tags[1], sizes[1], tags[3], sizes[3] },
			        .other = { tags[2], sizes[2], tags[4], sizes[4] },
			        .n_likely = (uint64_t)g_test_rand_int_range(0, 3000) * CHUNK,
			        .needs_data = g_test_rand_bit(),
			        .workers = (unsigned)g_test_rand_int_range(0, 3) };
		play(&story);
		g_free(tags[1]), tags[1] = NULL;
		g_free(tags[2]), tags[2] = NULL;
		g_free(tags[3]), tags[3] = NULL;
		g_free(tags[4]), tags[4] = NULL;
	}
}

/* --- Large ones, of which nothing is stored ------------------------------------------ */

/* Digest i is made of i + `shift`; bytes are zeroes, and no index says that. */
typedef struct {
	Source source;
	uint32_t shift;
	uint32_t only; /* not 0: all other chunks are zeroes, and this one is tag 1 */
} Virtual;

static uint8_t zero_digest[DIGEST_SIZE], one_digest[DIGEST_SIZE];

static bool index_read_at(Source *source, void *to, size_t size, uint64_t at,
                          GError **error G_GNUC_UNUSED)
{
	const Virtual *index = (const Virtual *)source;
	uint8_t *bytes = to;

	for (size_t i = 0; i < size / DIGEST_SIZE; i++, bytes += DIGEST_SIZE) {
		uint64_t number = at / DIGEST_SIZE + i + index->shift;
		uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15);

		if (index->only) {
			memcpy(bytes, number == index->only ? one_digest : zero_digest,
			       DIGEST_SIZE);
			continue;
		}
		memset(bytes, 1, DIGEST_SIZE);
		memcpy(bytes, &mixed, sizeof(mixed));
		memcpy(bytes + 8, &number, sizeof(number));
	}
	return true;
}

static bool content_read_at(Source *source, void *to, size_t size, uint64_t at,
                            GError **error G_GNUC_UNUSED)
{
	const Virtual *content = (const Virtual *)source;

	memset(to, 0, size);
	for (size_t i = 0; i < size / CHUNK; i++) {
		if (content->only && at / CHUNK + i == content->only)
			fill_chunk((uint8_t *)to + i * CHUNK, 1);
	}
	return true;
}

static const SourceOps index_ops = { .kind = "index", .read_at = index_read_at };
static const SourceOps content_ops = { .kind = "content", .read_at = content_read_at };

/* More is missing than is sought at once: all of it is found nevertheless. */
static void test_lots(void)
{
	const uint32_t n = 2 * SEEDS_LOT + 12345;
	Virtual image = { .shift = 0 }, wanted = { .shift = 7 };
	Virtual other = { .shift = 0 }, said = { .shift = 3 };
	g_autoptr(Pool) pool = pool_new(2, 4);
	g_autoptr(GError) error = NULL;

	source_init(&image.source, &content_ops, (uint64_t)n * CHUNK);
	source_init(&other.source, &content_ops, (uint64_t)n * CHUNK);
	source_init(&wanted.source, &index_ops, (uint64_t)n * DIGEST_SIZE);
	source_init(&said.source, &index_ops, (uint64_t)n * DIGEST_SIZE);
	g_autoptr(HashIndex) wanted_index = hash_index_open(&wanted.source, 0, &error);
	g_autoptr(HashIndex) other_index = hash_index_open(&said.source, 0, &error);
	SeedsSetup setup = { .image = &image.source,
		             .wanted = wanted_index,
		             .others = { { &other.source, other_index } },
		             .map = memfd_create("plan", MFD_CLOEXEC),
		             .lag = LAG };
	g_autoptr(Seeds) seeds = seeds_plan(&setup, pool, NULL, 0, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(seeds_planned(seeds, SEEDS_IMAGE), ==, 4 * CHUNK);
	g_assert_cmpuint(seeds_planned(seeds, SEEDS_OTHER), ==, (uint64_t)(n - 4) * CHUNK);
	close(setup.map);
}

/* One chunk beyond 8 GiB, that the other place has beyond 4 GiB. */
static void test_far(void)
{
	const uint32_t n = 2200000, at = 2150001, from = 1100007;
	Virtual image = { .only = at }, wanted = { .only = at };
	Virtual other = { .only = from }, said = { .only = from };
	g_autofree uint8_t *bytes = g_malloc(SEEDS_PART);
	g_autoptr(Pool) pool = pool_new(2, 4);
	g_autoptr(GError) error = NULL;
	SeedsFilled filled;

	fill_chunk(bytes, 0);
	digest_bytes(bytes, CHUNK, zero_digest);
	fill_chunk(bytes, 1);
	digest_bytes(bytes, CHUNK, one_digest);
	source_init(&image.source, &content_ops, (uint64_t)n * CHUNK);
	source_init(&other.source, &content_ops, (uint64_t)n * CHUNK);
	source_init(&wanted.source, &index_ops, (uint64_t)n * DIGEST_SIZE);
	source_init(&said.source, &index_ops, (uint64_t)n * DIGEST_SIZE);
	g_autoptr(HashIndex) wanted_index =
		hash_index_open(&wanted.source, image.source.size, &error);
	g_autoptr(HashIndex) other_index = hash_index_open(&said.source, 0, &error);
	SeedsSetup setup = { .image = &image.source,
		             .wanted = wanted_index,
		             .others = { { &other.source, other_index } },
		             .map = memfd_create("plan", MFD_CLOEXEC),
		             .lag = LAG };
	g_autoptr(Seeds) seeds = seeds_plan(&setup, pool, NULL, 0, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(seeds_planned(seeds, SEEDS_OTHER), ==, CHUNK);
	g_assert_cmpuint(seeds_planned(seeds, SEEDS_ZERO), ==, (uint64_t)(n - 1) * CHUNK);
	g_assert_true(seeds_fill(seeds, at / SEEDS_PART_CHUNKS, bytes, &filled, &error));
	g_assert_cmpuint(filled.n[SEEDS_OTHER], ==, CHUNK);
	g_assert_cmpuint(bytes[(at % SEEDS_PART_CHUNKS) * CHUNK], ==, 1);
	close(setup.map);
}

/* Few and large requests, small gaps included, and no more ahead than there is room for. */
static void test_asking(void)
{
	const uint32_t n = 400 * SEEDS_PART_CHUNKS;
	g_autofree uint32_t *tags = count_up(1, n), *old = count_up(1, n);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) error = NULL;

	for (uint32_t i = 0; i < n; i += 10)
		old[i] = 1000000; /* a gap of 9 */
	memcpy(old + n / 2, tags + n / 2, n / 2 * sizeof(*tags));
	for (uint32_t i = n / 2; i < n; i += 20)
		old[i] = 1000000; /* a gap of 19 */
	Bytes *image = bytes_new(tags, n), *target = bytes_new(old, n);
	g_autoptr(HashIndex) wanted = index_new(tags, n);
	g_autoptr(HashIndex) present = index_new(old, n);
	SeedsSetup setup = { .image = &image->source,
		             .wanted = wanted,
		             .target = { &target->source, present },
		             .map = memfd_create("plan", MFD_CLOEXEC) };
	g_autoptr(Seeds) seeds = seeds_plan(&setup, pool, NULL, 0, &error);
	g_assert_no_error(error);
	seeds_prefetch(seeds, 0);
	g_assert_cmpuint(image->n_asked, >=, 2);
	g_assert_cmpuint(image->n_asked, <, 700);
	for (uint64_t part = 1; part <= 400; part++)
		seeds_prefetch(seeds, part);
	g_assert_cmpuint(image->n_asked, ==, n / 2 / 20); /* the first of them over 200 MiB */
	g_assert_cmpuint(image->asked, ==, n / 2 + n / 2 / 20);
	close(setup.map);
	bytes_free(image);
	bytes_free(target);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/seeds/same", test_same);
	g_test_add_func("/source/seeds/nothing-known", test_nothing_known);
	g_test_add_func("/source/seeds/zeroes", test_zeroes);
	g_test_add_func("/source/seeds/other", test_other);
	g_test_add_func("/source/seeds/moved", test_moved);
	g_test_add_func("/source/seeds/written", test_written);
	g_test_add_func("/source/seeds/wrong", test_wrong);
	g_test_add_func("/source/seeds/sizes", test_sizes);
	g_test_add_func("/source/seeds/likely", test_likely);
	g_test_add_func("/source/seeds/wrong-size", test_wrong_size);
	g_test_add_func("/source/seeds/no-room-for-the-plan", test_no_room_for_the_plan);
	g_test_add_func("/source/seeds/random", test_random);
	g_test_add_func("/source/seeds/lots", test_lots);
	g_test_add_func("/source/seeds/far", test_far);
	g_test_add_func("/source/seeds/asking", test_asking);
	return g_test_run();
}
