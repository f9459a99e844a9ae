/* SPDX-License-Identifier: MIT */

/* Begin and end; the rest is in test/flow/test_service.py. */

#include "service/service.h"

#include <gio/gio.h>
#include <signal.h>
#include <unistd.h>

#include "system/device.h"

static void test_no_bus(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);

	g_setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus", TRUE);
	g_assert_cmpint(service_run(system, NULL), ==, 1);
}

static void ask_to_stop(GDBusConnection *bus G_GNUC_UNUSED, const char *name G_GNUC_UNUSED,
                        const char *owner G_GNUC_UNUSED, void *user)
{
	if (!*(bool *)user)
		kill(getpid(), SIGTERM);
	*(bool *)user = true;
}

static void test_term(void)
{
	GTestDBus *daemon = g_test_dbus_new(G_TEST_DBUS_NONE);
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	bool has_seen = false;

	g_test_dbus_up(daemon);
	g_setenv("DBUS_STARTER_BUS_TYPE", "session", TRUE);
	guint watch = g_bus_watch_name(G_BUS_TYPE_SESSION, "de.pengutronix.rauc", 0, ask_to_stop,
	                               NULL, &has_seen, NULL);
	g_assert_cmpint(service_run(system, NULL), ==, 0);
	g_assert_true(has_seen);
	g_bus_unwatch_name(watch);
	g_test_dbus_stop(daemon);
	g_object_unref(daemon);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_setenv("DBUS_STARTER_BUS_TYPE", "session", TRUE);
	g_test_add_func("/service/no-bus", test_no_bus);
	g_test_add_func("/service/term", test_term);
	return g_test_run();
}
