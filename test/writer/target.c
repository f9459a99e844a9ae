/* SPDX-License-Identifier: MIT */

#include "writer/target.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"

#define PART (64 * 1024)

static char *path;
static uint8_t *data; /* aligned, PART bytes of 'x' */

static void new_file(off_t size)
{
	g_unlink(path);
	g_close(g_creat(path, 0600), NULL);
	g_assert_cmpint(truncate(path, size), ==, 0);
}

static void test_write_and_read_back(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree uint8_t *raw = g_malloc(PART + 2 * TARGET_ALIGN);
	uint8_t *back =
		(uint8_t *)(((uintptr_t)raw + TARGET_ALIGN) & ~(uintptr_t)(TARGET_ALIGN - 1));

	new_file(0);
	g_autoptr(Target) target = target_open(path, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(target_capacity(target), ==, G_MAXUINT64);
	g_assert_true(target_write(target, data, PART, 0, &error));
	/* The last write may be of any size. */
	g_assert_true(target_write(target, data, 777, PART, &error));
	g_assert_true(target_finish(target, PART + 777, &error));
	g_assert_no_error(error);

	g_autoptr(Target) again = target_open_back(path, &error);
	g_assert_no_error(error);
	g_assert_true(target_read_back(again, back, PART, 0, &error));
	g_assert_cmpmem(back, PART, data, PART);
	g_assert_true(target_read_back(again, back, 777, PART, &error));
	g_assert_cmpmem(back, 777, data, 777);
	g_assert_false(target_read_back(again, back, 778, PART, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
}

static void test_punch_and_grow(void)
{
	g_autoptr(GError) error = NULL;
	bool is_done = false;
	struct stat st;

	new_file(PART);
	g_autoptr(Target) target = target_open(path, &error);
	g_assert_true(target_write(target, data, PART, 0, &error));
	g_assert_true(target_punch(target, PART, 0, &is_done, &error));
	g_assert_true(target_finish(target, 3 * PART, &error));
	g_assert_no_error(error);
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 3 * PART);
	if (!is_done) {
		g_test_skip("this file system cannot punch holes");
		return;
	}
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	for (unsigned i = 0; i < PART; i++)
		g_assert_cmpint(text[i], ==, 0);
}

/* An image that is shorter than what the slot file has leaves the rest alone. */
static void test_does_not_shrink(void)
{
	g_autoptr(GError) error = NULL;
	struct stat st;

	new_file(3 * PART);
	g_autoptr(Target) target = target_open(path, &error);
	g_assert_true(target_write(target, data, PART, 0, &error));
	g_assert_true(target_finish(target, PART, &error));
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpint(st.st_size, ==, 3 * PART);
}

static const struct {
	const char *path;
	Failure why;
} refusals[] = {
	{ "/nonexistent/slot", FAILURE_NOT_FOUND },
	{ "/dev/null", FAILURE_IO },
	{ "/tmp", FAILURE_IO },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(target_open(refusals[i].path, &error));
		g_assert_error(error, FAILURE, (int)refusals[i].why);
		g_assert_nonnull(strstr(error->message, refusals[i].path));
	}
}

static void test_block_device(void)
{
	g_autoptr(GError) error = NULL;

	new_file(4 * 1024 * 1024);
	g_autofree char *loop = process_capture(&error, "losetup", "-f", "--show", path, NULL);
	if (!loop) {
		g_test_skip(error->message);
		return;
	}
	Target *target = target_open(loop, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(target_capacity(target), ==, 4 * 1024 * 1024);

	/* Exclusive: a second one is told who is in the way. */
	g_assert_null(target_open(loop, &error));
	g_assert_error(error, FAILURE, FAILURE_BUSY);
	g_clear_error(&error);
	g_assert_true(target_write(target, data, PART, 0, &error));
	g_assert_true(target_finish(target, PART, &error));
	target_free(target);

	/* Mounted: its mount point is named. */
	g_autofree char *folder = g_dir_make_tmp("target-XXXXXX", NULL);
	bool is_mounted = process_run(NULL, "mkfs.ext4", "-q", "-F", loop, NULL) &&
	                  process_run(NULL, "mount", loop, folder, NULL);
	if (is_mounted) {
		g_assert_null(target_open(loop, &error));
		g_assert_nonnull(strstr(error->message, folder));
		g_assert_true(process_run(NULL, "umount", folder, NULL));
	}
	g_rmdir(folder);
	g_assert_true(process_run(NULL, "losetup", "-d", loop, NULL));
}

int main(int argc, char **argv)
{
	void *aligned = NULL;

	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(posix_memalign(&aligned, TARGET_ALIGN, PART), ==, 0);
	data = memset(aligned, 'x', PART);
	path = g_strdup_printf("%s/target-%d", g_get_tmp_dir(), getpid());
	g_test_add_func("/writer/target/write-and-read-back", test_write_and_read_back);
	g_test_add_func("/writer/target/punch-and-grow", test_punch_and_grow);
	g_test_add_func("/writer/target/does-not-shrink", test_does_not_shrink);
	g_test_add_func("/writer/target/refusals", test_refusals);
	g_test_add_func("/writer/target/block-device", test_block_device);
	int result = g_test_run();
	g_unlink(path);
	g_free(path);
	free(aligned);
	return result;
}
