/* SPDX-License-Identifier: MIT */

#include "source/source.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

typedef struct {
	char *folder, *path;
} Place;

static void set_up(Place *place, gconstpointer data G_GNUC_UNUSED)
{
	place->folder = g_dir_make_tmp("source-file-XXXXXX", NULL);
	place->path = g_build_filename(place->folder, "it", NULL);
	g_assert_true(g_file_set_contents(place->path, "0123456789", 10, NULL));
}

static void tear_down(Place *place, gconstpointer data G_GNUC_UNUSED)
{
	g_unlink(place->path);
	g_rmdir(place->folder);
	g_free(place->path);
	g_free(place->folder);
}

static void test_read(Place *place, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) source = source_file_open(place->path, &error);
	char to[4] = "";

	g_assert_no_error(error);
	g_assert_cmpuint(source->size, ==, 10);
	source_prefetch(source, 10, 0);
	g_assert_true(source_read_at(source, to, 3, 7, &error));
	g_assert_cmpstr(to, ==, "789");
	g_assert_false(source_read_at(source, to, 1, 10, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
}

static void test_shrinks(Place *place, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) source = source_file_open(place->path, &error);
	char to[10];

	g_assert_cmpint(truncate(place->path, 4), ==, 0);
	g_assert_false(source_read_at(source, to, 10, 0, &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
	g_assert_nonnull(strstr(error->message, "ends at byte 4, 6 bytes too early"));
}

static void test_grows(Place *place, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) source = source_file_open(place->path, &error);
	char to[1];

	g_assert_cmpint(truncate(place->path, 40), ==, 0);
	g_assert_cmpuint(source->size, ==, 10);
	g_assert_false(source_read_at(source, to, 1, 10, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
}

static void test_refused(Place *place, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(source_file_open(place->folder, &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
	g_clear_error(&error);

	g_assert_null(source_file_open("/dev/null", &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
	g_clear_error(&error);

	g_unlink(place->path);
	g_assert_null(source_file_open(place->path, &error));
	g_assert_nonnull(strstr(error->message, "cannot open"));
	g_clear_error(&error);

	g_assert_cmpint(mkfifo(place->path, 0600), ==, 0);
	g_assert_null(source_file_open(place->path, &error)); /* and does not hang */
	g_assert_nonnull(strstr(error->message, "neither a file nor a block device"));
}

static void test_take(Place *place, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	int fd = open(place->path, O_RDONLY);
	Source *source = source_file_take(fd, "the bundle", &error);

	g_assert_no_error(error);
	source_unref(source);
	g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1); /* closed */

	fd = open(place->folder, O_RDONLY);
	g_assert_null(source_file_take(fd, "the folder", &error));
	g_assert_cmpstr(error->message, ==, "the folder is neither a file nor a block device");
	g_assert_cmpint(fcntl(fd, F_GETFD), ==, -1); /* taken even so */
}

#define ADD(name, function) \
	g_test_add("/source/file/" name, Place, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("read", test_read);
	ADD("shrinks", test_shrinks);
	ADD("grows", test_grows);
	ADD("refused", test_refused);
	ADD("take", test_take);
	return g_test_run();
}
