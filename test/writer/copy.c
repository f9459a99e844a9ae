/* SPDX-License-Identifier: MIT */

#include "writer/copy.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "crypto/digest.h"

static char *path;
static unsigned n_warnings;

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields G_GNUC_UNUSED,
                                       gsize n_fields G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED)
{
	n_warnings += level & G_LOG_LEVEL_WARNING ? 1 : 0;
	return G_LOG_WRITER_HANDLED;
}

/* What a run of 64 KiB holds: 'd'ata, 'z'ero, or 'h'alf of each. */
static GBytes *image_of(const char *grains, size_t tail)
{
	size_t size = strlen(grains) * 65536 + tail;
	uint8_t *data = g_malloc0(size + 1);

	for (size_t i = 0; grains[i]; i++) {
		if (grains[i] != 'z')
			memset(data + i * 65536 + (grains[i] == 'h' ? 40000 : 0),
			       (int)('A' + i % 26), grains[i] == 'h' ? 100 : 65536);
	}
	return g_bytes_new_take(data, size);
}

static char *sha256_of(GBytes *bytes)
{
	uint8_t hash[DIGEST_SIZE];
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);

	digest_bytes(data, size, hash);
	return digest_hex(hash, sizeof(hash));
}

static const struct {
	const char *grains;
	size_t tail;
	unsigned workers, depth;
} copies[] = {
	{ "d", 0, 0, 1 },
	{ "", 1, 0, 1 },
	{ "", 0, 2, 4 },
	{ "z", 0, 2, 4 },
	{ "dzdzhz", 512, 2, 4 },
	{ "zzzzzzzzzzzzzzzzd", 0, 2, 4 },
	{ "dddddddddddddddd", 0, 2, 4 },
	{ "ddddddddddddddddz", 4096, 1, 2 },
	{ "dzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 0, 4, 10 },
	{ "zdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdhzdh", 100, 4, 10 },
};

static void test_copies(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(copies); i++) {
		g_autoptr(GBytes) image = image_of(copies[i].grains, copies[i].tail);
		g_autoptr(Source) source = source_memory_new(image);
		g_autoptr(Pool) pool = pool_new(copies[i].workers, copies[i].depth);
		g_autofree char *sha256 = sha256_of(image);
		g_autofree char *dirt = g_strnfill(g_bytes_get_size(image), '?');
		g_autoptr(GError) error = NULL;
		CopyJob job = { .bytes = source,
			        .path = path,
			        .sha256 = sha256,
			        .pool = pool,
			        .verify = true };

		/* Old content must be gone, in the zero runs too. */
		g_assert_true(
			g_file_set_contents(path, dirt, (gssize)g_bytes_get_size(image), NULL));
		g_assert_true(copy_run(&job, &error));
		g_assert_no_error(error);
		g_assert_cmpuint(job.n_written + job.n_punched, ==, g_bytes_get_size(image));

		g_autofree char *text = NULL;
		size_t size;
		g_assert_true(g_file_get_contents(path, &text, &size, NULL));
		g_autoptr(GBytes) back = g_bytes_new_take(g_steal_pointer(&text), size);
		g_assert_true(g_bytes_equal(back, image));
	}
}

/* Large enough to be read back while it is written: alone, and in a part of a disk with zeroes behind it. */
static void test_chased(void)
{
	static const Window windows[] = { { 0, 0 }, { 1 << 20, 24 << 20 }, { 8192, 21 << 20 } };
	g_autofree char *grains = g_strnfill(20 * 16, 'd');
	g_autoptr(GBytes) image = image_of(grains, 300);
	g_autofree char *sha256 = sha256_of(image);
	size_t n;
	const uint8_t *bytes = g_bytes_get_data(image, &n);

	for (unsigned i = 0; i < G_N_ELEMENTS(windows); i++) {
		g_autoptr(Source) source = source_memory_new(image);
		g_autoptr(Pool) pool = pool_new(i, 4);
		g_autofree char *dirt = g_strnfill(32 << 20, '?');
		g_autoptr(GError) error = NULL;
		CopyJob job = { .bytes = source,
			        .path = path,
			        .sha256 = sha256,
			        .pool = pool,
			        .verify = true,
			        .window = windows[i].size ? &windows[i] : NULL };

		g_assert_true(g_file_set_contents(path, dirt, 32 << 20, NULL));
		g_assert_true(copy_run(&job, &error));
		g_assert_no_error(error);

		g_autofree char *text = NULL;
		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		memcpy(dirt + windows[i].at, bytes, n);
		if (windows[i].size)
			memset(dirt + windows[i].at + n, 0, windows[i].size - n);
		g_assert_cmpint(memcmp(text, dirt, 32 << 20), ==, 0);
	}
}

