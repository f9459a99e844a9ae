/* SPDX-License-Identifier: MIT */

#include "cli/reboot.h"

#include <gio/gio.h>
#include <string.h>

#include "base/error.h"

#define LOGIN           "org.freedesktop.login1"
#define LOGIN_OBJECT    "/org/freedesktop/login1"
#define LOGIN_MANAGER   "org.freedesktop.login1.Manager"
#define SYSTEMD         "org.freedesktop.systemd1"
#define SYSTEMD_OBJECT  "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define BLOCKED         "org.freedesktop.login1.BlockedByInhibitorLock"

/* Milliseconds. Inhibitors that only delay are waited for by logind, a minute at most. */
#define PATIENCE 120000
/* SD_LOGIND_ROOT_CHECK_INHIBITORS: root is no reason to pass over them. */
#define CHECK_INHIBITORS G_GUINT64_CONSTANT(1)

static GVariant *call(GDBusConnection *bus, const char *method, GVariant *parameters,
                      const char *type, GError **error)
{
	return g_dbus_connection_call_sync(bus, LOGIN, LOGIN_OBJECT, LOGIN_MANAGER, method,
	                                   parameters, G_VARIANT_TYPE(type), G_DBUS_CALL_FLAGS_NONE,
	                                   PATIENCE, NULL, error);
}

/* Is `word` one of those between colons? */
static bool has_word(const char *list, const char *word)
{
	g_auto(GStrv) words = g_strsplit(list, ":", -1);

	return g_strv_contains((const char *const *)words, word);
}

/* Who blocks a restart, for people; NULL: nobody, as far as logind tells. */
static char *find_blocker(GDBusConnection *bus, GError **error)
{
	g_autoptr(GVariant) reply = call(bus, "ListInhibitors", NULL, "(a(ssssuu))", error);
	g_autoptr(GVariantIter) each = NULL;
	const char *what, *who, *why, *mode;
	guint32 uid, pid;

	if (!reply)
		return NULL;
	g_variant_get(reply, "(a(ssssuu))", &each);
	while (g_variant_iter_next(each, "(&s&s&s&suu)", &what, &who, &why, &mode, &uid, &pid)) {
		if (has_word(what, "shutdown") && g_str_has_prefix(mode, "block"))
			return g_strdup_printf("%s (process %u: %s)", who, pid, why);
	}
	return NULL;
}

static bool is_about(const GError *error, const char *name)
{
	g_autofree char *remote = error ? g_dbus_error_get_remote_error(error) : NULL;

	return g_strcmp0(remote, name) == 0;
}

static bool refuse(GError *reason, const char *whom, GError **error)
{
	bool is_blocked = is_about(reason, BLOCKED) || strstr(reason->message, "inhibit");

	g_dbus_error_strip_remote_error(reason);
	fail(error, is_blocked ? FAILURE_BUSY : FAILURE_SERVICE,
	     "%s does not restart the device: %s", whom, reason->message);
	g_error_free(reason);
	return false;
}

/* systemd before 246 knows no flags; that nobody blocks was asked before. */
static bool ask_login(GDBusConnection *bus, GError **error)
{
	GError *reason = NULL;
	g_autoptr(GVariant) reply =
		call(bus, "RebootWithFlags", g_variant_new("(t)", CHECK_INHIBITORS), "()", &reason);

	if (g_error_matches(reason, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)) {
		g_clear_error(&reason);
		reply = call(bus, "Reboot", g_variant_new("(b)", FALSE), "()", &reason);
	}
	return reply ? true : refuse(reason, "logind", error);
}

/* Without logind there are no inhibitors either. */
static bool ask_systemd(GDBusConnection *bus, GError **error)
{
	GError *reason = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		bus, SYSTEMD, SYSTEMD_OBJECT, SYSTEMD_MANAGER, "StartUnit",
		g_variant_new("(ss)", "reboot.target", "replace-irreversibly"),
		G_VARIANT_TYPE("(o)"), G_DBUS_CALL_FLAGS_NONE, PATIENCE, NULL, &reason);

	return reply ? true : refuse(reason, "systemd", error);
}

static bool ask_bus(GDBusConnection *bus, const char *method, GVariant *parameters)
{
	gboolean is_so = TRUE;
	g_autoptr(GVariant) reply =
		g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
	                                    "org.freedesktop.DBus", method, parameters, NULL,
	                                    G_DBUS_CALL_FLAGS_NONE, PATIENCE, NULL, NULL);

	if (reply && g_variant_is_of_type(reply, G_VARIANT_TYPE("(b)")))
		g_variant_get(reply, "(b)", &is_so);
	return reply && is_so;
}

/* Running, or started by this. Not: no such unit, one that is masked, broken or fails. */
static bool has_login(GDBusConnection *bus)
{
	return ask_bus(bus, "NameHasOwner", g_variant_new("(s)", LOGIN)) ||
	       ask_bus(bus, "StartServiceByName", g_variant_new("(su)", LOGIN, 0));
}

bool reboot_request(GError **error)
{
	bool is_session = g_strcmp0(g_getenv("DBUS_STARTER_BUS_TYPE"), "session") == 0;
	g_autoptr(GError) no_bus = NULL, reason = NULL;
	g_autoptr(GDBusConnection) bus =
		g_bus_get_sync(is_session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM, NULL, &no_bus);

	if (!bus)
		return fail(error, FAILURE_SERVICE,
		            "the device is not restarted: no system bus (%s)", no_bus->message);
	g_dbus_connection_set_exit_on_close(bus, FALSE);
	if (!has_login(bus))
		return ask_systemd(bus, error);
	g_autofree char *blocker = find_blocker(bus, &reason);
	if (blocker)
		return fail(error, FAILURE_BUSY, "a restart is held back by %s", blocker);
	if (reason)
		return refuse(g_steal_pointer(&reason), "logind", error);
	return ask_login(bus, error);
}
