/* SPDX-License-Identifier: MIT */

/* The request for a restart against a made-up logind and a made-up systemd, on a private bus. */

#include "cli/reboot.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"

static const char login_xml[] =
	"<node><interface name='org.freedesktop.login1.Manager'>"
	"<method name='ListInhibitors'><arg type='a(ssssuu)' direction='out'/></method>"
	"<method name='RebootWithFlags'><arg type='t' direction='in'/></method>"
	"<method name='Reboot'><arg type='b' direction='in'/></method></interface></node>";
static const char systemd_xml[] =
	"<node><interface name='org.freedesktop.systemd1.Manager'>"
	"<method name='StartUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
	"<arg type='o' direction='out'/></method></interface></node>";

/* What it is like there. */
typedef struct {
	const char *inhibitors; /* a(ssssuu); NULL: there is no logind */
	const char *refusal;    /* the name of the error of RebootWithFlags; NULL: none */
	bool has_systemd;
	/* and what comes of it */
	const char *heard;
	int why;           /* -1: it works */
	const char *words; /* of the failure */
} Row;

#define NOBODY  "@a(ssssuu) []"
#define BLOCK   "[('sleep:shutdown', 'Flasher', 'writing firmware', 'block', uint32 0, uint32 77)]"
#define DELAY   "[('shutdown', 'NetworkManager', 'x', 'delay', uint32 0, uint32 1)]"
#define SLEEP   "[('sleep', 'Player', 'x', 'block', uint32 0, uint32 1)]"
#define UNKNOWN "org.freedesktop.DBus.Error.UnknownMethod"

static const Row rows[] = {
	{ NOBODY, NULL, true, "RebootWithFlags(uint64 1,)", -1, NULL },
	{ DELAY, NULL, true, "RebootWithFlags(uint64 1,)", -1, NULL },
	{ SLEEP, NULL, true, "RebootWithFlags(uint64 1,)", -1, NULL },
	{ BLOCK, NULL, true, "", FAILURE_BUSY,
	  "held back by Flasher (process 77: writing firmware)" },
	{ NOBODY, UNKNOWN, true, "RebootWithFlags(uint64 1,)Reboot(false,)", -1, NULL },
	{ NOBODY, "org.freedesktop.login1.BlockedByInhibitorLock", true,
	  "RebootWithFlags(uint64 1,)", FAILURE_BUSY,
	  "logind does not restart the device: it is so" },
	{ NOBODY, "org.freedesktop.login1.OperationInProgress", true, "RebootWithFlags(uint64 1,)",
	  FAILURE_SERVICE, "logind does not restart the device: it is so" },
	{ NULL, NULL, true, "StartUnit('reboot.target', 'replace-irreversibly')", -1, NULL },
	{ NULL, NULL, false, "", FAILURE_SERVICE, "systemd does not restart the device" },
};

typedef struct {
	const Row *row;
	GString *heard;
	GThread *thread;
	GMainContext *context;
	GMainLoop *loop;
	gint is_up;
} World;

static void on_call(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                    const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                    const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
                    void *user)
{
	World *world = user;

	if (g_str_equal(method, "ListInhibitors")) {
		GVariant *list = g_variant_parse(G_VARIANT_TYPE("a(ssssuu)"),
		                                 world->row->inhibitors, NULL, NULL, NULL);

		g_dbus_method_invocation_return_value(invocation,
		                                      g_variant_new("(@a(ssssuu))", list));
		g_variant_unref(list);
		return;
	}
	g_autofree char *text = g_variant_print(parameters, TRUE);
	g_string_append_printf(world->heard, "%s%s", method, text);
	if (g_str_equal(method, "RebootWithFlags") && world->row->refusal)
		g_dbus_method_invocation_return_dbus_error(invocation, world->row->refusal,
		                                           "it is so");
	else if (g_str_equal(method, "StartUnit"))
		g_dbus_method_invocation_return_value(invocation, g_variant_new("(o)", "/job"));
	else
		g_dbus_method_invocation_return_value(invocation, NULL);
}

static void serve(World *world, GDBusConnection *bus, const char *xml, const char *path,
                  const char *name)
{
	static const GDBusInterfaceVTable table = { on_call, NULL, NULL, { NULL } };
	g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(xml, NULL);
	g_autoptr(GError) error = NULL;

	g_dbus_connection_register_object(bus, path, node->interfaces[0], &table, world, NULL,
	                                  &error);
	g_assert_no_error(error);
	g_autoptr(GVariant) reply =
		g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/",
	                                    "org.freedesktop.DBus", "RequestName",
	                                    g_variant_new("(su)", name, 0), NULL,
	                                    G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
	g_assert_no_error(error);
}

static void *play(void *user)
{
	World *world = user;
	g_autoptr(GError) error = NULL;

	g_main_context_push_thread_default(world->context);
	g_autoptr(GDBusConnection) bus = g_dbus_connection_new_for_address_sync(
		g_getenv("DBUS_SESSION_BUS_ADDRESS"),
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);
	g_assert_no_error(error);
	if (world->row->inhibitors)
		serve(world, bus, login_xml, "/org/freedesktop/login1", "org.freedesktop.login1");
	if (world->row->has_systemd)
		serve(world, bus, systemd_xml, "/org/freedesktop/systemd1",
		      "org.freedesktop.systemd1");
	g_atomic_int_set(&world->is_up, 1);
	g_main_loop_run(world->loop);
	g_dbus_connection_close_sync(bus, NULL, NULL);
	g_main_context_pop_thread_default(world->context);
	return NULL;
}

static void run_row(const Row *row)
{
	World world = { .row = row, .heard = g_string_new(NULL), .context = g_main_context_new() };
	g_autoptr(GError) error = NULL;

	world.loop = g_main_loop_new(world.context, FALSE);
	world.thread = g_thread_new("logind", play, &world);
	while (!g_atomic_int_get(&world.is_up))
		g_usleep(1000);
	bool ok = reboot_request(&error);
	g_main_loop_quit(world.loop);
	g_thread_join(world.thread);
	g_test_message("%s", ok ? "ok" : error->message);
	g_assert_cmpstr(world.heard->str, ==, row->heard);
	g_assert_true(ok == (row->why < 0));
	if (!ok) {
		g_assert_error(error, FAILURE, row->why);
		g_assert_nonnull(strstr(error->message, row->words));
	}
	g_main_loop_unref(world.loop);
	g_main_context_unref(world.context);
	g_string_free(world.heard, TRUE);
}

static void test_table(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		run_row(&rows[i]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	GTestDBus *daemon = g_test_dbus_new(G_TEST_DBUS_NONE);
	g_test_dbus_up(daemon);
	g_setenv("DBUS_STARTER_BUS_TYPE", "session", TRUE);
	g_test_add_func("/cli/reboot/table", test_table);
	int result = g_test_run();
	g_test_dbus_stop(daemon);
	g_object_unref(daemon);
	return result;
}
