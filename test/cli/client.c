/* SPDX-License-Identifier: MIT */

/* The client against a made-up service that plays a script, on a private bus. */

#include "cli/client.h"

#include <gio/gio.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"

#define NAME      "de.pengutronix.rauc"
#define INTERFACE "de.pengutronix.rauc.Installer"

static const char xml[] =
	"<node><interface name='" INTERFACE "'>"
	"<method name='InstallBundle'><arg type='s' direction='in'/>"
	"<arg type='a{sv}' direction='in'/></method>"
	"<method name='Cancel'/><method name='GetPrimary'><arg type='s' direction='out'/></method>"
	"<property name='BootSlot' type='s' access='read'/>"
	"</interface></node>";

/* What the service does when an installation is asked for. */
typedef enum {
	SUCCEED,
	FAIL,
	REFUSE_BUSY,
	REFUSE,
	VANISH,
	DROP_PROPERTIES,
	NO_IDLE,
	INTERRUPT,
	CANCEL, /* from here on the client wants to */
	CANCEL_REFUSED,
	CANCEL_TWICE
} Script;

typedef struct {
	GTestDBus *daemon;
	GThread *thread;
	GMainContext *context;
	GMainLoop *loop;
	GDBusConnection *bus;
	Script script;
	gint is_up;
	GString *heard;
} Scene;

static void emit(Scene *scene, const char *interface, const char *signal, const char *text)
{
	g_autoptr(GError) error = NULL;
	GVariant *parameters = g_variant_parse(NULL, text, NULL, NULL, &error);

	g_assert_no_error(error);
	g_dbus_connection_emit_signal(scene->bus, NULL, "/", interface, signal, parameters, &error);
	g_variant_unref(parameters);
	g_assert_no_error(error);
}

#define CHANGED(what)                                           \
	"org.freedesktop.DBus.Properties", "PropertiesChanged", \
		"('" INTERFACE "', {" what "}, @as [])"

static void play_end(Scene *scene, int code)
{
	emit(scene, CHANGED("'Progress': <(100, 'Installing done.', 1)>"));
	emit(scene, INTERFACE, "Completed", code ? "(1,)" : "(0,)");
	if (scene->script != NO_IDLE)
		emit(scene, CHANGED("'Operation': <'idle'>"));
}

static void play(Scene *scene, GDBusMethodInvocation *invocation)
{
	/* Somebody else's, which ends now. */
	emit(scene, INTERFACE, "Completed", "(1,)");
	if (scene->script == REFUSE || scene->script == REFUSE_BUSY) {
		g_dbus_method_invocation_return_error_literal(
			invocation, G_IO_ERROR, G_IO_ERROR_FAILED_HANDLED,
			scene->script == REFUSE ? "Unsupported key: x"
						: "Already processing a different method");
		return;
	}
	emit(scene, CHANGED("'Operation': <'installing'>"));
	g_dbus_method_invocation_return_value(invocation, NULL);
	emit(scene, CHANGED("'Progress': <(0, 'Installing', 1)>"));
	if (scene->script == SUCCEED) {
		emit(scene, CHANGED("'Waiting': <{'reason': <'no net'>}>"));
		emit(scene, CHANGED("'Waiting': <@a{sv} {}>"));
	}
	emit(scene, CHANGED("'Progress': <'of another type'>, 'Other': <7>"));
	if (scene->script == FAIL) {
		emit(scene, CHANGED("'LastErrorInfo': <{'code': <'io'>}>"));
		emit(scene, CHANGED("'LastError': <'no disk'>"));
	}
	if (scene->script >= INTERRUPT) {
		emit(scene, CHANGED("'Progress': <(1, 'Press Ctrl+C', 1)>"));
	} else if (scene->script == VANISH) {
		g_dbus_connection_flush_sync(scene->bus, NULL, NULL);
		g_dbus_connection_close_sync(scene->bus, NULL, NULL);
	} else if (scene->script == DROP_PROPERTIES) {
		emit(scene, "org.freedesktop.DBus.Properties", "PropertiesChanged",
		     "('" INTERFACE "', @a{sv} {}, ['Operation'])");
	} else {
		play_end(scene, scene->script == FAIL);
	}
}

static void take_cancel(Scene *scene, GDBusMethodInvocation *invocation)
{
	g_string_append(scene->heard, "Cancel\n");
	if (scene->script == CANCEL_TWICE) {
		g_dbus_method_invocation_return_value(invocation, NULL);
		emit(scene, CHANGED("'Progress': <(1, 'Press Ctrl+C', 1)>"));
	} else if (scene->script == CANCEL_REFUSED) {
		g_dbus_method_invocation_return_error_literal(invocation, G_IO_ERROR,
		                                              G_IO_ERROR_FAILED_HANDLED,
		                                              "too late");
		play_end(scene, 0);
	} else {
		g_dbus_method_invocation_return_value(invocation, NULL);
		emit(scene, CHANGED("'LastStatistics': <{'requests': <uint64 1>}>"));
		emit(scene, CHANGED("'LastErrorInfo': <{'code': <'cancelled'>}>"));
		play_end(scene, 1);
	}
}

