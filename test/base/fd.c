/* SPDX-License-Identifier: MIT */

#include "base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static char *path;

static void test_exact(void)
{
	fd_auto int fd = fd_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600, NULL);
	g_autoptr(GError) error = NULL;
	char back[10];
	uint64_t size;

	g_assert_cmpint(fd, >=, 0);
	g_assert_true(fd_write(fd, "01234", 5, path, NULL));
	g_assert_true(fd_write_at(fd, "56789", 5, 5, path, NULL));
	g_assert_true(fd_read_at(fd, back, 10, 0, path, NULL));
	g_assert_cmpmem(back, 10, "0123456789", 10);
	g_assert_true(fd_size(fd, path, &size, NULL));
	g_assert_cmpuint(size, ==, 10);
	g_assert_true(fd_sync(fd, path, NULL));
	g_assert_true(fd_sync_folder_of(path, NULL));

	g_assert_false(fd_read_at(fd, back, 10, 4, "thing", &error));
	g_assert_cmpstr(error->message, ==, "thing ends at byte 10, 4 bytes too early");
	g_assert_true(fd_close(&fd, path, NULL));
	g_assert_cmpint(fd, ==, -1);
}

static void test_refusals(void)
{
	g_autoptr(GError) missing = NULL, full = NULL, kind = NULL;
	fd_auto int none = fd_open("/nonexistent/x", O_RDONLY, 0, &missing);
	fd_auto int device = fd_open("/dev/full", O_WRONLY, 0, NULL);
	uint64_t size;

	g_assert_cmpint(none, ==, -1);
	g_assert_error(missing, FAILURE, FAILURE_NOT_FOUND);
	g_assert_false(fd_write(device, "x", 1, "/dev/full", &full));
	g_assert_cmpstr(full->message, ==, "cannot write /dev/full: No space left on device");
	g_assert_false(fd_size(device, "/dev/full", &size, &kind));
	g_assert_cmpstr(kind->message, ==, "/dev/full is neither a file nor a block device");
}

static void test_steal(void)
{
	fd_auto int fd = fd_open("/dev/null", O_RDONLY, 0, NULL);
	int stolen = fd_steal(&fd);

	g_assert_cmpint(fd, ==, -1);
	g_assert_cmpint(fcntl(stolen, F_GETFD), ==, FD_CLOEXEC);
	close(stolen);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_autofree char *folder = g_dir_make_tmp("fd-XXXXXX", NULL);
	path = g_build_filename(folder, "file", NULL);
	g_test_add_func("/base/fd/exact", test_exact);
	g_test_add_func("/base/fd/refusals", test_refusals);
	g_test_add_func("/base/fd/steal", test_steal);
	int result = g_test_run();
	unlink(path);
	rmdir(folder);
	g_free(path);
	return result;
}
