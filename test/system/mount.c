/* SPDX-License-Identifier: MIT */

#include "system/mount.h"

#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "system/device.h"

static void test_mount(void)
{
	g_autoptr(Device) device = device_new();
	g_autofree char *extra = g_strdup_printf("mountprefix=%s/mnt", device->folder);
	g_autoptr(Config) config = device_config(device, NULL, extra, NULL);
	Slot *slot = config->slots->pdata[1];
	g_autoptr(GError) error = NULL;

	slot->type = SLOT_EXT4;
	g_assert_null(mount_slot(config, slot, &error));
	g_assert_true(g_str_has_prefix(error->message, "failed to mount slot rootfs.1: mount: "));
	g_clear_error(&error);

	g_assert_cmpint(truncate(slot->device, 4 << 20), ==, 0);
	g_assert_true(process_run(NULL, "mkfs.ext4", "-q", "-F", slot->device, NULL));
	Mount *mount = mount_slot(config, slot, &error);
	if (!mount) {
		g_test_skip(error->message);
		return;
	}
	g_autofree char *inside = g_build_filename(mount_path(mount), "lost+found", NULL);
	g_assert_true(g_file_test(inside, G_FILE_TEST_IS_DIR));
	g_autofree char *path = g_strdup(mount_path(mount));
	g_assert_true(mount_end(mount, &error));
	g_assert_no_error(error);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
	g_assert_true(mount_end(NULL, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/mount/mount", test_mount);
	return g_test_run();
}
