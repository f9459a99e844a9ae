/* SPDX-License-Identifier: MIT */

/* The object on a private bus, with a client on a connection of its own. */

#include "service/installer.h"

#include "base/error.h"
#include "system/device.h"

typedef struct {
	GTestDBus *daemon;
	GDBusConnection *bus, *client;
	Device *device;
	System *system;
	JobLine *line;
	Installer *installer;
	GString *heard;
	unsigned n_installed;
} Scene;

static GDBusConnection *connect(const Scene *scene)
{
	GError *error = NULL;
	GDBusConnection *bus = g_dbus_connection_new_for_address_sync(
		g_test_dbus_get_bus_address(scene->daemon),
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);

	g_assert_no_error(error);
	return bus;
}

static void hear(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                 const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                 const char *signal, GVariant *parameters, void *user)
{
	g_autofree char *text = g_variant_print(parameters, FALSE);

	g_string_append_printf(((Scene *)user)->heard, "%s%s\n", signal, text);
}

static void count(void *user, const GError *error G_GNUC_UNUSED)
{
	((Scene *)user)->n_installed++;
}

static void set_up(Scene *scene)
{
	scene->daemon = g_test_dbus_new(G_TEST_DBUS_NONE);
	g_test_dbus_up(scene->daemon);
	scene->bus = connect(scene);
	scene->client = connect(scene);
	scene->device = device_new();
	scene->system = device_open(scene->device, NULL, NULL, NULL);
	scene->line = job_line_new();
	scene->heard = g_string_new(NULL);

	InstallerOptions options = {
		.system = scene->system,
		.line = scene->line,
		.installed = count,
		.user = scene,
	};
	scene->installer = installer_new(&options, scene->bus, NULL);
	g_assert_nonnull(scene->installer);
	g_dbus_connection_signal_subscribe(scene->client, NULL, NULL, NULL, "/", NULL, 0, hear,
	                                   scene, NULL);
}

static void tear_down(Scene *scene)
{
	job_line_free(scene->line);
	installer_free(scene->installer);
	g_object_unref(scene->client);
	g_object_unref(scene->bus);
	system_free(scene->system);
	device_free(scene->device);
	g_string_free(scene->heard, TRUE);
	g_test_dbus_down(scene->daemon);
	g_object_unref(scene->daemon);
}

static void keep(GObject *source, GAsyncResult *result, void *user)
{
	*(GAsyncResult **)user = g_object_ref(result);
	g_assert_true(G_IS_DBUS_CONNECTION(source));
}

/* The reply, printed, or the message of the error. */
static char *call(Scene *scene, const char *interface, const char *method, const char *parameters)
{
	g_autoptr(GAsyncResult) result = NULL;
	g_autoptr(GError) error = NULL;
	GVariant *value = g_variant_parse(NULL, parameters, NULL, NULL, NULL);

	g_dbus_connection_call(scene->client, g_dbus_connection_get_unique_name(scene->bus), "/",
	                       interface, method, value, NULL, G_DBUS_CALL_FLAGS_NONE, 5000, NULL,
	                       keep, &result);
	g_variant_unref(value);
	while (!result)
		g_main_context_iteration(NULL, TRUE);
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(scene->client, result, &error);
	if (reply)
		return g_variant_print(reply, FALSE);
	g_autofree char *name = g_dbus_error_get_remote_error(error);
	g_dbus_error_strip_remote_error(error);
	return g_strdup_printf("%s: %s", name ? name : "", error->message);
}

#define OURS "de.pengutronix.rauc.Installer"

static void assert_call(Scene *scene, const char *interface, const char *method,
                        const char *parameters, const char *expected)
{
	g_autofree char *reply = call(scene, interface, method, parameters);

	g_assert_cmpstr(reply, ==, expected);
}

/* A way there and back: what was subscribed before is subscribed. */
static void settle(Scene *scene)
{
	assert_call(scene, "org.freedesktop.DBus.Peer", "Ping", "()", "()");
}

