/* SPDX-License-Identifier: MIT */

#include "bundle/access.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

static char *path;

static const struct {
	unsigned mode;
	const char *why; /* NULL: fine */
	unsigned taken;  /* the mode after access_enforce() */
} modes[] = {
	{ 0644, NULL, 0644 },
	{ 0755, NULL, 0755 },
	{ 0600, NULL, 0600 },
	{ 0666, "unsafe bundle permissions 0666", 0644 },
	{ 0664, "unsafe bundle permissions 0664", 0644 },
	{ 0777, "unsafe bundle permissions 0777", 0644 },
	{ 04755, "unsafe bundle permissions 04755", 0644 },
};

static void test_modes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
		fd_auto int fd = fd_open(path, O_RDONLY, 0, NULL);
		g_autoptr(GError) error = NULL;
		struct stat st;

		g_assert_cmpint(chmod(path, modes[i].mode), ==, 0);
		g_assert_true(access_check(fd, &error) == !modes[i].why);
		g_assert_cmpstr(error ? error->message : NULL, ==, modes[i].why);
		g_assert_true(access_enforce(fd, NULL));
		g_assert_cmpint(stat(path, &st), ==, 0);
		g_assert_cmpuint(st.st_mode & 07777, ==, modes[i].taken);
	}
}

static void test_open_elsewhere(void)
{
	fd_auto int writer = fd_open(path, O_WRONLY, 0, NULL);
	fd_auto int fd = fd_open(path, O_RDONLY, 0, NULL);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(chmod(path, 0644), ==, 0);
	g_assert_false(access_enforce(fd, &error));
	g_assert_error(error, FAILURE, FAILURE_BUSY);
}

static void test_owner(void)
{
	fd_auto int fd = fd_open(path, O_RDONLY, 0, NULL);
	g_autoptr(GError) error = NULL;
	struct stat st;

	if (geteuid() != 0) {
		g_test_skip("needs root to give a file away");
		return;
	}
	g_assert_cmpint(chown(path, 12345, 12345), ==, 0);
	g_assert_cmpint(chmod(path, 0644), ==, 0);
	g_assert_false(access_check(fd, &error));
	g_assert_cmpstr(error->message, ==, "unsafe bundle uid 12345");
	g_assert_true(access_enforce(fd, NULL));
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_uid, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_close(g_file_open_tmp("access-XXXXXX", &path, NULL), NULL);
	g_test_add_func("/bundle/access/modes", test_modes);
	g_test_add_func("/bundle/access/open-elsewhere", test_open_elsewhere);
	g_test_add_func("/bundle/access/owner", test_owner);
	int result = g_test_run();
	unlink(path);
	g_free(path);
	return result;
}
