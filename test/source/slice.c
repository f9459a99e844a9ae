/* SPDX-License-Identifier: MIT */

#include "source/source.h"

#include "base/error.h"

static Source *digits(void)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static("0123456789", 10);

	return source_memory_new(bytes);
}

static const struct {
	uint64_t at, size;
	const char *all; /* NULL: refused */
} windows[] = {
	{ 0, 10, "0123456789" },
	{ 3, 4, "3456" },
	{ 10, 0, "" },
	{ 9, 1, "9" },
	{ 0, 11, NULL },
	{ 10, 1, NULL },
	{ 11, 0, NULL },
	{ G_MAXUINT64, 2, NULL },
	{ 2, G_MAXUINT64, NULL },
	{ G_MAXUINT64, G_MAXUINT64, NULL },
};

static void test_windows(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(windows); i++) {
		Source *below = digits();
		g_autoptr(GError) error = NULL;
		g_autoptr(Source) slice =
			source_slice_new(below, windows[i].at, windows[i].size, &error);

		source_unref(below); /* the slice has its own reference */
		if (!windows[i].all) {
			g_assert_null(slice);
			g_assert_error(error, FAILURE, FAILURE_FORMAT);
			continue;
		}
		g_autoptr(GBytes) all = source_read_all(slice, 10, &error);
		g_assert_no_error(error);
		g_assert_cmpmem(g_bytes_get_data(all, NULL), g_bytes_get_size(all), windows[i].all,
		                windows[i].size);
	}
}

static void test_slice_of_slice(void)
{
	g_autoptr(Source) below = digits();
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) outer = source_slice_new(below, 2, 6, &error);
	g_autoptr(Source) inner = source_slice_new(outer, 1, 3, &error);
	char to[4] = "";

	g_assert_no_error(error);
	g_assert_true(source_read_at(inner, to, 3, 0, &error));
	g_assert_cmpstr(to, ==, "345");
	g_assert_false(source_read_at(inner, to, 1, 3, &error));
	g_assert_cmpstr(error->message, ==, "slice: 1 bytes at 3 reach past the end at 3");
	source_prefetch(inner, 3, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/slice/windows", test_windows);
	g_test_add_func("/source/slice/slice-of-slice", test_slice_of_slice);
	return g_test_run();
}
