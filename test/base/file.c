/* SPDX-License-Identifier: MIT */

#include "base/file.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

static char *folder;

static void test_replace(void)
{
	g_autofree char *path = g_build_filename(folder, "status", NULL);
	g_autofree char *other = g_build_filename(folder, "none", "status", NULL);
	g_autoptr(GError) error = NULL;
	struct stat st;
	size_t size;

	g_assert_true(file_replace(path, "one", 3, 0600, NULL));
	g_assert_true(file_replace(path, "three", 5, 0640, NULL));
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0640);

	g_autofree char *text = file_read(path, 5, &size, NULL);
	g_assert_cmpstr(text, ==, "three");
	g_assert_cmpuint(size, ==, 5);
	g_assert_false(file_replace(other, "x", 1, 0600, &error));
	g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);

	/* No temporary file stays behind. */
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	g_assert_cmpstr(g_dir_read_name(dir), ==, "status");
	g_assert_null(g_dir_read_name(dir));
}

static void test_read_refusals(void)
{
	g_autofree char *path = g_build_filename(folder, "status", NULL);
	g_autoptr(GError) large = NULL, missing = NULL, is_folder = NULL;

	g_assert_true(file_replace(path, "three", 5, 0600, NULL));
	g_assert_null(file_read(path, 4, NULL, &large));
	g_assert_error(large, FAILURE, FAILURE_FORMAT);
	g_assert_null(file_read("/nonexistent", 4, NULL, &missing));
	g_assert_error(missing, FAILURE, FAILURE_NOT_FOUND);
	g_assert_null(file_read(folder, 4, NULL, &is_folder));
	g_assert_error(is_folder, FAILURE, FAILURE_IO);

	/* /proc says size 0. */
	g_autofree char *proc = file_read("/proc/self/status", 1 << 20, NULL, NULL);
	g_assert_true(g_str_has_prefix(proc, "Name:"));
}

static void test_tree(void)
{
	g_autofree char *top = g_build_filename(folder, "top", NULL);
	g_autofree char *deep = g_build_filename(top, "a", "b", "c", NULL);
	g_autofree char *file = g_build_filename(deep, "file", NULL);
	g_autofree char *outside = g_build_filename(folder, "outside", NULL);
	g_autofree char *link = g_build_filename(top, "a", "link", NULL);

	g_assert_true(file_make_folders(deep, 0700, NULL));
	g_assert_true(file_make_folders(deep, 0700, NULL));
	g_assert_true(file_make_folders(outside, 0700, NULL));
	g_assert_true(file_replace(file, "x", 1, 0600, NULL));
	g_assert_cmpint(symlink(outside, link), ==, 0);
	g_assert_true(file_remove_tree(top, NULL));
	g_assert_false(g_file_test(top, G_FILE_TEST_EXISTS));
	g_assert_true(g_file_test(outside, G_FILE_TEST_IS_DIR));
	g_assert_true(file_remove_tree(top, NULL));
}

/* What `rauc bundle` mirrors may be read-only; it must go all the same. */
static void test_remove_read_only(void)
{
	g_autofree char *top = g_build_filename(folder, "read-only", NULL);
	g_autofree char *inner = g_build_filename(top, "inner", NULL);
	g_autofree char *file = g_build_filename(inner, "file", NULL);

	g_assert_true(file_make_folders(inner, 0700, NULL));
	g_assert_true(file_replace(file, "x", 1, 0400, NULL));
	g_assert_cmpint(g_chmod(inner, 0500), ==, 0);
	g_assert_cmpint(g_chmod(top, 0500), ==, 0);
	g_assert_true(file_remove_tree(top, NULL));
	g_assert_false(g_file_test(top, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("file-XXXXXX", NULL);
	g_test_add_func("/base/file/replace", test_replace);
	g_test_add_func("/base/file/read-refusals", test_read_refusals);
	g_test_add_func("/base/file/tree", test_tree);
	g_test_add_func("/base/file/remove-read-only", test_remove_read_only);
	int result = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	return result;
}
