/* SPDX-License-Identifier: MIT */

#include "cli/client.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>

#include "base/error.h"

#define NAME       "de.pengutronix.rauc"
#define OBJECT     "/"
#define INTERFACE  "de.pengutronix.rauc.Installer"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define BUSY       "already processing a different method"
#define BUS_NAME   "org.freedesktop.DBus"
#define BUS_OBJECT "/org/freedesktop/DBus"

/* Milliseconds. A bus answers at once; a service may have to be started, read slots or wait for
 * a boot loader's tool; neither may hang us for ever. */
#define BUS_PATIENCE     10000
#define SERVICE_PATIENCE 300000
/* How long "idle" may take once the installation has ended. */
#define IDLE_PATIENCE 2000

struct Client {
	GDBusConnection *bus;
};

static GBusType bus_type(void)
{
	bool is_session = g_strcmp0(g_getenv("DBUS_STARTER_BUS_TYPE"), "session") == 0;

	return is_session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM;
}

static const char *bus_word(void)
{
	return bus_type() == G_BUS_TYPE_SESSION ? "session" : "system";
}

/* Connecting. */

typedef struct {
	GMainLoop *loop;
	GDBusConnection *bus;
	GError *error;
} Connecting;

static void take_bus(GObject *source G_GNUC_UNUSED, GAsyncResult *result, void *user)
{
	Connecting *connecting = user;

	connecting->bus = g_bus_get_finish(result, &connecting->error);
	g_main_loop_quit(connecting->loop);
}

static gboolean give_up(void *user)
{
	g_cancellable_cancel(user);
	return G_SOURCE_REMOVE;
}

