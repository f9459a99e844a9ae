/* SPDX-License-Identifier: MIT */

#include "bundle/stage.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/maker.h"

static Maker *maker;

static void test_mirror(void)
{
	g_autofree char *input = maker_content(maker, "in", "text");
	g_autofree char *folder = g_build_filename(input, "sub", NULL);
	g_autofree char *file = g_build_filename(folder, ".hidden", NULL);
	g_autofree char *link = g_build_filename(input, "latest", NULL);
	g_autoptr(GError) error = NULL;
	struct stat st;

	g_assert_cmpint(g_mkdir(folder, 0750), ==, 0);
	g_assert_true(g_file_set_contents(file, "x", 1, NULL));
	g_assert_cmpint(symlink("manifest.raucm", link), ==, 0);

	char *stage = stage_make(input, &error);
	g_assert_no_error(error);
	g_autofree char *staged_folder = g_build_filename(stage, "sub", NULL);
	g_autofree char *staged_file = g_build_filename(stage, "sub", ".hidden", NULL);
	g_autofree char *staged_link = g_build_filename(stage, "latest", NULL);
	g_autofree char *target = g_file_read_link(staged_link, NULL);
	g_assert_cmpint(stat(staged_folder, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0750);
	g_assert_cmpint(stat(staged_file, &st), ==, 0);
	g_assert_cmpuint(st.st_nlink, ==, 2);
	g_assert_cmpstr(target, ==, "manifest.raucm");

	/* An old staging folder neither stays nor is staged itself. */
	g_free(stage);
	stage = stage_make(input, &error);
	g_assert_no_error(error);
	g_autofree char *nested = g_build_filename(stage, STAGE_FOLDER, NULL);
	g_assert_false(g_file_test(nested, G_FILE_TEST_EXISTS));
	g_autofree char *path = g_strdup(stage);
	stage_drop(stage);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static const struct {
	const char *name, *target; /* a link; NULL: a fifo; "": a folder */
	const char *message;
} strays[] = {
	{ "abs", "/etc/passwd", "absolute symlinks are not supported as bundle contents (abs)" },
	{ "up", "../x", "symlinks containing slashes are not supported as bundle contents (up)" },
	{ "pipe", NULL, "only regular files are supported as bundle contents (pipe)" },
	{ ".git", "", "hidden directories are not supported as top-level bundle contents (.git)" },
};

static void test_strays(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(strays); i++) {
		g_autofree char *input = maker_content(maker, "in", "text");
		g_autofree char *path = g_build_filename(input, strays[i].name, NULL);
		g_autofree char *left = g_build_filename(input, STAGE_FOLDER, NULL);
		g_autofree char *expected =
			g_strconcat("staging the bundle content: ", strays[i].message, NULL);
		g_autoptr(GError) error = NULL;

		if (!strays[i].target)
			g_assert_cmpint(mkfifo(path, 0600), ==, 0);
		else if (!*strays[i].target)
			g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
		else
			g_assert_cmpint(symlink(strays[i].target, path), ==, 0);
		g_assert_null(stage_make(input, &error));
		g_assert_cmpstr(error->message, ==, expected);
		g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/stage/mirror", test_mirror);
	g_test_add_func("/bundle/stage/strays", test_strays);
	int result = g_test_run();
	maker_free(maker);
	return result;
}
