/* SPDX-License-Identifier: MIT */

#include "service/links.h"

#include <unistd.h>

#include "system/device.h"

static void assert_link(const Device *device, const char *expected)
{
	g_autofree char *path = g_build_filename(device->folder, "slots/active/rootfs", NULL);
	g_autofree char *target = g_file_read_link(path, NULL);

	g_assert_cmpstr(target, ==, expected);
}

static void test_booted(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) a = device_open(device, NULL, NULL, NULL);

	links_write(a);
	assert_link(device, device->slots[0]);
	g_setenv("RAUC_TEST_CMDLINE", "rauc.slot=B", TRUE);
	g_autoptr(System) b = device_open(device, NULL, NULL, NULL);
	links_write(b);
	assert_link(device, device->slots[1]);
}

static void test_external(void)
{
	g_autoptr(Device) device = device_new();

	g_setenv("RAUC_TEST_CMDLINE", "rauc.external", TRUE);
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	g_assert_nonnull(system);
	links_write(system);
	assert_link(device, NULL);
}

/* In the way of the folder lies a file: told, and no more. */
static void test_in_the_way(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	g_autofree char *path = g_build_filename(device->folder, "slots", NULL);

	g_assert_true(g_file_set_contents(path, "x", 1, NULL));
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	links_write(system);
	assert_link(device, NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/links/booted", test_booted);
	g_test_add_func("/links/external", test_external);
	g_test_add_func("/links/in-the-way", test_in_the_way);
	return g_test_run();
}
