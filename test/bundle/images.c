/* SPDX-License-Identifier: MIT */

#include "bundle/images.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "bundle/maker.h"
#include "crypto/digest.h"
#include "source/hash_index.h"

#define HEAD  "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"
#define INDEX "adaptive=block-hash-index\n"

static Maker *maker;

static Manifest *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	Manifest *manifest = manifest_parse(text, strlen(text), &error);

	g_assert_no_error(error);
	return manifest;
}

static bool measure(const char *folder, Manifest *manifest, unsigned workers, GError **error)
{
	g_autoptr(Pool) pool = pool_new(workers, workers * 2 + 1);

	return images_measure(manifest, folder, "the-input", pool, error);
}

static void check_index(const char *folder, const char *name, GBytes *image)
{
	g_autofree char *path = g_strconcat(folder, "/", name, HASH_INDEX_SUFFIX, NULL);
	g_autofree char *bytes = NULL;
	size_t size, all;
	const uint8_t *data = g_bytes_get_data(image, &all);
	uint8_t expected[DIGEST_SIZE];

	g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
	g_assert_cmpuint(size, ==, all / 128);
	for (size_t i = 0; i < all / 4096; i++) {
		digest_bytes(data + i * 4096, 4096, expected);
		g_assert_cmpmem(bytes + i * DIGEST_SIZE, DIGEST_SIZE, expected, DIGEST_SIZE);
	}
}

/* Several images, one of them twice; with and without threads the same comes out. */
static void test_measure(void)
{
	for (unsigned workers = 0; workers < 4; workers++) {
		g_autofree char *folder = maker_content(maker, "in", "");
		g_autoptr(GBytes) a = maker_image(folder, "a.img", 700 * 4096, 1);
		g_autoptr(GBytes) b = maker_image(folder, "b.img", 12345, 2);
		g_autoptr(Manifest) manifest =
			parse(HEAD "[hooks]\nfilename=h\n[image.none]\nhooks=install\n"
		                   "[image.a]\nfilename=a.img\n[image.b]\nfilename=b.img\n"
		                   "[image.c]\nfilename=a.img\n" INDEX);
		g_autoptr(GError) error = NULL;
		GBytes *expected[] = { NULL, a, b, a };

		g_assert_true(measure(folder, manifest, workers, &error));
		g_assert_no_error(error);
		for (unsigned i = 0; i < 4; i++) {
			const Image *image = manifest->images->pdata[i];
			uint8_t digest[DIGEST_SIZE];

			g_assert_true(image->has_size == (expected[i] != NULL));
			if (!expected[i])
				continue;
			digest_bytes(g_bytes_get_data(expected[i], NULL),
			             g_bytes_get_size(expected[i]), digest);
			g_autofree char *hex = digest_hex(digest, sizeof(digest));
			g_assert_cmpstr(image->sha256, ==, hex);
			g_assert_cmpuint(image->size, ==, g_bytes_get_size(expected[i]));
		}
		check_index(folder, "a.img", a);
		g_autofree char *none = g_strconcat(folder, "/b.img", HASH_INDEX_SUFFIX, NULL);
		g_assert_false(g_file_test(none, G_FILE_TEST_EXISTS));
	}
}

/* An index that is there already is a link to the user's: it is replaced, not written to. */
static void test_old_index(void)
{
	g_autofree char *folder = maker_content(maker, "in", "");
	g_autoptr(GBytes) image = maker_image(folder, "a.img", 8192, 1);
	g_autofree char *index = g_strconcat(folder, "/a.img", HASH_INDEX_SUFFIX, NULL);
	g_autofree char *mine = maker_path(maker, "mine");
	g_autoptr(Manifest) manifest = parse(HEAD "[image.a]\nfilename=a.img\n" INDEX);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_set_contents(mine, "mine", -1, NULL));
	g_assert_cmpint(link(mine, index), ==, 0);
	g_assert_true(measure(folder, manifest, 2, &error));
	g_assert_no_error(error);
	check_index(folder, "a.img", image);
	g_assert_true(g_file_get_contents(mine, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "mine");
}

static const struct {
	const char *keys, *name;
	size_t size;
	const char *message;
} refused[] = {
	{ "filename=gone.img\n", "a.img", 1,
	  "image file 'gone.img' for slot 'a' does not exist in bundle content dir (the-input)" },
	{ "filename=a.img\n" INDEX, "a.img", 0,
	  "Failed to generate hash index for a.img: image/partition is empty" },
	{ "filename=a.img\n" INDEX, "a.img", 4097,
	  "Failed to generate hash index for a.img: image/partition size (4097) is not a multiple of "
	  "4096 bytes" },
	{ "filename=a.img\nadaptive=adaptive-test-method\n", "a.img", 4097, NULL },
	{ "filename=a.tar.gz\n" INDEX, "a.tar.gz", 4097, NULL },
	{ "filename=a.tar\n" INDEX, "a.tar", 4096, NULL },
	{ "filename=a.bin\ntype=tar\n" INDEX, "a.bin", 4096, NULL },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autofree char *folder = maker_content(maker, "in", "");
		g_autoptr(GBytes) image = maker_image(folder, refused[i].name, refused[i].size, 1);
		g_autofree char *text = g_strconcat(HEAD "[image.a]\n", refused[i].keys, NULL);
		g_autofree char *index =
			g_strconcat(folder, "/", refused[i].name, HASH_INDEX_SUFFIX, NULL);
		g_autoptr(Manifest) manifest = parse(text);
		g_autoptr(GError) error = NULL;
		bool ok = measure(folder, manifest, 2, &error);

		g_assert_cmpstr(error ? error->message : NULL, ==, refused[i].message);
		g_assert_true(ok == !refused[i].message);
		g_assert_false(g_file_test(index, G_FILE_TEST_EXISTS));
	}
}

static void test_adaptive(void)
{
	g_autoptr(Manifest) good = parse(
		HEAD "[image.a]\nfilename=a.img\nadaptive=adaptive-test-method;block-hash-index\n"
		     "[image.b]\nfilename=b.img\n");
	g_autoptr(Manifest) bad = parse(HEAD "[image.a]\nfilename=a.img\nadaptive=foo\n");
	g_autoptr(GError) error = NULL;

	g_assert_true(images_check_adaptive(good, &error));
	g_assert_no_error(error);
	g_assert_false(images_check_adaptive(bad, &error));
	g_assert_true(g_str_has_prefix(error->message, "Unsupported adaptive method: foo"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/images/measure", test_measure);
	g_test_add_func("/bundle/images/old-index", test_old_index);
	g_test_add_func("/bundle/images/refused", test_refused);
	g_test_add_func("/bundle/images/adaptive", test_adaptive);

	int status = g_test_run();
	maker_free(maker);
	return status;
}
