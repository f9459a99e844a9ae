/* SPDX-License-Identifier: MIT */

#include "bundle/predict.h"

#include <string.h>

#include "base/error.h"
#include "bundle/create.h"
#include "bundle/maker.h"

#define N     256 /* chunks of the image */
#define CHUNK 4096
#define HEAD  "[update]\ncompatible=Test\n[bundle]\nformat="
#define IMAGE "\n[image.rootfs]\nfilename=a.img\n"
#define INDEX "adaptive=block-hash-index\n"
#define SQUASH \
	"-b 131072 -noD -noF" /* 32 chunks a block; where each is does not depend on what it has */

static Maker *maker;
static unsigned n_made;

/* Bytes that nothing can compress, other ones for each seed. */
static void fill(uint8_t *chunk, uint32_t seed)
{
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (unsigned i = 0; i < CHUNK; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		chunk[i] = (uint8_t)(state >> 24);
	}
}

/* Chunk i has the bytes of seed i, but for those in `changes`: (chunk, seed), seed 0: zeroes. */
static char *make(const char *manifest, const unsigned (*changes)[2], unsigned n_changes)
{
	g_autofree char *name = g_strdup_printf("content%u", n_made);
	g_autofree char *folder = maker_content(maker, name, manifest);
	g_autofree char *image = g_build_filename(folder, "a.img", NULL);
	g_autofree uint8_t *bytes = g_malloc0(N * CHUNK);
	SignKeyFiles files = { .cert_path = maker->cert, .key_path = maker->key };
	g_autoptr(GError) error = NULL;
	g_autoptr(SignKey) key = sign_key_load(&files, &error);
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	g_autoptr(Pool) pool = pool_new(2, 6);
	g_autofree char *bundle = g_strdup_printf("bundle%u.raucb", n_made++);
	char *path = maker_path(maker, bundle);
	BundleCreate request = { .input = folder,
		                 .output = path,
		                 .key = key,
		                 .check = { .keyring = keyring },
		                 .mksquashfs_args = SQUASH,
		                 .pool = pool };

	for (unsigned i = 0; i < N; i++)
		fill(bytes + (size_t)i * CHUNK, i + 1);
	for (unsigned i = 0; i < n_changes; i++) {
		uint8_t *chunk = bytes + (size_t)changes[i][0] * CHUNK;

		memset(chunk, 0, CHUNK);
		if (changes[i][1])
			fill(chunk, changes[i][1]);
	}
	g_assert_true(g_file_set_contents(image, (char *)bytes, N * CHUNK, NULL));
	g_assert_true(bundle_create(&request, &error));
	g_assert_no_error(error);
	return path;
}

static GPtrArray *predict(const char *from, const char *path, GError **error)
{
	g_autoptr(Pool) pool = pool_new(2, 6);
	g_autoptr(PredictBase) base = predict_base_open(from, pool, error);
	g_autoptr(Bundle) bundle = base ? predict_open(path, error) : NULL;

	return bundle ? predict_run(base, bundle, error) : NULL;
}

static Prediction *predict_one(const char *from, const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) all = predict(from, path, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(all->len, ==, 1);
	return g_ptr_array_steal_index(all, 0);
}

/* In blocks of 4096 bytes. */
typedef struct {
	unsigned reused, zero, repeated, missing, writes, tables, index, blocks, tree;
} Expected;

static void check(const Prediction *prediction, const Expected *expected)
{
	g_assert_cmpstr(prediction->name, ==, "rootfs");
	g_assert_cmpuint(prediction->size, ==, N * CHUNK);
	g_assert_cmpuint(prediction->reused, ==, expected->reused * CHUNK);
	g_assert_cmpuint(prediction->zero, ==, expected->zero * CHUNK);
	g_assert_cmpuint(prediction->repeated, ==, expected->repeated * CHUNK);
	g_assert_cmpuint(prediction->missing, ==, expected->missing * CHUNK);
	g_assert_cmpuint(prediction->writes, ==, expected->writes * CHUNK);
	g_assert_cmpuint(prediction->tables, ==, expected->tables * CHUNK);
	g_assert_cmpuint(prediction->index, ==, expected->index * CHUNK);
	g_assert_cmpuint(prediction->blocks, ==, expected->blocks * CHUNK);
	g_assert_cmpuint(prediction->tree, ==, expected->tree * CHUNK);
	g_assert_cmpuint(prediction->signature, >, 500);
	g_assert_cmpuint(prediction->download, ==,
	                 prediction->tables + prediction->index + prediction->blocks +
	                         prediction->tree + prediction->signature);
}

/*
 * The image is the first file: block i of the squashfs lies at 96 + i * 131072, in 33 blocks of the
 * bundle, of which it shares the first and the last with its neighbours. Behind it, from 96 + 1 MiB
 * on, the index (8192 bytes) and manifest.raucm in a fragment, and the tables: 256 to 258.
 * 259 blocks have 3 leaves in the tree and a root.
 */
