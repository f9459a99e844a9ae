/* SPDX-License-Identifier: MIT */

#include "source/verity.h"

#include "base/error.h"
#include "tree.h"

static Source *open_verity(const TreeFile *file, GError **error)
{
	g_autoptr(Source) below = tree_file_source(file);

	return source_verity_new(below, &file->parameters, error);
}

static void check_bytes(const uint8_t *got, uint64_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (got[i] != tree_byte(at + i))
			g_error("byte %u is wrong", (unsigned)(at + i));
}

static void test_reads(void)
{
	static const uint64_t sizes[] = { 2, 3, 128, 129, 130, 16385 };

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		TreeFile *file = tree_file_new(sizes[i]);
		g_autoptr(GError) error = NULL;
		g_autoptr(GRand) rand = g_rand_new_with_seed(3);

		tree_file_create(file, 0);
		g_autoptr(Source) source = open_verity(file, &error);
		g_assert_no_error(error);
		g_assert_cmpuint(source->size, ==, file->data_size);

		g_autofree uint8_t *all = g_malloc(source->size);
		g_assert_true(source_read_at(source, all, source->size, 0, &error));
		check_bytes(all, 0, source->size);
		for (unsigned j = 0; j < 200; j++) {
			gint32 at = g_rand_int_range(rand, 0, (gint32)source->size);
			gint32 n = g_rand_int_range(rand, 1, 20000);

			if (j % 4 == 0)
				at &= ~4095;
			n = MIN(n, (gint32)source->size - at);
			source_prefetch(source, (uint64_t)n, (uint64_t)at);
			g_assert_true(source_read_at(source, all, (size_t)n, (uint64_t)at, &error));
			check_bytes(all, (uint64_t)at, (size_t)n);
		}
		g_assert_false(source_read_at(source, all, 1, source->size, &error));
		tree_file_free(file);
	}
}

/* A flipped bit anywhere: seen when the source is made, or by every read that touches
 * it; other reads are not disturbed. */
static const struct {
	uint64_t n_blocks, at;
	const char *open;  /* message of source_verity_new(), NULL: works */
	uint64_t block;    /* one that cannot be read */
	const char *read;  /* and why; NULL: all can be read */
	uint64_t readable; /* one that can */
} flips[] = {
	{ 2, 100, NULL, 0, "verity: block 0 is corrupted", 1 },
	{ 2, 8191, NULL, 1, "verity: block 1 is corrupted", 0 },
	{ 2, 8192, "verity: the hash tree does not match the root hash", 0, NULL, 0 },
	{ 2, 8192 + 4095, "verity: the hash tree does not match the root hash", 0, NULL, 0 },
	{ 300, 299 * 4096, NULL, 299, "verity: block 299 is corrupted", 298 },
	{ 300, 300 * 4096, "verity: the hash tree does not match the root hash", 0, NULL, 0 },
	{ 300, 301 * 4096, NULL, 127, "verity: hash block 1 is corrupted", 128 },
	{ 300, 303 * 4096 + 4095, NULL, 256, "verity: hash block 3 is corrupted", 255 },
	{ 16385, 16385 * 4096, "verity: the hash tree does not match the root hash", 0, NULL, 0 },
	{ 16385, 16387 * 4096 + 4, "verity: hash block 2 is corrupted", 0, NULL, 0 },
	{ 16385, 16388 * 4096, NULL, 5, "verity: hash block 3 is corrupted", 16384 },
	{ 16385, 16385 * 4096 - 1, NULL, 16384, "verity: block 16384 is corrupted", 0 },
};

static void check_flip(unsigned i, TreeFile *file)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) source = open_verity(file, &error);
	uint8_t to[4096], zeros[4096] = { 0 };

	g_assert_cmpstr(error ? error->message : NULL, ==, flips[i].open);
	if (!source) {
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		return;
	}
	for (unsigned part = 0; part < 6; part++) {
		size_t n = part % 2 ? 4096 : 10;

		memset(to, 0xaa, sizeof(to));
		g_assert_false(source_read_at(source, to, n, flips[i].block * 4096, &error));
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		g_assert_cmpstr(error->message, ==, flips[i].read);
		g_assert_cmpmem(to, n, zeros, n); /* nothing of it leaves */
		g_clear_error(&error);
		g_assert_true(source_read_at(source, to, 4096, flips[i].readable * 4096, &error));
		check_bytes(to, flips[i].readable * 4096, 4096);
	}
}

