/* SPDX-License-Identifier: MIT */

#include "system/detect.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "system/device.h"

static const struct {
	const char *cmdline, *override;
	const char *found; /* NULL: an error */
} lines[] = {
	{ "quiet rauc.slot=B root=/dev/sda2", NULL, "B" },
	{ "quiet rauc.slot=B", "A", "A" },
	{ "root=/dev/nfs rauc.slot=B", NULL, "_external_" },
	{ "rauc.external", NULL, "_external_" },
	{ "quiet root=/nonexistent/disk2", NULL, "/nonexistent/disk2" },
	{ "root=PARTLABEL=no-such-label", NULL, "/dev/disk/by-partlabel/no-such-label" },
	{ "quiet", NULL, NULL },
};

static void test_boot_slot(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(Config) config = device_config(device, NULL, NULL, NULL);
	g_autoptr(Boot) boot = boot_open(config, NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(GError) error = NULL;

		g_setenv("RAUC_TEST_CMDLINE", lines[i].cmdline, TRUE);
		g_autofree char *found = detect_boot_slot(boot, lines[i].override, &error);
		g_assert_cmpstr(found, ==, lines[i].found);
		g_assert_true(!found == !!error);
	}
}

static void test_find_slot(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(Config) config = device_config(device, NULL, NULL, NULL);

	g_assert_true(detect_find_slot(config->slots, "B") == config->slots->pdata[1]);
	g_assert_true(detect_find_slot(config->slots, "rootfs.0") == config->slots->pdata[0]);
	g_assert_true(detect_find_slot(config->slots, device->slots[1]) == config->slots->pdata[1]);
	g_assert_null(detect_find_slot(config->slots, "C"));
	g_assert_null(detect_find_slot(config->slots, "_external_"));
}

/* The table of mounts is given, so the device can be any that exists: /dev/null is no block
 * device, a file has no number; both must simply not match. */
static void test_mount_point(void)
{
	Slot file = { .device = (char *)"/dev/null" };
	Slot missing = { .device = (char *)"/nonexistent/x" };
	static const char table[] = "36 35 98:0 /x /mnt/a\\040b rw - ext4 /dev/sda rw\n"
				    "37 35 garbage\n"
				    "short line\n"
				    "38 35 7:99999 / /mnt/loop rw - ext4 /dev/loop99999 rw\n";

	g_assert_null(detect_mount_point(&file, table));
	g_assert_null(detect_mount_point(&missing, table));
	g_assert_null(detect_mount_point(&file, ""));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/detect/boot-slot", test_boot_slot);
	g_test_add_func("/system/detect/find-slot", test_find_slot);
	g_test_add_func("/system/detect/mount-point", test_mount_point);
	return g_test_run();
}
