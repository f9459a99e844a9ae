/* SPDX-License-Identifier: MIT */

#include "system/slot_data.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

#define OLD "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define NEW "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const Slot slot = { .name = (char *)"rootfs.0" };

static char *make_folder(void)
{
	return g_dir_make_tmp("slot-data-XXXXXX", NULL);
}

static void remove_folder(char *folder)
{
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
}

static void keep(const char *folder, const char *sha256, const char *text)
{
	g_autoptr(GError) error = NULL;
	int fd = slot_data_new_index(folder, &slot, &error);

	g_assert_no_error(error);
	g_assert_true(fd_write(fd, text, strlen(text), "test", &error));
	g_assert_true(slot_data_keep_index(folder, &slot, &fd, sha256, &error));
	g_assert_no_error(error);
	g_assert_cmpint(fd, ==, -1);
}

/* What is kept, NULL: nothing. */
static char *kept(const char *folder, const char *sha256)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) file = slot_data_open_index(folder, &slot, sha256, &error);

	if (!file) {
		g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
		return NULL;
	}
	g_autoptr(GBytes) bytes = source_read_all(file, 1000, &error);
	g_assert_no_error(error);
	return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

#define assert_kept(folder, sha256, text)                      \
	do {                                                   \
		g_autofree char *found = kept(folder, sha256); \
		g_assert_cmpstr(found, ==, text);              \
	} while (0)

