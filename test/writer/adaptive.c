/* SPDX-License-Identifier: MIT */

#include "writer/adaptive.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "crypto/digest.h"

#define MIB  (1024 * 1024)
#define SIZE (5 * MIB + 12 * 4096)

static char *folder, *target, *other;
static unsigned n_warnings;
static char *warning;

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields,
                                       gsize n_fields, gpointer user G_GNUC_UNUSED)
{
	for (gsize i = 0; level & G_LOG_LEVEL_WARNING && i < n_fields; i++) {
		if (g_str_equal(fields[i].key, "MESSAGE")) {
			g_free(warning);
			warning = g_strdup(fields[i].value);
			n_warnings++;
		}
	}
	return G_LOG_WRITER_HANDLED;
}

/* Every chunk of 4 KiB is another. */
static GBytes *content(size_t size, unsigned seed)
{
	uint8_t *data = g_malloc(size);

	for (size_t i = 0; i < size; i += 4) {
		uint32_t word = (uint32_t)(i / 4096 * 2654435761u + seed * 40503u);

		memcpy(data + i, &word, 4);
	}
	return g_bytes_new_take(data, size);
}

/* The same with some bytes of some chunks changed. */
static GBytes *changed(GBytes *bytes, size_t first, size_t step)
{
	size_t size;
	const uint8_t *data = g_bytes_get_data(bytes, &size);
	uint8_t *copy = g_memdup2(data, size);

	for (size_t at = first; at < size; at += step)
		copy[at] ^= 0x55;
	return g_bytes_new_take(copy, size);
}

static HashIndex *index_of(GBytes *bytes)
{
	g_autoptr(Source) source = source_memory_new(bytes);
	g_autoptr(Pool) pool = pool_new(1, 4);
	g_autoptr(GError) error = NULL;
	uint8_t whole[DIGEST_SIZE];
	int fd = memfd_create("index", MFD_CLOEXEC);

	g_assert_true(hash_index_create(source, fd, pool, whole, &error));
	g_assert_no_error(error);
	g_autoptr(Source) file = source_file_take(fd, "index", &error);
	return hash_index_open(file, 0, &error);
}

static void put(const char *path, GBytes *bytes)
{
	g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
	                                  (gssize)g_bytes_get_size(bytes), NULL));
}

static void assert_content(const char *path, GBytes *wanted)
{
	g_autofree char *text = NULL;
	size_t size;

	g_assert_true(g_file_get_contents(path, &text, &size, NULL));
	g_assert_cmpuint(size, >=, g_bytes_get_size(wanted));
	g_assert_cmpint(memcmp(text, g_bytes_get_data(wanted, NULL), g_bytes_get_size(wanted)), ==,
	                0);
}

typedef struct {
	GBytes *image, *target, *other;
	GBytes *wanted_of, *target_of,
		*other_of; /* whose indexes they seem to have; NULL: theirs */
	bool has_no_verify, has_no_digest, has_no_room;
	unsigned workers;
} Story;

static bool play(const Story *story, Adaptive *with, CopyJob *job, GError **error)
{
	g_autoptr(HashIndex) wanted = index_of(story->wanted_of ? story->wanted_of : story->image);
	g_autoptr(HashIndex) present =
		index_of(story->target_of ? story->target_of : story->target);
	g_autoptr(HashIndex) elsewhere = index_of(story->other_of ? story->other_of : story->other);
	g_autoptr(Source) source = source_memory_new(story->image);
	g_autoptr(Pool) pool = pool_new(story->workers, 4);
	g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, story->image);
	fd_auto int plan = story->has_no_room ? open("/dev/full", O_RDWR | O_CLOEXEC)
	                                      : memfd_create("plan", MFD_CLOEXEC);

	put(target, story->target);
	put(other, story->other);
	*with = (Adaptive){ .wanted = wanted,
		            .target = present,
		            .others = { { "none", "/nonexistent", elsewhere },
		                        { "other", other, elsewhere } },
		            .n_others = 2,
		            .plan = plan };
	*job = (CopyJob){ .bytes = source,
		          .path = target,
		          .sha256 = story->has_no_digest ? NULL : sha256,
		          .pool = pool,
		          .verify = !story->has_no_verify };
	n_warnings = 0;
	bool ok = adaptive_copy(job, with, error);
	if (ok)
		assert_content(target, story->image);
	return ok;
}

static void test_all_in_place(void)
{
	g_autoptr(GBytes) image = content(SIZE, 1), old = content(SIZE, 2);

	for (unsigned i = 0; i < 8; i++) {
		g_autoptr(GError) error = NULL;
		Adaptive with;
		CopyJob job;
		Story story = { .image = image,
			        .target = image,
			        .other = old,
			        .workers = i & 1 ? 2 : 0,
			        .has_no_verify = i & 2,
			        .has_no_digest = i & 4 };

		g_assert_true(play(&story, &with, &job, &error));
		g_assert_no_error(error);
		g_assert_cmpuint(job.n_written + job.n_punched, ==, 0);
		g_assert_cmpuint(job.n_in_place, ==, SIZE);
		g_assert_cmpuint(with.n_from[SEEDS_IN_PLACE], ==, SIZE);
		g_assert_cmpuint(with.n_from[SEEDS_IMAGE], ==, 0);
		g_assert_cmpuint(n_warnings, ==, 0);
	}
}