/* A source that fails, or is not what the manifest says. */
typedef struct {
	Source base;
	uint64_t bad_from;
} Faulty;

static bool faulty_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	if (at + size > ((Faulty *)source)->bad_from)
		return fail(error, FAILURE_INTEGRITY, "verity: block 7 is corrupted");
	memset(to, 'f', size);
	return true;
}

static void faulty_free(Source *source)
{
	g_free(source);
}

static void test_source_fails(void)
{
	static const SourceOps ops = { .kind = "faulty",
		                       .read_at = faulty_read_at,
		                       .free = faulty_free };
	static const uint64_t from[] = { 0, 1 << 20, 5 << 20, (10 << 20) - 1 };

	for (unsigned i = 0; i < G_N_ELEMENTS(from); i++) {
		Faulty *faulty = g_new0(Faulty, 1);
		source_init(&faulty->base, &ops, 10 << 20);
		faulty->bad_from = from[i];
		g_autoptr(Source) source = &faulty->base;
		g_autoptr(Pool) pool = pool_new(2, 6);
		g_autoptr(GError) error = NULL;
		CopyJob job = { .bytes = source, .path = path, .pool = pool, .verify = true };

		g_assert_true(g_file_set_contents(path, "", 0, NULL));
		g_assert_false(copy_run(&job, &error));
		g_assert_cmpstr(error->message, ==, "verity: block 7 is corrupted");
	}
}

static void test_wrong_digest(void)
{
	for (unsigned verify = 0; verify < 2; verify++) {
		g_autoptr(GBytes) image = image_of("dd", 0);
		g_autoptr(Source) source = source_memory_new(image);
		g_autoptr(Pool) pool = pool_new(2, 6);
		g_autofree char *wrong = g_strnfill(64, '0');
		g_autofree char *right = sha256_of(image);
		g_autofree char *expected =
			g_strdup_printf("image digest is %s, but the manifest says %s", right,
		                        wrong);
		g_autoptr(GError) error = NULL;
		CopyJob job = { .bytes = source,
			        .path = path,
			        .sha256 = wrong,
			        .pool = pool,
			        .verify = verify };

		g_assert_false(copy_run(&job, &error));
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		g_assert_cmpstr(error->message, ==, expected);
	}
}

/* No digest known, and nothing but the bytes themselves to compare with. */
static void test_no_digest(void)
{
	for (unsigned verify = 0; verify < 2; verify++) {
		g_autoptr(GBytes) image = image_of("dzd", 5);
		g_autoptr(Source) source = source_memory_new(image);
		g_autoptr(Pool) pool = pool_new(2, 6);
		CopyJob job = { .bytes = source, .path = path, .pool = pool, .verify = verify };

		g_assert_true(copy_run(&job, NULL));
	}
}

/* --- What is in place already ---------------------------------------------- */

typedef struct {
	uint8_t digests[8 * DIGEST_SIZE];
	uint64_t n;
	unsigned n_puts;
} Kept;

static void keep(void *user, uint64_t first, const uint8_t *digests, size_t n)
{
	Kept *kept = user;

	g_assert_cmpuint(first, <=, kept->n);
	memcpy(kept->digests + first * DIGEST_SIZE, digests, n * DIGEST_SIZE);
	kept->n = MAX(kept->n, first + n);
	kept->n_puts++;
}

/* Counts what is asked for. */
typedef struct {
	Source base;
	Source *below;
	gint n_read;
	uint64_t
		wraps_at; /* who reads from here on finds the target damaged at its beginning; 0: never */
} Counting;

static bool counting_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	Counting *counting = (Counting *)source;

	g_atomic_int_add(&counting->n_read, (gint)size);
	if (counting->wraps_at && at >= counting->wraps_at) {
		g_autofree uint8_t *over = g_malloc(size);
		FILE *target = fopen(path, "r+b");

		g_assert_true(source_read_at(counting->below, over, size, at, NULL));
		g_assert_cmpuint(fwrite(over, 1, size, target), ==, size);
		fclose(target);
	}
	return source_read_at(counting->below, to, size, at, error);
}

