/* SPDX-License-Identifier: MIT */

#include "bundle/extract.h"

#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/maker.h"

static Maker *maker;

static void test_tree(void)
{
	g_autofree char *content =
		maker_content(maker, "in",
	                      "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"
	                      "[image.rootfs]\nfilename=rootfs.img\n");
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 3000000, 1);
	g_autofree char *folder = g_build_filename(content, "sub", NULL);
	g_autofree char *script = g_build_filename(folder, "run", NULL);
	g_autofree char *link = g_build_filename(content, "link", NULL);
	g_autofree char *out = maker_path(maker, "out");
	g_autoptr(GError) error = NULL;
	struct stat st;

	g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
	g_assert_true(g_file_set_contents(script, "#!/bin/sh\n", -1, NULL));
	g_assert_cmpint(chmod(script, 0755), ==, 0);
	g_assert_cmpint(chmod(folder, 0500), ==, 0);
	g_assert_cmpint(symlink("rootfs.img", link), ==, 0);
	g_autofree char *path = maker_bundle(maker, content, "x.raucb", &error);
	g_assert_no_error(error);

	g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
	g_assert_no_error(error);
	g_assert_true(extract_bundle(bundle, out, &error));
	g_assert_no_error(error);

	g_autofree char *image_out = g_build_filename(out, "rootfs.img", NULL);
	g_autofree char *script_out = g_build_filename(out, "sub", "run", NULL);
	g_autofree char *folder_out = g_build_filename(out, "sub", NULL);
	g_autofree char *link_out = g_build_filename(out, "link", NULL);
	g_autofree char *target = g_file_read_link(link_out, NULL);
	g_autoptr(GMappedFile) mapped = g_mapped_file_new(image_out, FALSE, NULL);
	g_autoptr(GBytes) back = g_mapped_file_get_bytes(mapped);
	g_assert_true(g_bytes_equal(back, image));
	g_assert_cmpstr(target, ==, "rootfs.img");
	g_assert_cmpint(stat(script_out, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0755);
	g_assert_cmpint(stat(folder_out, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0500);
	g_assert_cmpint(stat(out, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, 0700);

	g_assert_false(extract_bundle(bundle, out, &error));
	g_assert_error(error, FAILURE, FAILURE_CONFIG);
	chmod(folder, 0700);
	chmod(folder_out, 0700);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/extract/tree", test_tree);
	int result = g_test_run();
	maker_free(maker);
	return result;
}
