/* SPDX-License-Identifier: MIT */

#include "cli/door.h"

#include <gio/gio.h>

/* Nobody serves: the work is done here, and that is said. */
static void test_no_bus(void)
{
	if (g_test_subprocess()) {
		Options options = { 0 };
		g_autoptr(GError) error = NULL;
		Client *client = NULL;

		g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", TRUE);
		g_assert_cmpint(door_find(&options, &client, &error), ==, DOOR_DIRECT);
		g_assert_no_error(error);
		g_assert_null(client);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stderr("*no system bus here (*): working in this process\n*");
}

static void test_no_service(void)
{
	if (g_test_subprocess()) {
		g_autoptr(GTestDBus) bus = g_test_dbus_new(G_TEST_DBUS_NONE);
		Options options = { 0 };
		g_autoptr(GError) error = NULL;
		Client *client = NULL;

		g_test_dbus_up(bus);
		g_setenv("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address(bus), TRUE);
		g_assert_cmpint(door_find(&options, &client, &error), ==, DOOR_DIRECT);
		g_assert_no_error(error);
		g_assert_null(client);
		g_test_dbus_stop(bus);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stderr(
		"*no update service on the system bus: working in this process\n*");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/door/no-bus", test_no_bus);
	g_test_add_func("/cli/door/no-service", test_no_service);
	return g_test_run();
}