static void assert_path(const char *folder, const char *path, unsigned mode)
{
	g_autofree char *full = g_build_filename(folder, path, NULL);
	struct stat st;

	g_assert_cmpint(stat(full, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 07777, ==, mode);
}

static void test_keep(void)
{
	char *folder = make_folder();

	assert_kept(folder, OLD, NULL);
	keep(folder, OLD, "old");
	assert_kept(folder, OLD, "old");
	assert_kept(folder, NEW, NULL);
	assert_kept(folder, NULL, NULL);
	keep(folder, OLD, "again");
	assert_kept(folder, OLD, "again");
	assert_path(folder, "slot.rootfs.0", 0700);
	assert_path(folder, "slot.rootfs.0/hash-" OLD, 0700);
	assert_path(folder, "slot.rootfs.0/hash-" OLD "/block-hash-index", 0600);
	slot_data_drop_index(folder, &slot, OLD);
	assert_kept(folder, OLD, NULL);
	remove_folder(folder);
}

static void test_begin(void)
{
	char *folder = make_folder();
	g_autoptr(GError) error = NULL;

	g_assert_true(slot_data_begin(folder, &slot, OLD, &error));
	assert_kept(folder, NULL, NULL);
	keep(folder, OLD, "old");
	keep(folder, NULL, "older");
	g_assert_true(slot_data_begin(folder, &slot, OLD, &error));
	assert_kept(folder, NULL, "old");
	assert_kept(folder, OLD, NULL);
	/* cut short, and again: what is unknown stays */
	g_assert_true(slot_data_begin(folder, &slot, NULL, &error));
	g_assert_true(slot_data_begin(folder, &slot, OLD, &error));
	assert_kept(folder, NULL, "old");
	keep(folder, NEW, "new");
	slot_data_tidy(folder, &slot, NEW);
	assert_kept(folder, NULL, NULL);
	assert_kept(folder, NEW, "new");
	slot_data_tidy(folder, &slot, NULL);
	assert_kept(folder, NEW, NULL);
	remove_folder(folder);
}

/* Digests in capitals are the same; what is none is no path. */
static void test_names(void)
{
	char *folder = make_folder();
	g_autofree char *capitals = g_ascii_strup(OLD, -1);

	keep(folder, capitals, "old");
	assert_kept(folder, OLD, "old");
	keep(folder, "../../x", "evil");
	assert_kept(folder, NULL, "evil");
	assert_path(folder, "slot.rootfs.0/hash-unknown/block-hash-index", 0600);
	slot_data_tidy(folder, &slot, "/");
	assert_kept(folder, OLD, NULL);
	assert_kept(folder, NULL, "evil");
	remove_folder(folder);
}

static void test_others_stay(void)
{
	char *folder = make_folder();
	g_autofree char *own = g_build_filename(folder, "slot.rootfs.0", NULL);
	g_autofree char *journal = g_build_filename(own, "write-journal", NULL);

	keep(folder, OLD, "old");
	g_assert_true(g_file_set_contents(journal, "x", 1, NULL));
	slot_data_tidy(folder, &slot, NEW);
	g_assert_true(g_file_test(journal, G_FILE_TEST_EXISTS));
	/* a slot of which nothing was kept */
	static const Slot other = { .name = (char *)"rootfs.1" };
	slot_data_tidy(folder, &other, NEW);
	remove_folder(folder);
}

static void test_links(void)
{
	char *folder = make_folder();
	g_autofree char *hash = g_build_filename(folder, "slot.rootfs.0", "hash-" OLD, NULL);
	g_autofree char *path = g_build_filename(hash, "block-hash-index", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(g_mkdir_with_parents(hash, 0700), ==, 0);
	g_assert_cmpint(symlink("/etc/passwd", path), ==, 0);
	g_assert_null(slot_data_open_index(folder, &slot, OLD, &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
	remove_folder(folder);
}

static void test_scratch(void)
{
	char *folder = make_folder();
	g_autoptr(GError) error = NULL;
	fd_auto int fd = slot_data_scratch(folder, &slot, &error);
	char byte = 0;

	g_assert_no_error(error);
	g_assert_true(fd_write_at(fd, "x", 1, 1 << 20, "test", &error));
	g_assert_true(fd_read_at(fd, &byte, 1, 1 << 20, "test", &error));
	g_assert_cmpint(byte, ==, 'x');
	g_autofree char *own = g_build_filename(folder, "slot.rootfs.0", NULL);
	g_autoptr(GDir) listing = g_dir_open(own, 0, &error);
	g_assert_null(g_dir_read_name(listing));
	remove_folder(folder);
}

static void test_no_folder(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(slot_data_new_index("/dev/null", &slot, &error), ==, -1);
	g_assert_nonnull(error);
	g_clear_error(&error);
	g_assert_cmpint(slot_data_scratch("/dev/null", &slot, &error), ==, -1);
	g_assert_nonnull(error);
	g_clear_error(&error);
	g_assert_false(slot_data_begin("/dev/null", &slot, OLD, &error));
	g_assert_nonnull(error);
}

static void test_room(void)
{
	char *folder = make_folder();
	g_autofree char *inner = g_build_filename(folder, "data", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_true(slot_data_check_room(inner, 4096, &error));
	g_assert_no_error(error);
	g_assert_true(g_file_test(inner, G_FILE_TEST_IS_DIR));
	g_assert_false(slot_data_check_room(inner, UINT64_C(1) << 62, &error));
	g_assert_error(error, FAILURE, FAILURE_NO_SPACE);
	remove_folder(folder);
}

/* What was begun and not ended is neither found nor left. */
static void test_given_up(void)
{
	char *folder = make_folder();
	g_autoptr(GError) error = NULL;
	fd_auto int fd = slot_data_new_index(folder, &slot, &error);

	g_assert_no_error(error);
	assert_kept(folder, NULL, NULL);
	slot_data_drop_new_index(folder, &slot);
	slot_data_drop_new_index(folder, &slot);
	g_autofree char *own = g_build_filename(folder, "slot.rootfs.0", NULL);
	g_autoptr(GDir) listing = g_dir_open(own, 0, &error);
	g_assert_null(g_dir_read_name(listing));
	remove_folder(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/slot-data/keep", test_keep);
	g_test_add_func("/system/slot-data/begin", test_begin);
	g_test_add_func("/system/slot-data/names", test_names);
	g_test_add_func("/system/slot-data/others-stay", test_others_stay);
	g_test_add_func("/system/slot-data/links", test_links);
	g_test_add_func("/system/slot-data/scratch", test_scratch);
	g_test_add_func("/system/slot-data/room", test_room);
	g_test_add_func("/system/slot-data/given-up", test_given_up);
	g_test_add_func("/system/slot-data/no-folder", test_no_folder);
	return g_test_run();
}
