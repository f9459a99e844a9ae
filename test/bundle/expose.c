/* SPDX-License-Identifier: MIT */

#include "bundle/expose.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "bundle/maker.h"

#define IMAGE_SIZE 700000

static Maker *maker;
static char *path;
static GBytes *image;

static void test_folder(void)
{
	g_autofree char *folder = maker_path(maker, "mnt/bundle");
	g_autofree char *file = g_build_filename(folder, "rootfs.img", NULL);
	g_autofree char *hook = g_build_filename(folder, "sub", "hook", NULL);
	g_autofree char *link = g_build_filename(folder, "latest", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(Bundle) bundle = maker_open(maker, path, &error);

	g_assert_no_error(error);
	g_assert_true(bundle_open_payload(bundle, &error));
	g_autoptr(Expose) expose = expose_bundle(bundle, folder, &error);
	g_assert_no_error(error);
	g_test_message("exposed by %s", expose_kind(expose));
	g_assert_cmpstr(expose_folder(expose), ==, folder);

	g_autofree char *text = NULL;
	size_t size;
	g_assert_true(g_file_get_contents(file, &text, &size, NULL));
	g_autoptr(GBytes) back = g_bytes_new(text, size);
	g_assert_true(g_bytes_equal(back, image));
	g_autofree char *target = g_file_read_link(link, NULL);
	g_assert_cmpstr(target, ==, "rootfs.img");
	g_autofree char *said = process_capture(&error, hook, NULL);
	g_assert_no_error(error);
	g_assert_cmpstr(said, ==, "hello");
	g_autofree char *names = process_capture(&error, "ls", "-A", folder, NULL);
	g_assert_cmpstr(names, ==, "latest\nmanifest.raucm\nrootfs.img\nsub");
	if (g_str_equal(expose_kind(expose), "fuse")) {
		g_assert_cmpint(open(file, O_WRONLY), ==, -1);
		g_assert_cmpint(errno, ==, EROFS);
	}

	g_clear_pointer(&expose, expose_end);
	g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
}

/* What a killed process left: the next one gets its folder all the same. */
static void test_left_over(void)
{
	g_autofree char *folder = maker_path(maker, "mnt/bundle");
	g_autofree char *stale = g_build_filename(folder, "stale", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
	pid_t pid = fork();

	g_assert_true(bundle_open_payload(bundle, &error));
	if (pid == 0) {
		g_autoptr(Expose) expose = expose_bundle(bundle, folder, NULL);

		kill(getpid(), SIGKILL);
	}
	g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
	g_autoptr(Expose) expose = expose_bundle(bundle, folder, &error);
	g_assert_no_error(error);
	g_assert_false(g_file_test(stale, G_FILE_TEST_EXISTS));
}

/* A mount that stays: somebody else ends it. */
static void test_mount(void)
{
	g_autofree char *folder = maker_path(maker, "mnt/shown");
	g_autofree char *file = g_build_filename(folder, "rootfs.img", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(Bundle) bundle = maker_open(maker, path, &error);

	g_assert_true(bundle_open_payload(bundle, &error));
	Expose *expose = expose_mount(bundle, folder, &error);
	if (geteuid() != 0 && !expose) {
		g_test_skip("needs root");
		return;
	}
	g_assert_no_error(error);
	g_autofree char *text = NULL;
	size_t size;
	g_assert_true(g_file_get_contents(file, &text, &size, NULL));
	g_assert_cmpuint(size, ==, IMAGE_SIZE);

	g_assert_null(expose_mount(bundle, folder, &error));
	g_assert_error(error, FAILURE, FAILURE_BUSY);
	g_assert_cmpint(umount(folder), ==, 0);
	expose_serve(expose); /* returns */
	g_assert_false(g_file_test(file, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_autofree char *content =
		maker_content(maker, "in",
	                      "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"
	                      "[image.rootfs]\nfilename=rootfs.img\n");
	g_autofree char *sub = g_build_filename(content, "sub", NULL);
	g_autofree char *hook = g_build_filename(sub, "hook", NULL);
	g_autofree char *link = g_build_filename(content, "latest", NULL);

	image = maker_image(content, "rootfs.img", IMAGE_SIZE, 1);
	g_assert_cmpint(g_mkdir(sub, 0755), ==, 0);
	g_assert_true(g_file_set_contents(hook, "#!/bin/sh\necho hello\n", -1, NULL));
	g_assert_cmpint(chmod(hook, 0755), ==, 0);
	g_assert_cmpint(symlink("rootfs.img", link), ==, 0);
	path = maker_bundle(maker, content, "x.raucb", NULL);
	g_test_add_func("/bundle/expose/folder", test_folder);
	g_test_add_func("/bundle/expose/left-over", test_left_over);
	g_test_add_func("/bundle/expose/mount", test_mount);
	int result = g_test_run();
	g_free(path);
	g_bytes_unref(image);
	maker_free(maker);
	return result;
}