static const struct {
	const char *what;
	unsigned changes[8][2], n_changes;
	Expected expected;
} cases[] = {
	/* Blocks 0 and 256 to 258: two leaves and the root. */
	{ "nothing has changed", { { 0 } }, 0, { N, 0, 0, 0, 0, 2, 2, 0, 3 } },
	{ "moved", { { 41, 201 }, { 200, 42 } }, 2, { N, 0, 0, 0, 2, 2, 2, 0, 3 } },
	{ "zero", { { 40, 0 } }, 1, { N - 1, 1, 0, 0, 1, 2, 2, 0, 3 } },
	/* 0 to 32, of which 0 was there; leaf 0. */
	{ "a chunk", { { 5, 1000 } }, 1, { N - 1, 0, 0, 1, 1, 2, 2, 32, 3 } },
	{ "two of one block",
	  { { 0, 1000 }, { 31, 1001 } },
	  2,
	  { N - 2, 0, 0, 2, 2, 2, 2, 32, 3 } },
	{ "the same twice", { { 5, 1000 }, { 100, 1000 } }, 2, { N - 2, 0, 1, 1, 2, 2, 2, 32, 3 } },
	/* 96 to 128: leaves 0 and 1. */
	{ "across leaves", { { 100, 1000 } }, 1, { N - 1, 0, 0, 1, 1, 2, 2, 33, 4 } },
	/* 0 to 64, together. */
	{ "neighbours", { { 31, 1000 }, { 32, 1001 } }, 2, { N - 2, 0, 0, 2, 2, 2, 2, 64, 3 } },
	{ "all of that",
	  { { 5, 1000 }, { 40, 0 }, { 41, 201 }, { 100, 1001 }, { 101, 1001 } },
	  5,
	  { N - 4, 1, 1, 2, 5, 2, 2, 65, 4 } },
};

/* With the index that the old bundle has, and with one that is computed. */
static void test_cases(void)
{
	const char *const manifests[] = { HEAD "verity" IMAGE INDEX, HEAD "verity" IMAGE,
		                          HEAD "crypt" IMAGE };

	for (unsigned m = 0; m < G_N_ELEMENTS(manifests); m++) {
		g_autofree char *from = make(manifests[m], NULL, 0);

		for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
			g_autofree char *path =
				make(manifests[0], cases[i].changes, cases[i].n_changes);
			g_autoptr(Prediction) prediction = predict_one(from, path);

			g_test_message("%u: %s", m, cases[i].what);
			g_assert_true(prediction->has_base);
			check(prediction, &cases[i].expected);
		}
	}
}

/* The device has nothing of the kind: all of it is fetched, and all of the tree. */
static void test_other_image(void)
{
	static const char *const others[] = { "\n[image.app]\nfilename=a.img\n" INDEX,
		                              "\n[image.rootfs.blue]\nfilename=a.img\n" INDEX };

	for (unsigned i = 0; i < G_N_ELEMENTS(others); i++) {
		g_autofree char *text = g_strconcat(HEAD "verity", others[i], NULL);
		g_autofree char *from = make(text, NULL, 0);
		g_autofree char *path = make(HEAD "verity" IMAGE INDEX, NULL, 0);
		g_autoptr(Prediction) prediction = predict_one(from, path);
		Expected all = { 0, 0, 0, N, N, 2, 2, 255, 4 };

		g_assert_false(prediction->has_base);
		check(prediction, &all);
	}
}

static void test_nothing_to_predict(void)
{
	g_autofree char *from = make(HEAD "verity" IMAGE, NULL, 0);
	g_autofree char *path = make(HEAD "verity" IMAGE, NULL, 0);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) all = predict(from, path, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(all->len, ==, 0);
}

static void test_refused(void)
{
	g_autofree char *good = make(HEAD "verity" IMAGE INDEX, NULL, 0);
	g_autofree char *plain = make(HEAD "plain" IMAGE INDEX, NULL, 0);
	g_autofree char *text = maker_path(maker, "text");
	g_autofree char *none = maker_path(maker, "none.raucb");
	g_autoptr(GError) error = NULL;

	g_assert_null(predict(good, plain, &error));
	g_assert_error(error, FAILURE, FAILURE_CONFIG);
	g_assert_nonnull(strstr(error->message, "a plain bundle is fetched whole"));
	g_clear_error(&error);

	g_assert_null(predict(none, good, &error));
	g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
	g_assert_nonnull(strstr(error->message, "--from="));
	g_clear_error(&error);

	g_assert_true(g_file_set_contents(text, "this is no bundle at all, not even a small one",
	                                  -1, NULL));
	g_assert_null(predict(text, good, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_assert_nonnull(strstr(error->message, "--from="));
	g_clear_error(&error);

	/* what devices have may be plain: it was installed from a file */
	g_autoptr(Prediction) prediction = predict_one(plain, good);
	check(prediction, &cases[0].expected);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/predict/cases", test_cases);
	g_test_add_func("/bundle/predict/other-image", test_other_image);
	g_test_add_func("/bundle/predict/nothing", test_nothing_to_predict);
	g_test_add_func("/bundle/predict/refused", test_refused);
	int code = g_test_run();
	maker_free(maker);
	return code;
}
