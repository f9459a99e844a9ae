/* SPDX-License-Identifier: MIT */

#include "cli/show_prediction.h"

#include <string.h>

#include "bundle/maker.h"

#define MANIFEST \
	"[update]\ncompatible=Test\nversion=1.0\n[bundle]\nformat=verity\n[image.rootfs]\nfilename=a.img\n"

static Maker *maker;

static GString *show(const GPtrArray *predictions, uint64_t *size)
{
	g_autofree char *folder = maker_content(maker, "content", MANIFEST);
	g_autoptr(GBytes) image = maker_image(folder, "a.img", 8192, 1);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = maker_path(maker, "a b.raucb");
	g_autofree char *made = g_file_test(path, G_FILE_TEST_EXISTS)
	                                ? g_strdup(path)
	                                : maker_bundle(maker, folder, "a b.raucb", &error);
	g_autoptr(Pool) pool = pool_new(0, 1);

	g_assert_no_error(error);
	g_autoptr(PredictBase) base = predict_base_open(made, pool, &error);
	g_assert_no_error(error);
	g_autoptr(Bundle) bundle = predict_open(made, &error);
	g_assert_no_error(error);
	g_autofree char *bytes = NULL;
	g_assert_true(g_file_get_contents(made, &bytes, size, NULL));

	GString *text = g_string_new(NULL);
	show_prediction(text, base, bundle, predictions);
	return text;
}

static void test_one(void)
{
	Prediction prediction = { .name = (char *)"rootfs",
		                  .has_base = true,
		                  .size = 1000 * 1024 * 1024,
		                  .missing = 50 * 1024 * 1024,
		                  .reused = 900 * 1024 * 1024,
		                  .zero = 30 * 1024 * 1024,
		                  .repeated = 20 * 1024 * 1024,
		                  .writes = 123 * 1024 * 1024,
		                  .tables = 4096,
		                  .index = 8192,
		                  .blocks = 3,
		                  .tree = 2,
		                  .signature = 1,
		                  .download = 12294 };
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	uint64_t size;

	g_ptr_array_add(all, &prediction);
	g_autoptr(GString) text = show(all, &size);
	g_autofree char *expected = g_strdup_printf(
		"A device that has '%s/a b.raucb' (version 1.0) will need:\n"
		"  rootfs: download 0.01 MiB of %.2f MiB (%.1f %%), reuse 950.00 MiB of 1000.00 MiB "
		"(95.0 %%), write 123.00 MiB of 1000.00 MiB (12.3 %%)\n"
		"prediction image=rootfs bundle=%" G_GUINT64_FORMAT
		" download=12294 tables=4096 index=8192 blocks=3 tree=2 signature=1 "
		"size=1048576000 reused=943718400 zero=31457280 repeated=20971520 missing=52428800 "
		"writes=128974848 base=%s/a b.raucb\n",
		maker->folder, (double)size / 1048576, 100.0 * 12294 / (double)size, size,
		maker->folder);
	g_assert_cmpstr(text->str, ==, expected);
}

static void test_none(void)
{
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	uint64_t size;
	g_autoptr(GString) text = show(none, &size);
	g_autofree char *expected = g_strdup_printf(
		"A device that has '%s/a b.raucb' (version 1.0) will need all of it: no image has "
		"adaptive=block-hash-index\n",
		maker->folder);

	g_assert_cmpstr(text->str, ==, expected);
}

static void test_no_base(void)
{
	Prediction prediction = { .name = (char *)"app.blue" };
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	uint64_t size;

	g_ptr_array_add(all, &prediction);
	g_autoptr(GString) text = show(all, &size);
	g_assert_nonnull(strstr(text->str,
	                        "): the old bundle has no such image\nprediction image=app.blue "));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/cli/show_prediction/one", test_one);
	g_test_add_func("/cli/show_prediction/none", test_none);
	g_test_add_func("/cli/show_prediction/no-base", test_no_base);
	int code = g_test_run();
	maker_free(maker);
	return code;
}
