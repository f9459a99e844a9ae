/* SPDX-License-Identifier: MIT */

#include "service/service.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include "service/installer.h"
#include "service/job.h"
#include "service/keyring_watch.h"
#include "service/links.h"
#include "service/poller.h"
#include "service/started.h"
#include "system/trust.h"

#define NAME "de.pengutronix.rauc"

typedef struct {
	System *system;
	GBusType bus_type;
	GMainLoop *loop;
	JobLine *line;
	Installer *installer;
	Poller *poller;  /* NULL: nothing is polled */
	GError *failure; /* why it could not begin; NULL: see the log */
	bool has_lost_name;
	bool is_stopping; /* asked to, by a signal */
} Service;

static const char *bus_name(const Service *service)
{
	return service->bus_type == G_BUS_TYPE_SESSION ? "session" : "system";
}

static void begin_autoinstall(Service *service)
{
	const char *path = system_config(service->system)->autoinstall_path;
	g_autoptr(GError) error = NULL;

	if (!path || !g_file_test(path, G_FILE_TEST_EXISTS))
		return;
	if (!installer_install(service->installer, request_new(REQUEST_INSTALL, path, NULL, NULL),
	                       &error))
		g_warning("no automatic installation of %s: %s", path, error->message);
}

static void take_name(GDBusConnection *bus G_GNUC_UNUSED, const char *name, void *user)
{
	Service *service = user;

	g_debug("%s is ours on the %s bus", name, bus_name(service));
	begin_autoinstall(service);
}

/* The bus is gone, or somebody else serves. What is being written is written to its end. */
static void lose_name(GDBusConnection *bus G_GNUC_UNUSED, const char *name, void *user)
{
	Service *service = user;

	g_message("Failed to obtain name %s on %s bus", name, bus_name(service));
	service->has_lost_name = true;
	if (installer_is_installing(service->installer))
		g_message("the installation that runs is finished first");
	else
		g_main_loop_quit(service->loop);
}

static void after_installation(void *user, const GError *error)
{
	Service *service = user;

	if (service->poller)
		poller_note_installed(service->poller, error);
	if (service->has_lost_name)
		g_main_loop_quit(service->loop);
}

static gboolean stop(void *user)
{
	Service *service = user;

	g_message("stopping service");
	service->is_stopping = true;
	g_main_loop_quit(service->loop);
	return G_SOURCE_CONTINUE;
}

/* What an installation that ends with us has mounted below the mount prefix. */
static void unmount_all(const Config *config)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	g_ptr_array_add(names, (void *)"bundle");
	for (unsigned i = 0; i < config->slots->len; i++)
		g_ptr_array_add(names, ((const Slot *)config->slots->pdata[i])->name);
	for (unsigned i = 0; i < names->len; i++) {
		g_autofree char *path =
			g_build_filename(config->mount_prefix, names->pdata[i], NULL);

		while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			;
	}
}

/* The thread is not waited for and must not see its world taken down: the target of an
 * installation is marked bad, so ending here is as safe as a power cut. */
G_NORETURN static void leave(const Service *service)
{
	if (installer_is_installing(service->installer))
		unmount_all(system_config(service->system));
	_exit(service->is_stopping ? 0 : 1);
}

static void serve(Service *service, GDBusConnection *bus)
{
	guint signals[] = { g_unix_signal_add(SIGTERM, stop, service),
		            g_unix_signal_add(SIGINT, stop, service) };
	guint name = g_bus_own_name_on_connection(bus, NAME, G_BUS_NAME_OWNER_FLAGS_NONE, take_name,
	                                          lose_name, service, NULL);

	g_main_loop_run(service->loop);
	if (job_line_is_busy(service->line))
		leave(service);
	g_bus_unown_name(name);
	for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++)
		g_source_remove(signals[i]);
}

/* Better known now than at the next update. */
static void check_boot_loader(System *system)
{
	g_autoptr(GError) error = NULL;

	if (!boot_check(system_boot(system), &error))
		g_warning("%s", error->message);
}

/* True where nothing is to be polled. */
static bool set_up_poller(Service *service, GDBusConnection *bus)
{
	if (!system_config(service->system)->polling.url)
		return true;
	service->poller = poller_new(service->system, service->line, service->installer, bus,
	                             &service->failure);
	return service->poller != NULL;
}

static bool run(Service *service, const char *handler_args, GDBusConnection *bus)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(JobLine) line = job_line_new();
	g_autoptr(GError) error = NULL;
	InstallerOptions options = {
		.system = service->system,
		.line = line,
		.handler_args = handler_args,
		.installed = after_installation,
		.user = service,
	};

	g_dbus_connection_set_exit_on_close(bus, FALSE);
	g_autoptr(Installer) installer = installer_new(&options, bus, &error);
	if (!installer) {
		g_message("Failed to export the interface: %s", error->message);
		return false;
	}
	service->loop = loop;
	service->line = line;
	service->installer = installer;
	links_write(service->system);
	check_boot_loader(service->system);
	g_autofree char *boot_id = started_boot_id();
	started_note(service->system, boot_id);
	trust_tell(service->system);
	g_autoptr(KeyringWatch) watch = keyring_watch_new(service->system, line);
	if (!set_up_poller(service, bus))
		return false;
	serve(service, bus);
	g_clear_pointer(&service->poller, poller_free);
	return service->is_stopping;
}

int service_run(System *system, const char *handler_args)
{
	bool is_session = g_strcmp0(g_getenv("DBUS_STARTER_BUS_TYPE"), "session") == 0;
	Service service = {
		.system = system,
		.bus_type = is_session ? G_BUS_TYPE_SESSION : G_BUS_TYPE_SYSTEM,
	};
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) bus = g_bus_get_sync(service.bus_type, NULL, &error);

	if (!bus)
		g_message("Connection to the %s bus can't be made for " NAME ": %s",
		          bus_name(&service), error->message);
	if (bus && run(&service, handler_args, bus))
		return 0;
	g_message("Failed to execute service: %s",
	          service.failure ? service.failure->message : "generic failure (check logs)");
	g_clear_error(&service.failure);
	return 1;
}