static GDBusConnection *connect(GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	Connecting connecting = { .loop = loop };
	GSource *timeout = g_timeout_source_new(BUS_PATIENCE);
	sigset_t interrupt, before;

	/* The threads that serve the connection must leave Ctrl+C and the like to ours. */
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigaddset(&interrupt, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &interrupt, &before);
	g_source_set_callback(timeout, give_up, cancellable, NULL);
	g_source_attach(timeout, NULL);
	g_bus_get(bus_type(), cancellable, take_bus, &connecting);
	g_main_loop_run(loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	g_source_destroy(timeout);
	g_source_unref(timeout);
	if (connecting.bus)
		g_dbus_connection_set_exit_on_close(connecting.bus, FALSE);
	else
		g_propagate_error(error, connecting.error);
	return connecting.bus;
}

/* D-Bus keeps the name of a remote error in front of its message. */
static void take_plain(GError **error, GError *remote)
{
	g_dbus_error_strip_remote_error(remote);
	g_strchomp(remote->message);
	bool is_busy = g_ascii_strcasecmp(remote->message, BUSY) == 0;
	fail(error, is_busy ? FAILURE_BUSY : FAILURE_SERVICE, "%s", remote->message);
	g_error_free(remote);
}

static GVariant *ask_bus(Client *client, const char *method, GVariant *parameters, const char *type,
                         GError **error)
{
	return g_dbus_connection_call_sync(client->bus, BUS_NAME, BUS_OBJECT, BUS_NAME, method,
	                                   parameters, G_VARIANT_TYPE(type), G_DBUS_CALL_FLAGS_NONE,
	                                   SERVICE_PATIENCE, NULL, error);
}

/* The bus can only start what it has a file for; what runs without one is there all the same. */
static bool is_running(Client *client)
{
	g_autoptr(GVariant) reply =
		ask_bus(client, "NameHasOwner", g_variant_new("(s)", NAME), "(b)", NULL);
	gboolean has_owner = FALSE;

	if (reply)
		g_variant_get(reply, "(b)", &has_owner);
	return has_owner;
}

static bool start(Client *client, bool *is_absent, GError **error)
{
	GError *remote = NULL;
	g_autoptr(GVariant) reply = ask_bus(client, "StartServiceByName",
	                                    g_variant_new("(su)", NAME, 0), "(u)", &remote);

	*is_absent = g_error_matches(remote, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
	             g_error_matches(remote, G_DBUS_ERROR, G_DBUS_ERROR_SPAWN_SERVICE_NOT_FOUND);
	if (*is_absent)
		g_error_free(remote);
	else if (!reply)
		take_plain(error, remote);
	return reply != NULL;
}

Client *client_connect(char **why_not, GError **error)
{
	g_autoptr(Client) client = g_new0(Client, 1);
	g_autoptr(GError) no_bus = NULL;
	bool is_absent;

	client->bus = connect(&no_bus);
	if (!client->bus) {
		*why_not = g_strdup_printf("no %s bus here (%s)", bus_word(), no_bus->message);
		return NULL;
	}
	if (is_running(client) || start(client, &is_absent, error))
		return g_steal_pointer(&client);
	if (is_absent)
		*why_not = g_strdup_printf("no update service on the %s bus", bus_word());
	return NULL;
}

int client_service_pid(void)
{
	g_autoptr(Client) client = g_new0(Client, 1);
	guint32 pid = 0;

	client->bus = connect(NULL);
	if (!client->bus)
		return -1;
	g_autoptr(GVariant) reply = ask_bus(client, "GetConnectionUnixProcessID",
	                                    g_variant_new("(s)", NAME), "(u)", NULL);
	if (reply)
		g_variant_get(reply, "(u)", &pid);
	return (int)pid;
}

void client_free(Client *client)
{
	g_clear_object(&client->bus);
	g_free(client);
}

/* Calls. */

static GVariant *call(Client *client, const char *interface, const char *method,
                      GVariant *parameters, const char *type, GError **error)
{
	GError *remote = NULL;
	GVariant *reply = g_dbus_connection_call_sync(client->bus, NAME, OBJECT, interface, method,
	                                              parameters, G_VARIANT_TYPE(type),
	                                              G_DBUS_CALL_FLAGS_NONE, SERVICE_PATIENCE,
	                                              NULL, &remote);

	if (!reply)
		take_plain(error, remote);
	return reply;
}

GVariant *client_call(Client *client, const char *method, GVariant *parameters, const char *type,
                      GError **error)
{
	return call(client, INTERFACE, method, parameters, type, error);
}

GVariant *client_properties(Client *client, GError **error)
{
	g_autoptr(GVariant) reply = call(client, PROPERTIES, "GetAll",
	                                 g_variant_new("(s)", INTERFACE), "(a{sv})", error);

	return reply ? g_variant_get_child_value(reply, 0) : NULL;
}

/* An installation. */

typedef struct {
	Client *client;
	const ClientEvents *events;
	GMainLoop *loop;
	GCancellable *calls;
	ClientResult result;
	GError *error;
	bool is_accepted; /* what is heard is about ours */
	bool is_unwanted; /* it is to be cancelled */
	guint waiting;    /* the result is known, only "idle" is missing; 0: not yet */
} Installation;

/* Whatever happens after the installation has ended does not change how. */
static void leave(Installation *installation, ClientResult result)
{
	if (!installation->waiting)
		installation->result = result;
	g_main_loop_quit(installation->loop);
}

static void hear_facts(GVariant *changes, const char *name,
                       void (*hear)(void *user, GVariant *facts), void *user)
{
	g_autoptr(GVariant) facts = g_variant_lookup_value(changes, name, G_VARIANT_TYPE_VARDICT);

	if (facts && hear)
		hear(user, facts);
}

/* One change a signal is looked at, in this order. */
static void hear_changes(Installation *installation, GVariant *changes)
{
	const ClientEvents *events = installation->events;
	const char *text;
	int percent, depth;

	hear_facts(changes, "LastErrorInfo", events->error_info, events->user);
	hear_facts(changes, "LastStatistics", events->statistics, events->user);
	hear_facts(changes, "Waiting", events->waiting, events->user);
	if (g_variant_lookup(changes, "Operation", "&s", &text)) {
		events->operation(events->user, text);
		if (installation->waiting && g_str_equal(text, "idle"))
			g_main_loop_quit(installation->loop);
	} else if (g_variant_lookup(changes, "Progress", "(i&si)", &percent, &text, &depth)) {
		events->progress(events->user, percent, text, depth);
	} else if (g_variant_lookup(changes, "LastError", "&s", &text) && *text) {
		events->last_error(events->user, text);
	}
}

static void hear_properties(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                            const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                            const char *signal G_GNUC_UNUSED, GVariant *parameters, void *user)
{
	Installation *installation = user;
	g_autoptr(GVariant) changes = NULL;
	g_autofree const char **gone = NULL;

	if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(sa{sv}as)")))
		return;
	g_variant_get(parameters, "(&s@a{sv}^a&s)", NULL, &changes, &gone);
	hear_changes(installation, changes);
	if (*gone)
		leave(installation, CLIENT_DISAPPEARED);
}

static gboolean stop_waiting(void *user)
{
	g_main_loop_quit(user);
	return G_SOURCE_CONTINUE; /* removed where it was added */
}

static void hear_completed(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                           const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                           const char *signal G_GNUC_UNUSED, GVariant *parameters, void *user)
{
	Installation *installation = user;
	int result;

	/* Before ours began it was somebody else's. */
	if (!installation->is_accepted || installation->waiting ||
	    !g_variant_is_of_type(parameters, G_VARIANT_TYPE("(i)")))
		return;
	g_variant_get(parameters, "(i)", &result);
	installation->result = result == 0 ? CLIENT_SUCCEEDED : CLIENT_FAILED;
	installation->waiting = g_timeout_add(IDLE_PATIENCE, stop_waiting, installation->loop);
}

static void hear_owner(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                       const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                       const char *signal G_GNUC_UNUSED, GVariant *parameters, void *user)
{
	Installation *installation = user;

	if (g_variant_is_of_type(parameters, G_VARIANT_TYPE("(sss)")))
		leave(installation, CLIENT_DISAPPEARED);
}

static void hear_closed(GDBusConnection *bus G_GNUC_UNUSED, gboolean is_vanished G_GNUC_UNUSED,
                        GError *error G_GNUC_UNUSED, void *user)
{
	Installation *installation = user;

	leave(installation, CLIENT_DISAPPEARED);
}

static gboolean hear_interrupt(void *user)
{
	leave(user, CLIENT_INTERRUPTED);
	return G_SOURCE_CONTINUE;
}

static void take_cancel_reply(GObject *bus, GAsyncResult *result, void *user)
{
	Installation *installation = user;
	GError *remote = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply =
		g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &remote);

	if (g_error_matches(remote, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		g_error_free(remote); /* the one who asked has gone */
		return;
	}
	if (!reply)
		take_plain(&error, remote);
	installation->events->cancelling(installation->events->user, error);
}

static void cancel(Installation *installation)
{
	g_dbus_connection_call(installation->client->bus, NAME, OBJECT, INTERFACE, "Cancel", NULL,
	                       NULL, G_DBUS_CALL_FLAGS_NONE, SERVICE_PATIENCE, installation->calls,
	                       take_cancel_reply, installation);
}

/* The first time; not before it is ours, or somebody else's would be cancelled. */
static gboolean hear_unwanted(void *user)
{
	Installation *installation = user;

	if (installation->waiting)
		return G_SOURCE_CONTINUE; /* it has ended */
	if (installation->is_unwanted) {
		leave(installation, CLIENT_INTERRUPTED);
		return G_SOURCE_CONTINUE;
	}
	installation->is_unwanted = true;
	if (installation->is_accepted)
		cancel(installation);
	return G_SOURCE_CONTINUE;
}

static void take_reply(GObject *bus, GAsyncResult *result, void *user)
{
	Installation *installation = user;
	GError *remote = NULL;
	g_autoptr(GVariant) reply =
		g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &remote);

	if (reply) {
		installation->is_accepted = true;
		if (installation->is_unwanted)
			cancel(installation);
		return;
	}
	if (g_error_matches(remote, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		g_error_free(remote); /* the one who asked has gone */
		return;
	}
	take_plain(&installation->error, remote);
	leave(installation, CLIENT_REFUSED);
}

static guint subscribe(Client *client, const char *sender, const char *interface,
                       const char *signal, const char *path, const char *first,
                       GDBusSignalCallback hear, Installation *installation)
{
	return g_dbus_connection_signal_subscribe(client->bus, sender, interface, signal, path,
	                                          first, G_DBUS_SIGNAL_FLAGS_NONE, hear,
	                                          installation, NULL);
}

/* Cancelled or answered: nothing of the call is left to come back to us. */
static void drain(GCancellable *cancellable)
{
	g_cancellable_cancel(cancellable);
	while (g_main_context_iteration(NULL, FALSE))
		;
}

ClientResult client_install(Client *client, const char *bundle, GVariant *options,
                            const ClientEvents *events, GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	Installation installation = {
		.client = client, .events = events, .loop = loop, .calls = cancellable
	};
	guint subscriptions[] = {
		subscribe(client, NAME, PROPERTIES, "PropertiesChanged", OBJECT, INTERFACE,
		          hear_properties, &installation),
		subscribe(client, NAME, INTERFACE, "Completed", OBJECT, NULL, hear_completed,
		          &installation),
		subscribe(client, BUS_NAME, BUS_NAME, "NameOwnerChanged", BUS_OBJECT, NAME,
		          hear_owner, &installation),
	};
	bool cancels = events->cancelling != NULL;
	guint interrupt =
		g_unix_signal_add(SIGINT, cancels ? hear_unwanted : hear_interrupt, &installation);
	guint end = cancels ? g_unix_signal_add(SIGTERM, hear_unwanted, &installation) : 0;
	gulong closed =
		g_signal_connect(client->bus, "closed", G_CALLBACK(hear_closed), &installation);

	g_dbus_connection_call(client->bus, NAME, OBJECT, INTERFACE, "InstallBundle",
	                       g_variant_new("(s@a{sv})", bundle, options), NULL,
	                       G_DBUS_CALL_FLAGS_NONE, SERVICE_PATIENCE, cancellable, take_reply,
	                       &installation);
	g_main_loop_run(loop);
	for (unsigned i = 0; i < G_N_ELEMENTS(subscriptions); i++)
		g_dbus_connection_signal_unsubscribe(client->bus, subscriptions[i]);
	g_signal_handler_disconnect(client->bus, closed);
	g_source_remove(interrupt);
	if (end)
		g_source_remove(end);
	if (installation.waiting)
		g_source_remove(installation.waiting);
	drain(cancellable);
	if (installation.error)
		g_propagate_error(error, installation.error);
	return installation.result;
}