static void take_call(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                      const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                      const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
                      void *user)
{
	Scene *scene = user;

	if (g_str_equal(method, "InstallBundle")) {
		g_autofree char *text = g_variant_print(parameters, FALSE);

		g_string_append_printf(scene->heard, "%s\n", text);
		play(scene, invocation);
	} else if (g_str_equal(method, "Cancel")) {
		take_cancel(scene, invocation);
	} else {
		g_dbus_method_invocation_return_value(invocation, g_variant_new("(s)", "rootfs.0"));
	}
}

static GVariant *get(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                     const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                     const char *name G_GNUC_UNUSED, GError **error G_GNUC_UNUSED,
                     void *user G_GNUC_UNUSED)
{
	return g_variant_new_string("A");
}

static void name_is_ours(GDBusConnection *bus G_GNUC_UNUSED, const char *name G_GNUC_UNUSED,
                         void *user)
{
	Scene *scene = user;

	g_atomic_int_set(&scene->is_up, 1);
}

static void *serve(void *user)
{
	static const GDBusInterfaceVTable table = { take_call, get, NULL, { NULL } };
	Scene *scene = user;
	g_autoptr(GError) error = NULL;
	sigset_t interrupt;

	/* Ctrl+C is for the client. */
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	pthread_sigmask(SIG_BLOCK, &interrupt, NULL);
	g_main_context_push_thread_default(scene->context);
	scene->bus = g_dbus_connection_new_for_address_sync(
		g_test_dbus_get_bus_address(scene->daemon),
		G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
			G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);
	g_assert_no_error(error);
	g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(xml, &error);
	g_assert_no_error(error);
	g_dbus_connection_register_object(scene->bus, "/", node->interfaces[0], &table, scene, NULL,
	                                  &error);
	g_assert_no_error(error);
	guint name = g_bus_own_name_on_connection(scene->bus, NAME, G_BUS_NAME_OWNER_FLAGS_NONE,
	                                          name_is_ours, NULL, scene, NULL);
	g_main_loop_run(scene->loop);
	g_bus_unown_name(name);
	g_object_unref(scene->bus);
	g_main_context_pop_thread_default(scene->context);
	return NULL;
}

static Client *set_up(Scene *scene, Script script)
{
	g_autoptr(GError) error = NULL;
	char *why_not = NULL;

	*scene = (Scene){ .script = script, .heard = g_string_new(NULL) };
	scene->daemon = g_test_dbus_new(G_TEST_DBUS_NONE);
	g_test_dbus_up(scene->daemon);
	g_setenv("DBUS_SYSTEM_BUS_ADDRESS", g_test_dbus_get_bus_address(scene->daemon), TRUE);
	scene->context = g_main_context_new();
	scene->loop = g_main_loop_new(scene->context, FALSE);
	scene->thread = g_thread_new("service", serve, scene);
	while (!g_atomic_int_get(&scene->is_up))
		g_usleep(1000);
	Client *client = client_connect(&why_not, &error);
	g_assert_no_error(error);
	g_assert_nonnull(client);
	return client;
}

static void tear_down(Scene *scene, Client *client)
{
	client_free(client);
	g_main_loop_quit(scene->loop);
	g_thread_join(scene->thread);
	g_main_loop_unref(scene->loop);
	g_main_context_unref(scene->context);
	g_string_free(scene->heard, TRUE);
	g_test_dbus_stop(scene->daemon);
	g_object_unref(scene->daemon);
}

static void hear_operation(void *user, const char *operation)
{
	g_string_append_printf(user, "%s\n", operation);
}

static void hear_progress(void *user, int percent, const char *text, int depth)
{
	g_string_append_printf(user, "%d %s %d\n", percent, text, depth);
	if (g_str_equal(text, "Press Ctrl+C"))
		kill(getpid(), SIGINT);
}

static void hear_last_error(void *user, const char *text)
{
	g_string_append_printf(user, "error %s\n", text);
}

static void hear_info(void *user, GVariant *info)
{
	g_autofree char *text = g_variant_print(info, FALSE);

	g_string_append_printf(user, "info %s\n", text);
}

static void hear_waiting(void *user, GVariant *waiting)
{
	g_autofree char *text = g_variant_print(waiting, FALSE);

	g_string_append_printf(user, "waiting %s\n", text);
}

static void hear_statistics(void *user, GVariant *statistics)
{
	g_autofree char *text = g_variant_print(statistics, TRUE);

	g_string_append_printf(user, "statistics %s\n", text);
}

static void hear_cancelling(void *user, const GError *refused)
{
	g_string_append_printf(user, "cancelling %s\n", refused ? refused->message : "");
}

