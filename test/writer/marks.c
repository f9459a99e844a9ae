/* SPDX-License-Identifier: MIT */

#include "writer/marks.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"

#define MIB (1024 * 1024)

static char *path;

/* Bytes that were overwritten since: they must be found where they are a MiB or more, and nothing may be
 * found where they are behind what is looked at. */
static const struct {
	size_t size;
	uint64_t base;
	size_t from, n;   /* overwritten; n 0: nothing */
	size_t looked_at; /* MiB */
	bool is_found;
} overlaps[] = {
	{ 4 * MIB, 0, 0, 0, 4, false },
	{ 4 * MIB, 0, 0, MIB, 4, true },
	{ 4 * MIB, 0, 2 * MIB, MIB, 4, true },
	{ 4 * MIB, 0, 3 * MIB, MIB, 4, true },
	{ 4 * MIB, 0, 3 * MIB, MIB, 3, false },
	{ 4 * MIB, 8192, MIB, MIB, 4, true },
	{ 4 * MIB, 0, MIB / 2, 2 * MIB, 4, true },
	{ 2 * MIB + 1, 0, 0, 0, 3, false },
	{ 2 * MIB + 1, 0, 2 * MIB, 1, 3, true },
	{ 2 * MIB + 8191, 0, 2 * MIB, 8191, 3, true },
	{ 100, 0, 0, 100, 1, true },
	{ 100, 0, 0, 0, 1, false },
	/* farther apart */
	{ 300 * MIB, 0, 0, 0, 300, false },
	{ 300 * MIB, 0, 297 * MIB, 3 * MIB, 300, true },
	{ 300 * MIB, 0, 7 * MIB, 4 * MIB, 300, true },
};

static void test_overlaps(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(overlaps); i++) {
		size_t size = overlaps[i].size, total = size + overlaps[i].base;
		g_autofree uint8_t *data = g_malloc(total);
		g_autoptr(Marks) marks = marks_new(size);
		g_autoptr(Pool) pool = pool_new(i % 3, 2);
		g_autoptr(GError) error = NULL;

		for (size_t k = 0; k < total; k++)
			data[k] = (uint8_t)(k % 253 + k / 4096);
		for (size_t at = 0; at < size; at += MIB / 4)
			marks_note(marks, data + overlaps[i].base + at, MIN(MIB / 4, size - at),
			           at);
		memset(data + overlaps[i].base + overlaps[i].from, '!', overlaps[i].n);
		g_assert_true(g_file_set_contents(path, (char *)data, (gssize)total, NULL));

		g_autoptr(Target) target = target_open_back(path, &error);
		g_assert_no_error(error);
		bool is_same = marks_check(marks, MIN(size, overlaps[i].looked_at * MIB), target,
		                           overlaps[i].base, path, pool, &error);
		g_assert_cmpint(is_same, ==, !overlaps[i].is_found);
		if (!is_same) {
			g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
			g_assert_nonnull(strstr(error->message, path));
			g_assert_nonnull(strstr(error->message, "smaller than it says"));
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_autofree char *folder = g_dir_make_tmp("marks-XXXXXX", NULL);

	path = g_build_filename(folder, "target", NULL);
	g_test_add_func("/writer/marks/overlaps", test_overlaps);
	int status = g_test_run();

	g_unlink(path);
	g_rmdir(folder);
	g_free(path);
	return status;
}