static void counting_free(Source *source)
{
	source_unref(((Counting *)source)->below);
	g_free(source);
}

static Counting *counting_new(GBytes *image)
{
	static const SourceOps ops = { .kind = "counting",
		                       .read_at = counting_read_at,
		                       .free = counting_free };
	Counting *counting = g_new0(Counting, 1);

	source_init(&counting->base, &ops, g_bytes_get_size(image));
	counting->below = source_memory_new(image);
	return counting;
}

/* An image of 4 MiB and 64 KiB and a bit: five chunks. What the target has of each of them before,
 * and what the journal says: as it is 'i', 'o'ther; and nothing of it '-'. */
static const struct {
	const char *target, *journal;
	unsigned n_fetched; /* chunks */
	bool has_verify;
} resumed[] = {
	{ "-----", "-----", 5, true }, { "iiiii", "-----", 5, true },
	{ "i----", "i----", 4, true }, { "iii--", "iii--", 2, true },
	{ "iiiii", "iiiii", 0, true }, { "iiiii", "iiiii", 0, false },
	{ "ioiii", "iiiii", 1, true }, { "oiiii", "iiiii", 1, true },
	{ "iiiio", "iiiii", 1, true }, { "iiiio", "iiiii", 1, false },
	{ "iiiii", "ioioi", 2, true }, { "iii", "iiiii", 2, true },
	{ "", "iiiii", 5, true },      { "iii--", "iii--", 2, false },
};

static void test_resumes(void)
{
	g_autoptr(GBytes) image =
		image_of("dhdddddddddddddzzddddddddddddddddddddddddddddddddddddddddddddddddd", 300);
	g_autofree char *sha256 = sha256_of(image);
	size_t total;
	const uint8_t *bytes = g_bytes_get_data(image, &total);

	for (unsigned i = 0; i < G_N_ELEMENTS(resumed); i++) {
		Kept kept = { .n = strlen(resumed[i].journal) };
		g_autofree uint8_t *old = g_memdup2(bytes, total);
		Counting *counting = counting_new(image);
		g_autoptr(Source) source = &counting->base;
		g_autoptr(Pool) pool = pool_new(2, 4);
		g_autoptr(GError) error = NULL;
		size_t old_size = 0;

		for (size_t k = 0; resumed[i].target[k]; k++) {
			old_size = MIN(total, (k + 1) * COPY_CHUNK);
			if (resumed[i].target[k] != 'i')
				old[k * COPY_CHUNK + 77] ^= 1;
		}
		for (size_t k = 0; k < kept.n; k++) {
			size_t at = k * COPY_CHUNK;

			digest_quick(bytes + at, MIN(COPY_CHUNK, total - at),
			             kept.digests + k * DIGEST_SIZE);
			kept.digests[k * DIGEST_SIZE] ^= resumed[i].journal[k] == 'o';
			if (resumed[i].journal[k] == '-')
				kept.n = k;
		}
		CopyJournal journal = { .known = kept.digests,
			                .n_known = kept.n,
			                .put = keep,
			                .user = &kept,
			                .step = COPY_CHUNK };
		CopyJob job = { .bytes = source,
			        .path = path,
			        .sha256 = sha256,
			        .pool = pool,
			        .verify = resumed[i].has_verify,
			        .journal = &journal };

		g_assert_true(g_file_set_contents(path, (char *)old, (gssize)old_size, NULL));
		g_assert_true(copy_run(&job, &error));
		g_assert_no_error(error);
		g_autofree char *text = NULL;
		size_t size;
		g_assert_true(g_file_get_contents(path, &text, &size, NULL));
		g_assert_cmpmem(text, size, bytes, total);
		/* the last chunk is a short one */
		g_assert_cmpuint((size_t)counting->n_read / COPY_CHUNK, <=, resumed[i].n_fetched);
		g_assert_cmpuint(((size_t)counting->n_read + COPY_CHUNK - 1) / COPY_CHUNK, ==,
		                 resumed[i].n_fetched);
		g_assert_cmpuint(job.n_in_place, ==, total - (size_t)counting->n_read);
		/* and the journal tells the truth about all of it */
		g_assert_cmpuint(kept.n, ==, 5);
		for (size_t k = 0; k < kept.n; k++) {
			uint8_t digest[DIGEST_SIZE];

			digest_quick(bytes + k * COPY_CHUNK,
			             MIN(COPY_CHUNK, total - k * COPY_CHUNK), digest);
			g_assert_cmpmem(digest, DIGEST_SIZE, kept.digests + k * DIGEST_SIZE,
			                DIGEST_SIZE);
		}
	}
}

