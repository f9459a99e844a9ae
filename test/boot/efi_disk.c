/* SPDX-License-Identifier: MIT */

/* boot/efi_disk.c on a /sys and a /dev of its own. */

#include <glib/gstdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "boot/efi_disk.h"

static char *folder;

static char *inside(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static void put(const char *name, const char *text)
{
	g_autofree char *path = inside(name), *parent = g_path_get_dirname(path);

	g_assert_true(file_make_folders(parent, 0755, NULL));
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void link_to(const char *target, const char *name)
{
	g_autofree char *path = inside(name), *parent = g_path_get_dirname(path);

	g_assert_true(file_make_folders(parent, 0755, NULL));
	g_assert_cmpint(symlink(target, path), ==, 0);
}

static const struct {
	const char *device, *disk, *complaint;
	unsigned part;
} devices[] = {
	{ "dev/sda1", "dev/sda", NULL, 1 },
	{ "dev/by-partlabel/esp_a", "dev/mmcblk0", NULL, 12 },
	{ "dev/sda", NULL, "is not a partition, so no boot entry can name it", 0 },
	{ "dev/sdx", NULL, "cannot find the device", 0 },
	{ "dev/sda2", NULL, "says 'two', which is no partition number", 0 },
};

static void test_devices(void)
{
	g_autofree char *sys = inside("sys/class/block");

	put("dev/sda", "");
	put("dev/sda1", "");
	put("dev/sda2", "");
	put("dev/mmcblk0p12", "");
	put("sys/devices/pci/block/sda/sda1/partition", "1\n");
	put("sys/devices/pci/block/sda/sda2/partition", "two\n");
	put("sys/devices/mmc/block/mmcblk0/mmcblk0p12/partition", "12\n");
	link_to("../../devices/pci/block/sda", "sys/class/block/sda");
	link_to("../../devices/pci/block/sda/sda1", "sys/class/block/sda1");
	link_to("../../devices/pci/block/sda/sda2", "sys/class/block/sda2");
	link_to("../../devices/mmc/block/mmcblk0/mmcblk0p12", "sys/class/block/mmcblk0p12");
	link_to("../mmcblk0p12", "dev/by-partlabel/esp_a");
	for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
		g_autofree char *device = inside(devices[i].device), *disk = NULL;
		g_autoptr(GError) error = NULL;
		unsigned part = 0;
		bool is_found = efi_disk_find(sys, device, &disk, &part, &error);

		g_assert_cmpint(is_found, ==, devices[i].disk != NULL);
		if (!is_found) {
			g_assert_nonnull(strstr(error->message, devices[i].complaint));
			continue;
		}
		g_autofree char *wanted = inside(devices[i].disk);
		g_assert_cmpstr(disk, ==, wanted);
		g_assert_cmpuint(part, ==, devices[i].part);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("efi-disk-XXXXXX", NULL);
	g_test_add_func("/boot/efi-disk/devices", test_devices);
	int status = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	return status;
}