static void test_from_other(void)
{
	g_autoptr(GBytes) image = content(SIZE, 1), old = content(SIZE, 2);
	g_autoptr(GBytes) near = changed(image, 12345, 100 * 4096);
	g_autoptr(GError) error = NULL;
	Adaptive with;
	CopyJob job;
	Story story = { .image = image, .target = old, .other = near, .workers = 2 };
	unsigned n_changed = (SIZE - 12345 + 100 * 4096 - 1) / (100 * 4096);

	g_assert_true(play(&story, &with, &job, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(with.n_from[SEEDS_IMAGE], ==, n_changed * 4096);
	/* the second that was named; the first is not there */
	g_assert_cmpuint(with.n_from[SEEDS_OTHER], ==, 0);
	g_assert_cmpuint(with.n_from[SEEDS_OTHER + 1], ==, SIZE - n_changed * 4096);
	g_assert_cmpuint(job.n_written, ==, SIZE);
	g_assert_cmpuint(with.n_wrong, ==, 0);
	g_assert_false(with.has_failed);
}

/* Only what differs is written. */
static void test_few_writes(void)
{
	g_autoptr(GBytes) image = content(SIZE, 1), near = changed(image, 0, MIB);
	g_autoptr(GError) error = NULL;
	Adaptive with;
	CopyJob job;
	Story story = { .image = image, .target = near, .other = near, .workers = 2 };

	g_assert_true(play(&story, &with, &job, &error));
	g_assert_cmpuint(job.n_written, ==, 6 * 4096);
	g_assert_cmpuint(job.n_in_place, ==, SIZE - 6 * 4096);
}

/* Slots that changed behind their indexes. */
static void test_lying_seeds(void)
{
	g_autoptr(GBytes) image = content(SIZE, 1), old = content(SIZE, 2);
	g_autoptr(GBytes) near = changed(image, 777, 50 * 4096);
	g_autoptr(GError) error = NULL;
	Adaptive with;
	CopyJob job;
	Story story = { .image = image,
		        .target = near,
		        .target_of = image,
		        .other = old,
		        .other_of = image,
		        .workers = 2 };

	g_assert_true(play(&story, &with, &job, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(n_warnings, ==, 0);
	g_assert_cmpuint(with.n_from[SEEDS_IMAGE], ==, job.n_written);
	g_assert_cmpuint(job.n_written, <, SIZE / 40);
}

/* The index of the image is that of another: in the end the image is right all the same. */
static void test_wrong_index(void)
{
	g_autoptr(GBytes) image = content(SIZE, 1), old = content(SIZE, 2);
	g_autoptr(GBytes) near = changed(image, 777, 50 * 4096);
	g_autoptr(GError) error = NULL;
	Adaptive with;
	CopyJob job;
	Story wrong = {
		.image = image, .wanted_of = near, .target = near, .other = old, .workers = 2
	};

	g_assert_true(play(&wrong, &with, &job, &error));
	g_assert_no_error(error);
	g_assert_true(with.has_failed);
	g_assert_cmpuint(n_warnings, ==, 1);
	g_assert_true(g_str_has_prefix(warning,
	                               "Continuing after adaptive mode error: image digest is "));
	g_assert_cmpuint(job.n_written, ==, SIZE);

	/* and where nothing has it, it is only useless */
	wrong.target = old;
	g_assert_true(play(&wrong, &with, &job, &error));
	g_assert_false(with.has_failed);
	g_assert_cmpuint(with.n_wrong, ==, ((SIZE - 777) / (50 * 4096) + 1) * 4096);
	wrong.has_no_verify = true;
	wrong.target = near;
	g_assert_true(play(&wrong, &with, &job, &error));
	g_assert_true(with.has_failed);
}

static void test_no_room(void)
{
	g_autoptr(GBytes) image = content(SIZE, 1), old = content(SIZE, 2);
	g_autoptr(GError) error = NULL;
	Adaptive with;
	CopyJob job;
	Story story = {
		.image = image, .target = image, .other = old, .has_no_room = true, .workers = 2
	};

	g_assert_true(play(&story, &with, &job, &error));
	g_assert_no_error(error);
	g_assert_true(with.has_failed);
	g_assert_cmpuint(n_warnings, ==, 1);
	g_assert_nonnull(strstr(warning, "No space left on device"));
	g_assert_cmpuint(job.n_written, ==, SIZE);
}

/* A target that is no file fails twice, with its own error. */
static void test_no_target(void)
{
	g_autoptr(GBytes) image = content(4096, 1);
	g_autoptr(HashIndex) wanted = index_of(image);
	g_autoptr(Source) source = source_memory_new(image);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) error = NULL;
	Adaptive with = { .wanted = wanted, .plan = -1 };
	CopyJob job = { .bytes = source, .path = folder, .pool = pool };

	g_assert_false(adaptive_copy(&job, &with, &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_writer_func(count_warnings, NULL, NULL);
	folder = g_dir_make_tmp("adaptive-XXXXXX", NULL);
	target = g_build_filename(folder, "target", NULL);
	other = g_build_filename(folder, "other", NULL);
	g_test_add_func("/writer/adaptive/all-in-place", test_all_in_place);
	g_test_add_func("/writer/adaptive/from-other", test_from_other);
	g_test_add_func("/writer/adaptive/few-writes", test_few_writes);
	g_test_add_func("/writer/adaptive/lying-seeds", test_lying_seeds);
	g_test_add_func("/writer/adaptive/wrong-index", test_wrong_index);
	g_test_add_func("/writer/adaptive/no-room", test_no_room);
	g_test_add_func("/writer/adaptive/no-target", test_no_target);
	int result = g_test_run();
	g_unlink(target);
	g_unlink(other);
	g_rmdir(folder);
	g_free(target);
	g_free(other);
	g_free(folder);
	g_free(warning);
	return result;
}