/* A card that has less room than it says: what comes last goes over what was there first, and was
 * found in place before that. */
static void test_medium_wraps(void)
{
	g_autoptr(GBytes) image =
		image_of("dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", 0);
	Counting *counting = counting_new(image);
	g_autoptr(Source) source = &counting->base;
	g_autofree char *sha256 = sha256_of(image);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) error = NULL;
	size_t total;
	const char *bytes = g_bytes_get_data(image, &total);
	Kept kept = { .n = 2 };

	for (unsigned i = 0; i < 2; i++)
		digest_quick(bytes + i * COPY_CHUNK, COPY_CHUNK, kept.digests + i * DIGEST_SIZE);
	CopyJournal journal = {
		.known = kept.digests, .n_known = 2, .put = keep, .user = &kept, .step = COPY_CHUNK
	};
	CopyJob job = { .bytes = source,
		        .path = path,
		        .sha256 = sha256,
		        .pool = pool,
		        .verify = true,
		        .journal = &journal };

	counting->wraps_at = 3 * COPY_CHUNK;
	g_assert_true(g_file_set_contents(path, bytes, (gssize)total, NULL));
	g_assert_false(copy_run(&job, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
}

/* A journal of another image, as if its head had lied: found out, and all of it is written. */
static void test_journal_lies(void)
{
	for (unsigned verify = 0; verify < 2; verify++) {
		g_autoptr(GBytes) image = image_of("dddddddddddddddddddd", 0);
		g_autoptr(GBytes) wrong = image_of("dddddddhdddddddddddd", 0);
		g_autoptr(Source) source = source_memory_new(image);
		g_autofree char *sha256 = sha256_of(image);
		g_autoptr(Pool) pool = pool_new(2, 4);
		g_autoptr(GError) error = NULL;
		size_t total, size;
		const uint8_t *bytes = g_bytes_get_data(wrong, &total);
		Kept kept = { .n = 1 };

		digest_quick(bytes, COPY_CHUNK, kept.digests);
		CopyJournal journal = { .known = kept.digests,
			                .n_known = 1,
			                .put = keep,
			                .user = &kept,
			                .step = COPY_CHUNK };
		CopyJob job = { .bytes = source,
			        .path = path,
			        .sha256 = sha256,
			        .pool = pool,
			        .verify = verify,
			        .journal = &journal };

		g_assert_true(g_file_set_contents(path, (const char *)bytes, (gssize)total, NULL));
		n_warnings = 0;
		g_assert_true(copy_run(&job, &error));
		g_assert_cmpuint(n_warnings, ==, 1);
		g_autofree char *text = NULL;
		g_assert_true(g_file_get_contents(path, &text, &size, NULL));
		g_autoptr(GBytes) back = g_bytes_new_take(g_steal_pointer(&text), size);
		g_assert_true(g_bytes_equal(back, image));
	}
}

static void test_check_target(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_set_contents(path, "x", 1, NULL));
	g_assert_true(copy_check_target(path, 1 << 30, NULL));
	g_assert_false(copy_check_target("/nonexistent/x", 1, &error));
	g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_writer_func(count_warnings, NULL, NULL);
	path = g_strdup_printf("%s/copy-%d", g_get_tmp_dir(), getpid());
	g_test_add_func("/writer/copy/copies", test_copies);
	g_test_add_func("/writer/copy/chased", test_chased);
	g_test_add_func("/writer/copy/source-fails", test_source_fails);
	g_test_add_func("/writer/copy/wrong-digest", test_wrong_digest);
	g_test_add_func("/writer/copy/no-digest", test_no_digest);
	g_test_add_func("/writer/copy/resumes", test_resumes);
	g_test_add_func("/writer/copy/medium-wraps", test_medium_wraps);
	g_test_add_func("/writer/copy/journal-lies", test_journal_lies);
	g_test_add_func("/writer/copy/check-target", test_check_target);
	int result = g_test_run();
	g_unlink(path);
	g_free(path);
	return result;
}
