/* SPDX-License-Identifier: MIT */

#include "writer/mount.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

static char *folder;

static void test_mount(void)
{
	g_autofree char *device = g_build_filename(folder, "device", NULL);
	g_autofree char *prefix = g_build_filename(folder, "mnt", NULL);
	Slot slot = { .name = (char *)"rootfs.1", .device = device, .type = SLOT_EXT4 };
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_set_contents(device, "", 0, NULL));
	g_assert_null(mount_slot(prefix, &slot, &error));
	g_assert_true(g_str_has_prefix(error->message, "failed to mount slot rootfs.1: mount: "));
	g_clear_error(&error);

	g_assert_cmpint(truncate(device, 4 << 20), ==, 0);
	g_assert_true(process_run(NULL, "mkfs.ext4", "-q", "-F", device, NULL));
	Mount *mount = mount_slot(prefix, &slot, &error);
	if (!mount) {
		g_test_skip(error->message);
		return;
	}
	g_autofree char *inside = g_build_filename(mount_path(mount), "lost+found", NULL);
	g_assert_true(g_file_test(inside, G_FILE_TEST_IS_DIR));
	g_assert_true(mount_sync(mount, &error));
	g_autofree char *path = g_strdup(mount_path(mount));
	g_assert_true(mount_end(mount, &error));
	g_assert_no_error(error);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	g_assert_true(mount_end(NULL, NULL));

	Mount *nothing = mount_nothing(prefix, &slot, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(mount_path(nothing), ==, path);
	g_assert_cmpint(rmdir(mount_path(nothing)), ==,
	                -1); /* it is a mount, and none of the slot */
	g_assert_cmpint(access(inside, F_OK), ==, -1);
	g_assert_true(mount_end(nothing, &error));
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

	/* What a killed rauc left. */
	g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
	g_assert_true(process_run(NULL, "mount", "-t", "ext4", slot.device, path, NULL));
	mount_clear_left_over(prefix, &slot);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	mount_clear_left_over(prefix, &slot);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("mount-XXXXXX", NULL);
	g_test_add_func("/writer/mount/mount", test_mount);
	int result = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	return result;
}