static void test_properties(void)
{
	Scene scene = { 0 };

	set_up(&scene);
	assert_call(
		&scene, "org.freedesktop.DBus.Properties", "GetAll", "('" OURS "',)",
		"({'Operation': <'idle'>, 'LastError': <''>, "
		"'LastErrorInfo': <@a{sv} {}>, 'LastStatistics': <@a{sv} {}>, 'Waiting': <@a{sv} {}>, 'Progress': <(0, '', 0)>, 'Compatible': <'Test'>, 'Variant': <''>, 'SystemVersion': <''>, "
		"'BootSlot': <'A'>},)");
	tear_down(&scene);
}

#define ERROR_NAME "org.gtk.GDBus.UnmappedGError.Quark._g_2dio_2derror_2dquark.Code30"

static void test_errors(void)
{
	Scene scene = { 0 };

	set_up(&scene);
	g_autofree char *reply = call(&scene, OURS, "Mark", "('fine', 'booted')");
	/* GIO turns the name on the wire back into what it stands for. */
	g_assert_true(g_str_equal(reply, ERROR_NAME ": unknown subcommand fine") ||
	              g_str_equal(reply, ": unknown subcommand fine"));
	g_autofree char *wrong = call(&scene, OURS, "Mark", "('fine',)");
	g_assert_nonnull(g_strrstr(wrong, "InvalidArgs"));
	g_autofree char *idle = call(&scene, OURS, "Cancel", "()");
	g_assert_true(g_str_has_suffix(idle, ": no installation is running"));
	g_autofree char *unknown = call(&scene, OURS, "Frobnicate", "()");
	g_assert_nonnull(g_strrstr(unknown, "UnknownMethod"));
	tear_down(&scene);
}

/* A failing installation, told from the first to the last signal; a second one meanwhile. */
static void test_install(void)
{
	Scene scene = { 0 };
	g_autoptr(GError) error = NULL;

	set_up(&scene);
	settle(&scene);
	g_assert_true(installer_install(scene.installer,
	                                request_new(REQUEST_INSTALL, "/nowhere", NULL, NULL),
	                                NULL));
	g_assert_true(installer_is_installing(scene.installer));
	g_assert_false(installer_install(scene.installer,
	                                 request_new(REQUEST_INSTALL, "/nowhere", NULL, NULL),
	                                 &error));
	g_assert_error(error, FAILURE, FAILURE_BUSY);
	g_assert_cmpstr(error->message, ==, "Already processing a different method");
	while (!g_strrstr(scene.heard->str, "<'idle'>"))
		g_main_context_iteration(NULL, TRUE);
	g_assert_false(installer_is_installing(scene.installer));
	g_assert_cmpuint(scene.n_installed, ==, 1);
	g_test_message("%s", scene.heard->str);
	g_assert_true(g_pattern_match_simple(
		"PropertiesChanged('" OURS "', {'Operation': <'installing'>}, *\n"
		"PropertiesChanged('" OURS "', {'Progress': <(0, 'Installing', 1)>}, *\n"
		"PropertiesChanged('" OURS "', {'Progress': <(100, 'Installing failed.', 1)>}, *\n"
		"PropertiesChanged('" OURS "', {'LastErrorInfo': <{'code': <'not-found'>, "
		"'stage': <'verify'>, 'message': <'*'>, 'hint': <'check the name'>, "
		"'can-retry': <false>}>}, *\n"
		"PropertiesChanged('" OURS "', {'LastError': <'*'>}, *\n"
		"Completed(1,)\n"
		"PropertiesChanged('" OURS "', {'Operation': <'idle'>}, [])\n",
		scene.heard->str));
	tear_down(&scene);
}

/* The bus goes away under an installation: its end is noted all the same. */
static void test_bus_gone(void)
{
	Scene scene = { 0 };

	set_up(&scene);
	settle(&scene);
	g_assert_true(installer_install(scene.installer,
	                                request_new(REQUEST_INSTALL, "/nowhere", NULL, NULL),
	                                NULL));
	g_dbus_connection_set_exit_on_close(scene.bus, FALSE);
	g_assert_true(g_dbus_connection_close_sync(scene.bus, NULL, NULL));
	while (scene.n_installed == 0)
		g_main_context_iteration(NULL, TRUE);
	g_assert_false(installer_is_installing(scene.installer));
	tear_down(&scene);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/installer/properties", test_properties);
	g_test_add_func("/installer/errors", test_errors);
	g_test_add_func("/installer/install", test_install);
	g_test_add_func("/installer/bus-gone", test_bus_gone);
	return g_test_run();
}
