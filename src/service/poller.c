/* SPDX-License-Identifier: MIT */

#include "service/poller.h"

#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/process.h"
#include "install/polling.h"
#include "install/update.h"
#include "model/window.h"
#include "service/poller_status.h"
#include "system/clock.h"

#define INTERFACE "de.pengutronix.rauc.Poller"
#define OBJECT    "/"

/* Made from data/de.pengutronix.rauc.Poller.xml. */
extern const char poller_xml[];

struct Poller {
	System *system;
	JobLine *line;
	Installer *installer;
	GDBusConnection *bus;
	guint registration, timer;
	unsigned speedup;
	int64_t next; /* microseconds of CLOCK_BOOTTIME; 0: never again */
	PollerStatus status;
	bool is_working;    /* a job of ours */
	bool is_installing; /* for us */
	bool may_try_again; /* what was attempted failed for a reason that passes */
	bool must_reboot;
};

static int64_t boottime(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static const ConfigPolling *config_of(const Poller *poller)
{
	return &system_config(poller->system)->polling;
}

/* Properties. */

static GVariant *get_property(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                              const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                              const char *name, GError **error G_GNUC_UNUSED, void *user)
{
	const Poller *poller = user;

	return g_str_equal(name, "NextPoll") ? g_variant_new_int64(poller->next)
	                                     : poller_status_reply(&poller->status);
}

static void tell_property(Poller *poller, const char *name)
{
	GVariantBuilder changed;
	g_autoptr(GError) error = NULL;

	g_variant_builder_init(&changed, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&changed, "{sv}", name,
	                      get_property(NULL, NULL, NULL, NULL, name, NULL, poller));
	if (!g_dbus_connection_emit_signal(poller->bus, NULL, OBJECT,
	                                   "org.freedesktop.DBus.Properties", "PropertiesChanged",
	                                   g_variant_new("(sa{sv}as)", INTERFACE, &changed, NULL),
	                                   &error))
		g_debug("%s was not sent: %s", name, error->message);
}

/* When. */

static void schedule(Poller *poller, PollingDelay kind, const char *reason)
{
	int64_t delay = polling_delay(config_of(poller), kind, poller->status.recent_errors,
	                              g_random_int(), poller->speedup);
	g_autofree char *text = polling_describe(delay);

	poller->next = boottime() + delay;
	g_message("scheduled next poll in no less than %s (%s)", text, reason);
	tell_property(poller, "NextPoll");
}

static void stop(Poller *poller)
{
	g_clear_handle_id(&poller->timer, g_source_remove);
	poller->next = 0;
	tell_property(poller, "NextPoll");
}

/* Restart. */

typedef struct {
	Poller *poller;
	GError *error;
} Reboot;

static void work_reboot(void *user)
{
	Reboot *reboot = user;

	process_run_argv(config_of(reboot->poller)->reboot_cmd, &reboot->error);
}

static void end_reboot(void *user)
{
	Reboot *reboot = user;
	Poller *poller = reboot->poller;

	poller->is_working = false;
	if (reboot->error) {
		g_warning("the device is not restarted: %s", reboot->error->message);
		schedule(poller, POLLING_SHORT, "reboot-cmd failed");
	} else {
		g_message("polling stops: the device restarts");
		stop(poller);
	}
	g_clear_error(&reboot->error);
	g_free(reboot);
}

/* One poll. */

typedef struct {
	Poller *poller;
	bool is_first; /* nothing is known yet: the ETag of an earlier service would hide it */
	History *history;
	Update update;
	GVariant *manifest; /* NULL: it is the one that is known */
	GError *error;
} Poll;

/* While the bundle is open. */
static void see_bundle(void *user, const Bundle *bundle)
{
	((Poll *)user)->manifest = g_variant_ref_sink(poller_status_manifest(bundle));
}

static void work_poll(void *user)
{
	static const char *const nothing[] = { NULL };
	Poll *poll = user;
	System *system = poll->poller->system;
	const ConfigPolling *config = &system_config(system)->polling;
	g_autoptr(GError) unsaved = NULL;
	UpdateRequest request = {
		.url = config->url,
		.criteria = (const char *const *)config->candidate_criteria,
		.install_criteria = config->install_criteria
		                            ? (const char *const *)config->install_criteria
		                            : nothing,
		.system_version = system_version(system),
		.moment = clock_moment(),
		.seen = see_bundle,
		.user = poll,
	};

	poll->history = history_load(system);
	if (poll->is_first)
		g_clear_pointer(&poll->history->etag, g_free);
	if (!update_check(system, poll->history, &request, &poll->update, &poll->error))
		update_note_error(poll->history, time(NULL), g_random_int());
	if (!history_save(system, poll->history, &unsaved))
		g_warning("%s", unsaved->message);
}

static void save(const Poller *poller, const History *history)
{
	g_autoptr(GError) error = NULL;

	if (!history_save(poller->system, history, &error))
		g_warning("%s", error->message);
}

/* The bundle of the configured address, if it is still the one that was decided about. */
static bool install(Poller *poller, Poll *poll, GError **error)
{
	Request *request = request_new(REQUEST_INSTALL, config_of(poller)->url, NULL, error);

	if (!request)
		return false;
	request->manifest_hash = g_strdup(poll->history->hash);
	if (!installer_install(poller->installer, request, error))
		return false;
	update_begin(poll->history);
	save(poller, poll->history);
	poller->is_installing = true;
	poller->may_try_again = false;
	g_free(poller->status.attempted_hash);
	poller->status.attempted_hash = g_strdup(poll->history->hash);
	return true;
}

/* The next poll, or an installation, which is followed by one. */
static void go_on(Poller *poller, Poll *poll)
{
	const Decision *decision = &poll->update.decision;
	bool is_attempted = !poller->may_try_again &&
	                    g_strcmp0(poll->history->hash, poller->status.attempted_hash) == 0;
	g_autoptr(GError) error = NULL;

	if (poll->error) {
		g_warning("polling failed: %s", poll->error->message);
		schedule(poller, POLLING_NORMAL, "polling failed");
		return;
	}
	g_message("polling: %s", decision->reason);
	if (decision->kind != DECISION_INSTALL || is_attempted)
		schedule(poller, POLLING_NORMAL,
		         decision->kind == DECISION_INSTALL ? "this bundle was attempted already"
		                                            : decision_name(decision->kind));
	else if (!install(poller, poll, &error))
		schedule(poller, POLLING_SHORT, error->message);
}

static void free_poll(Poll *poll)
{
	history_free(poll->history);
	update_clear(&poll->update);
	g_clear_pointer(&poll->manifest, g_variant_unref);
	g_clear_error(&poll->error);
	g_free(poll);
}

static void end_poll(void *user)
{
	Poll *poll = user;
	Poller *poller = poll->poller;

	poller->is_working = false;
	if (poll->error)
		poller_status_fail(&poller->status, poll->error);
	else
		poller_status_succeed(&poller->status, &poll->update, poll->manifest, boottime());
	go_on(poller, poll);
	tell_property(poller, "Status");
	free_poll(poll);
}

static bool begin(Poller *poller, Job job)
{
	poller->is_working = job_line_add(poller->line, job);
	if (!poller->is_working)
		schedule(poller, POLLING_SHORT, "busy");
	return poller->is_working;
}

static void begin_poll(Poller *poller)
{
	Poll *poll = g_new0(Poll, 1);

	poll->poller = poller;
	poll->is_first = !poller->status.manifest;
	if (!begin(poller, (Job){ work_poll, end_poll, poll })) {
		free_poll(poll);
		return;
	}
	poller->status.attempts++;
	poller->status.last_attempt = boottime();
}

static void begin_reboot(Poller *poller)
{
	Reboot *reboot = g_new0(Reboot, 1);

	reboot->poller = poller;
	if (!begin(poller, (Job){ work_reboot, end_reboot, reboot }))
		g_free(reboot);
}

static void act(Poller *poller)
{
	const ConfigUpdate *rules = &system_config(poller->system)->update;
	PollingFacts facts = {
		.is_installing = installer_is_installing(poller->installer),
		.is_busy = job_line_is_busy(poller->line),
		.is_good = history_is_good(),
		.inhibited_by = update_find_inhibitor(
			(const char *const *)config_of(poller)->inhibit_files),
		.must_reboot = poller->must_reboot,
		.is_closed = window_wait((const char *const *)rules->window, clock_moment()) > 0,
	};
	const char *why;

	switch (polling_step(&facts, &why)) {
	case POLLING_WAIT:
		return;
	case POLLING_LATER:
		schedule(poller, POLLING_SHORT, why);
		return;
	case POLLING_ASK:
		begin_poll(poller);
		return;
	case POLLING_REBOOT:
		begin_reboot(poller);
		return;
	}
}

static gboolean tick(void *user)
{
	Poller *poller = user;

	if (!poller->is_working && !poller->is_installing && boottime() >= poller->next)
		act(poller);
	return G_SOURCE_CONTINUE;
}

void poller_note_installed(Poller *poller, const GError *error)
{
	g_autoptr(History) history = NULL;

	if (!poller->is_installing)
		return;
	poller->is_installing = false;
	poller->may_try_again = error && failure_facts(error).can_retry;
	history = history_load(poller->system);
	update_end(history, error ? failure_facts(error).name : NULL);
	save(poller, history);
	poller->must_reboot = polling_wants_reboot(config_of(poller), !error);
	schedule(poller,
	         poller->may_try_again && !poller->must_reboot ? POLLING_NORMAL : POLLING_SHORT,
	         error ? "installation failed" : "installation succeeded");
	tell_property(poller, "Status");
}

/* The interface. */

static void call_method(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                        const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                        const char *name G_GNUC_UNUSED, GVariant *parameters G_GNUC_UNUSED,
                        GDBusMethodInvocation *invocation, void *user)
{
	Poller *poller = user;

	if (poller->next)
		schedule(poller, POLLING_SHORT, "asked for over D-Bus");
	g_dbus_method_invocation_return_value(invocation, NULL);
}

static bool export(Poller *poller, GError **error)
{
	static const GDBusInterfaceVTable table = { call_method, get_property, NULL, { NULL } };
	g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(poller_xml, error);

	if (!node)
		return false;
	poller->registration =
		g_dbus_connection_register_object(poller->bus, OBJECT, node->interfaces[0], &table,
	                                          poller, NULL, error);
	return poller->registration != 0;
}

/* For tests, or nobody would live to see them. */
static bool take_speedup(Poller *poller, GError **error)
{
	const char *text = g_getenv("RAUC_TEST_POLLING_SPEEDUP");
	guint64 number = 1;

	if (text && !g_ascii_string_to_unsigned(text, 10, 1, POLLING_MOST_SPEEDUP, &number, NULL))
		return fail(error, FAILURE_USAGE,
		            "RAUC_TEST_POLLING_SPEEDUP is '%s': expected a number from 1 to %d",
		            text, POLLING_MOST_SPEEDUP);
	poller->speedup = (unsigned)number;
	return true;
}

static bool set_up(Poller *poller, GError **error)
{
	ERROR_WHILE(error, "failed to set up polling");

	if (!system_version(poller->system))
		return fail(error, FAILURE_CONFIG,
		            "system version not provided via system-info handler");
	return take_speedup(poller, error) && export(poller, error);
}

Poller *poller_new(System *system, JobLine *line, Installer *installer, GDBusConnection *bus,
                   GError **error)
{
	g_autoptr(Poller) poller = g_new0(Poller, 1);

	poller->system = system;
	poller->line = line;
	poller->installer = installer;
	poller->bus = g_object_ref(bus);
	if (!set_up(poller, error))
		return NULL;
	poller->timer =
		poller->speedup == 1
			? g_timeout_add_seconds(POLLING_TICK_SECONDS, tick, poller)
			: g_timeout_add(MAX(1000 * POLLING_TICK_SECONDS / poller->speedup, 20),
	                                tick, poller);
	schedule(poller, POLLING_INITIAL, "service started");
	return g_steal_pointer(&poller);
}

void poller_free(Poller *poller)
{
	if (!poller)
		return;
	g_clear_handle_id(&poller->timer, g_source_remove);
	if (poller->registration)
		g_dbus_connection_unregister_object(poller->bus, poller->registration);
	g_object_unref(poller->bus);
	poller_status_clear(&poller->status);
	g_free(poller);
}