static void test_flips(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(flips); i++) {
		TreeFile *file = tree_file_new(flips[i].n_blocks);

		tree_file_create(file, 0);
		tree_file_flip(file, flips[i].at, 0x80);
		check_flip(i, file);
		tree_file_free(file);
	}
}

/* Every bit-flipped byte of a small one, in turn: an error or nothing changes. */
static void test_every_byte(void)
{
	TreeFile *file = tree_file_new(3);
	uint64_t size = file->data_size + 4096;

	tree_file_create(file, 0);
	for (uint64_t at = 0; at < size; at++) {
		g_autoptr(GError) error = NULL;
		uint8_t to[3 * 4096];

		tree_file_flip(file, at, 1);
		g_autoptr(Source) source = open_verity(file, &error);
		g_assert_false(source && source_read_at(source, to, sizeof(to), 0, &error));
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		tree_file_flip(file, at, 1);
	}
	tree_file_free(file);
}

static void test_wrong_parameters(void)
{
	static const uint64_t tree_sizes[] = { 0, 4096, 16384, 203 * 4096, 12289, G_MAXUINT64 };
	TreeFile *file = tree_file_new(200);
	g_autoptr(GError) error = NULL;

	tree_file_create(file, 0);
	file->parameters.root[31] ^= 1;
	g_assert_null(open_verity(file, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	for (unsigned i = 0; i < G_N_ELEMENTS(tree_sizes); i++) {
		g_clear_error(&error);
		file->parameters.tree_size = tree_sizes[i];
		g_assert_null(open_verity(file, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
	tree_file_free(file);
}

static void *read_all(void *data)
{
	Source *source = data;
	g_autofree uint8_t *to = g_malloc(100000);

	for (uint64_t at = 0; at < source->size; at += 77777) {
		size_t n = (size_t)MIN(100000, source->size - at);

		g_assert_true(source_read_at(source, to, n, at, NULL));
		check_bytes(to, at, n);
	}
	return NULL;
}

static void test_threads(void)
{
	TreeFile *file = tree_file_new(2000);
	GThread *threads[20]; /* more than checkers are kept */

	tree_file_create(file, 2);
	g_autoptr(Source) source = open_verity(file, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("reader", read_all, source);
	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	tree_file_free(file);
}

/* What lies below, and what of it was asked for ahead. */
typedef struct {
	Source source;
	Source *below;
	uint64_t from; /* from here on it counts */
	uint64_t most, sum;
} Asked;

static bool asked_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	return source_read_at(((Asked *)source)->below, to, size, at, error);
}

static void asked_prefetch(Source *source, uint64_t size, uint64_t at)
{
	Asked *asked = (Asked *)source;

	if (at < asked->from)
		return;
	asked->most = MAX(asked->most, size);
	asked->sum += size;
}

static void asked_free(Source *source)
{
	source_unref(((Asked *)source)->below);
	g_free(source);
}

/* Leaves come in portions, each once, while the data they are for is read. */
static void test_portions(void)
{
	static const SourceOps ops = { "asked", asked_read_at, asked_prefetch, asked_free };
	TreeFile *file = tree_file_new(20000);
	Asked *asked = g_new0(Asked, 1);
	g_autoptr(Source) below = &asked->source;
	g_autofree uint8_t *to = g_malloc(128 * 4096);

	tree_file_create(file, 2);
	asked->below = tree_file_source(file);
	asked->from = G_MAXUINT64;
	source_init(below, &ops, asked->below->size);
	g_autoptr(Source) source = source_verity_new(below, &file->parameters, NULL);
	g_assert_nonnull(source);
	asked->from = source->size;
	source_prefetch(source, source->size, 0);
	g_assert_cmpuint(asked->sum, ==, 128 * 4096);
	for (uint64_t at = 0; at < source->size; at += 128 * 4096)
		g_assert_true(
			source_read_at(source, to, MIN(128 * 4096, source->size - at), at, NULL));
	g_assert_cmpuint(asked->sum, ==, (20000 + 127) / 128 * 4096);
	g_assert_cmpuint(asked->most, ==, 128 * 4096);
	tree_file_free(file);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/verity/reads", test_reads);
	g_test_add_func("/source/verity/flips", test_flips);
	g_test_add_func("/source/verity/every-byte", test_every_byte);
	g_test_add_func("/source/verity/wrong-parameters", test_wrong_parameters);
	g_test_add_func("/source/verity/threads", test_threads);
	g_test_add_func("/source/verity/portions", test_portions);
	return g_test_run();
}