static const struct {
	Script script;
	ClientResult result;
	const char *heard;
	Failure why;
	const char *words;
} installs[] = {
	{ SUCCEED, CLIENT_SUCCEEDED,
	  "installing\n0 Installing 1\nwaiting {'reason': <'no net'>}\nwaiting {}\n"
	  "100 Installing done. 1\nidle\n",
	  0, NULL },
	{ FAIL, CLIENT_FAILED,
	  "installing\n0 Installing 1\ninfo {'code': <'io'>}\nerror no disk\n"
	  "100 Installing done. 1\nidle\n",
	  0, NULL },
	{ REFUSE_BUSY, CLIENT_REFUSED, "", FAILURE_BUSY, "Already processing a different method" },
	{ REFUSE, CLIENT_REFUSED, "", FAILURE_SERVICE, "Unsupported key: x" },
	{ VANISH, CLIENT_DISAPPEARED, "installing\n0 Installing 1\n", 0, NULL },
	{ DROP_PROPERTIES, CLIENT_DISAPPEARED, "installing\n0 Installing 1\n", 0, NULL },
	{ NO_IDLE, CLIENT_SUCCEEDED, "installing\n0 Installing 1\n100 Installing done. 1\n", 0,
	  NULL },
	{ INTERRUPT, CLIENT_INTERRUPTED, "installing\n0 Installing 1\n1 Press Ctrl+C 1\n", 0,
	  NULL },
	{ CANCEL, CLIENT_FAILED,
	  "installing\n0 Installing 1\n1 Press Ctrl+C 1\ncancelling \n"
	  "statistics {'requests': <uint64 1>}\ninfo {'code': <'cancelled'>}\n"
	  "100 Installing done. 1\nidle\n",
	  0, NULL },
	{ CANCEL_REFUSED, CLIENT_SUCCEEDED,
	  "installing\n0 Installing 1\n1 Press Ctrl+C 1\ncancelling too late\n"
	  "100 Installing done. 1\nidle\n",
	  0, NULL },
	{ CANCEL_TWICE, CLIENT_INTERRUPTED,
	  "installing\n0 Installing 1\n1 Press Ctrl+C 1\ncancelling \n1 Press Ctrl+C 1\n", 0,
	  NULL },
};

/* Each in a process of its own: the connection to a bus is one for each of them. */
static void test_install(const void *data)
{
	unsigned i = GPOINTER_TO_UINT(data);
	g_autoptr(GString) heard = g_string_new(NULL);
	ClientEvents events = { hear_operation,
		                hear_progress,
		                hear_last_error,
		                hear_info,
		                hear_waiting,
		                hear_statistics,
		                installs[i].script >= CANCEL ? hear_cancelling : NULL,
		                heard };
	g_autoptr(GError) error = NULL;
	Scene scene;

	if (!g_test_subprocess()) {
		g_test_trap_subprocess(NULL, 0, 0);
		g_test_trap_assert_passed();
		return;
	}
	Client *client = set_up(&scene, installs[i].script);
	GVariant *options = g_variant_new_parsed("{'ignore-compatible': <true>}");
	ClientResult result = client_install(client, "/x.raucb", options, &events, &error);
	g_assert_cmpint(result, ==, installs[i].result);
	g_assert_cmpstr(heard->str, ==, installs[i].heard);
	g_assert_cmpstr(error ? error->message : NULL, ==, installs[i].words);
	if (error)
		g_assert_error(error, FAILURE, (int)installs[i].why);
	g_autofree char *asked = g_strconcat("('/x.raucb', {'ignore-compatible': <true>})\n",
	                                     installs[i].script >= CANCEL ? "Cancel\n" : "", NULL);
	g_assert_cmpstr(scene.heard->str, ==, asked);
	tear_down(&scene, client);
}

static void test_calls(void)
{
	g_autoptr(GError) error = NULL;
	const char *text;
	Scene scene;

	if (!g_test_subprocess()) {
		g_test_trap_subprocess(NULL, 0, 0);
		g_test_trap_assert_passed();
		return;
	}
	Client *client = set_up(&scene, SUCCEED);
	g_autoptr(GVariant) primary = client_call(client, "GetPrimary", NULL, "(s)", &error);
	g_assert_no_error(error);
	g_variant_get(primary, "(&s)", &text);
	g_assert_cmpstr(text, ==, "rootfs.0");
	g_autoptr(GVariant) properties = client_properties(client, &error);
	g_assert_no_error(error);
	g_assert_true(g_variant_lookup(properties, "BootSlot", "&s", &text));
	g_assert_cmpstr(text, ==, "A");

	/* A method it does not have, and an answer of another type. */
	g_assert_null(client_call(client, "GetArtifactStatus", NULL, "(aa{sv})", &error));
	g_assert_error(error, FAILURE, FAILURE_SERVICE);
	g_assert_null(g_strrstr(error->message, "GDBus.Error"));
	g_clear_error(&error);
	g_assert_null(client_call(client, "GetPrimary", NULL, "(u)", &error));
	g_assert_error(error, FAILURE, FAILURE_SERVICE);
	tear_down(&scene, client);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_unsetenv("DBUS_STARTER_BUS_TYPE");
	g_test_add_func("/cli/client/calls", test_calls);
	for (unsigned i = 0; i < G_N_ELEMENTS(installs); i++) {
		g_autofree char *name = g_strdup_printf("/cli/client/install-%u", i);

		g_test_add_data_func(name, GUINT_TO_POINTER(i), test_install);
	}
	return g_test_run();
}
