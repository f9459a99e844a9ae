/* SPDX-License-Identifier: MIT */

/* What the poller needs to begin, and its interface; what it does with a server is for test/flow. */

#include "service/poller.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "system/device.h"

typedef struct {
	GTestDBus *daemon;
	GDBusConnection *bus;
	Device *device;
	System *system;
	JobLine *line;
	Installer *installer;
} Scene;

#define POLLING "[polling]\nurl=http://127.0.0.1:1/x\n"

static char *make_handler(const Device *device, const char *says)
{
	g_autofree char *path = g_build_filename(device->folder, "info", NULL);
	g_autofree char *text = g_strdup_printf("#!/bin/sh\necho '%s'\n", says);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_assert_cmpint(g_chmod(path, 0755), ==, 0);
	return g_strdup_printf(POLLING "[handlers]\nsystem-info=%s\n", path);
}

static void set_up(Scene *scene, const char *says)
{
	g_autoptr(GError) error = NULL;

	scene->daemon = g_test_dbus_new(G_TEST_DBUS_NONE);
	g_test_dbus_up(scene->daemon);
	scene->bus = g_dbus_connection_new_for_address_sync(
		g_test_dbus_get_bus_address(scene->daemon),
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);
	g_assert_no_error(error);
	scene->device = device_new();
	g_autofree char *more = make_handler(scene->device, says);
	scene->system = device_open(scene->device, NULL, more, &error);
	g_assert_no_error(error);
	scene->line = job_line_new();
	InstallerOptions options = { .system = scene->system, .line = scene->line };
	scene->installer = installer_new(&options, scene->bus, &error);
	g_assert_no_error(error);
}

static void tear_down(Scene *scene)
{
	job_line_free(scene->line);
	installer_free(scene->installer);
	g_object_unref(scene->bus);
	system_free(scene->system);
	device_free(scene->device);
	g_test_dbus_down(scene->daemon);
	g_object_unref(scene->daemon);
}

static const struct {
	const char *says, *speedup;
	const char *words; /* NULL: it begins */
} rows[] = {
	{ "RAUC_SYSTEM_VERSION=1.0", NULL, NULL },
	{ "RAUC_SYSTEM_VERSION=1.0", "1000", NULL },
	{ "RAUC_SYSTEM_SERIAL=1", NULL,
	  "failed to set up polling: system version not provided via system-info handler" },
	{ "RAUC_SYSTEM_VERSION=1.0", "0",
	  "failed to set up polling: RAUC_TEST_POLLING_SPEEDUP is '0': expected a number from 1 to 1000" },
	{ "RAUC_SYSTEM_VERSION=1.0", "1001", "a number from 1 to 1000" },
	{ "RAUC_SYSTEM_VERSION=1.0", "fast", "a number from 1 to 1000" },
	{ "RAUC_SYSTEM_VERSION=1.0", "", "a number from 1 to 1000" },
};

static void keep(GObject *source G_GNUC_UNUSED, GAsyncResult *result, void *user)
{
	*(GAsyncResult **)user = g_object_ref(result);
}

static GVariant *call(Scene *scene, const char *interface, const char *method, GVariant *parameters)
{
	g_autoptr(GAsyncResult) result = NULL;
	g_autoptr(GError) error = NULL;

	g_dbus_connection_call(scene->bus, g_dbus_connection_get_unique_name(scene->bus), "/",
	                       interface, method, parameters, NULL, G_DBUS_CALL_FLAGS_NONE, 5000,
	                       NULL, keep, &result);
	while (!result)
		g_main_context_iteration(NULL, TRUE);
	GVariant *reply = g_dbus_connection_call_finish(scene->bus, result, &error);
	g_assert_no_error(error);
	return reply;
}

static int64_t next_poll(Scene *scene)
{
	g_autoptr(GVariant) reply =
		call(scene, "org.freedesktop.DBus.Properties", "Get",
	             g_variant_new("(ss)", "de.pengutronix.rauc.Poller", "NextPoll"));
	g_autoptr(GVariant) value = NULL;

	g_variant_get(reply, "(v)", &value);
	return g_variant_get_int64(value);
}

/* A day's tenth is the earliest a service polls that nobody asks to. */
static void check_interface(Scene *scene, bool is_fast)
{
	int64_t before = next_poll(scene);

	g_variant_unref(call(scene, "de.pengutronix.rauc.Poller", "Poll", NULL));
	if (!is_fast)
		g_assert_cmpint(next_poll(scene), <, before);
	g_assert_cmpint(next_poll(scene), >, 0);
}

static void test_begin(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Scene scene = { 0 };
		g_autoptr(GError) error = NULL;

		set_up(&scene, rows[i].says);
		g_unsetenv("RAUC_TEST_POLLING_SPEEDUP");
		if (rows[i].speedup)
			g_setenv("RAUC_TEST_POLLING_SPEEDUP", rows[i].speedup, TRUE);
		Poller *poller =
			poller_new(scene.system, scene.line, scene.installer, scene.bus, &error);
		g_assert_true(!poller == (rows[i].words != NULL));
		if (poller)
			check_interface(&scene, rows[i].speedup != NULL);
		else
			g_assert_nonnull(strstr(error->message, rows[i].words));
		poller_free(poller);
		tear_down(&scene);
	}
	g_unsetenv("RAUC_TEST_POLLING_SPEEDUP");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/service/poller/begin", test_begin);
	return g_test_run();
}
