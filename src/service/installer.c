/* SPDX-License-Identifier: MIT */

#include "service/installer.h"

#include <string.h>

#include "base/error.h"
#include "install/install.h"
#include "service/method.h"
#include "service/reply.h"

#define INTERFACE "de.pengutronix.rauc.Installer"
#define OBJECT    "/"

/* Made from data/de.pengutronix.rauc.Installer.xml. */
extern const char installer_xml[];

/* The network is awaited; message NULL: it is not. */
typedef struct {
	char *message, *reason;
	unsigned attempt;
	gint64 until; /* monotonic time of the next try */
} Outage;

struct Installer {
	InstallerOptions options;
	GDBusConnection *bus;
	guint registration;
	bool is_installing;
	/* Fixed when the service started. */
	char *compatible, *variant, *version, *boot_slot;
	/* Now. */
	const char *operation;
	char *last_error;
	GVariant *error_info; /* a{sv} */
	GVariant *statistics; /* a{sv} */
	int percent, depth;
	char *text;
	Outage outage;
	Cancel *cancel; /* of the installation that runs, NULL: none does */
};

/* Properties. */

static GVariant *get_waiting(const Installer *installer)
{
	gint64 left = installer->outage.until - g_get_monotonic_time();
	RemoteWaiting waiting = {
		.message = installer->outage.message,
		.reason = installer->outage.reason,
		.seconds = (unsigned)((MAX(left, 0) + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC),
		.attempt = installer->outage.attempt,
	};

	return reply_waiting(waiting.message ? &waiting : NULL);
}

/* Who knows only this sees, one level below what is waited for, that it waits. */
static GVariant *get_progress(const Installer *installer)
{
	const char *waiting = installer->outage.message;

	return g_variant_new("(isi)", installer->percent, waiting ? waiting : installer->text,
	                     installer->depth + (waiting ? 1 : 0));
}

static GVariant *get_property(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                              const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                              const char *name, GError **error G_GNUC_UNUSED, void *user)
{
	const Installer *installer = user;
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "Operation", installer->operation },   { "LastError", installer->last_error },
		{ "Compatible", installer->compatible }, { "Variant", installer->variant },
		{ "SystemVersion", installer->version }, { "BootSlot", installer->boot_slot },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (g_str_equal(texts[i].name, name))
			return g_variant_new_string(texts[i].value);
	}
	if (g_str_equal(name, "LastErrorInfo"))
		return g_variant_ref(installer->error_info);
	if (g_str_equal(name, "LastStatistics"))
		return g_variant_ref(installer->statistics);
	return g_str_equal(name, "Waiting") ? get_waiting(installer) : get_progress(installer);
}

static void emit(Installer *installer, const char *interface, const char *signal,
                 GVariant *parameters)
{
	g_autoptr(GError) error = NULL;

	/* Who listens is not our concern: without a bus the installation goes on. */
	if (!g_dbus_connection_emit_signal(installer->bus, NULL, OBJECT, interface, signal,
	                                   parameters, &error))
		g_debug("%s was not sent: %s", signal, error->message);
}

static void tell_property(Installer *installer, const char *name)
{
	GVariantBuilder changed;

	g_variant_builder_init(&changed, G_VARIANT_TYPE_VARDICT);
	g_autoptr(GVariant) value =
		g_variant_take_ref(get_property(NULL, NULL, NULL, NULL, name, NULL, installer));
	g_variant_builder_add(&changed, "{sv}", name, value);
	emit(installer, "org.freedesktop.DBus.Properties", "PropertiesChanged",
	     g_variant_new("(sa{sv}as)", INTERFACE, &changed, NULL));
}

static void set_operation(Installer *installer, const char *operation)
{
	if (g_str_equal(installer->operation, operation))
		return;
	installer->operation = operation;
	tell_property(installer, "Operation");
}

/* Takes `value`, which may be floating. */
static void set_facts(Installer *installer, const char *name, GVariant **facts, GVariant *value)
{
	g_autoptr(GVariant) owned = g_variant_ref_sink(value);

	if (g_variant_equal(*facts, value))
		return;
	g_variant_unref(*facts);
	*facts = g_steal_pointer(&owned);
	tell_property(installer, name);
}

static void set_error_info(Installer *installer, GVariant *info)
{
	set_facts(installer, "LastErrorInfo", &installer->error_info, info);
}

static void set_statistics(Installer *installer, GVariant *statistics)
{
	set_facts(installer, "LastStatistics", &installer->statistics, statistics);
}

static GVariant *no_facts(void)
{
	return g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
}

static void set_last_error(Installer *installer, const char *text)
{
	if (g_str_equal(installer->last_error, text))
		return;
	g_free(installer->last_error);
	installer->last_error = g_strdup(text);
	tell_property(installer, "LastError");
}

static char *utf8(const char *text)
{
	return g_utf8_make_valid(text ? text : "", -1);
}

/* An installation. */

typedef struct {
	Installer *installer;
	Request *request;
	Cancel *cancel;
	InstallReport report;
	GError *error;
} Installation;

typedef struct {
	Installer *installer;
	int percent, depth;
	char *text;
} Report;

static void free_report(void *user)
{
	Report *report = user;

	g_free(report->text);
	g_free(report);
}

static void take_report(void *user)
{
	Report *report = user;
	Installer *installer = report->installer;

	if (installer->percent == report->percent && installer->depth == report->depth &&
	    g_str_equal(installer->text, report->text))
		return;
	bool is_seen = !installer->outage.message || installer->percent != report->percent;
	installer->percent = report->percent;
	installer->depth = report->depth;
	g_free(installer->text);
	installer->text = g_steal_pointer(&report->text);
	if (is_seen)
		tell_property(installer, "Progress");
}

/* From any thread of the installation. */
static void send_report(void *user, int percent, const char *text, int depth,
                        uint64_t bytes G_GNUC_UNUSED, uint64_t total G_GNUC_UNUSED)
{
	Installation *installation = user;
	Report *report = g_new(Report, 1);

	*report = (Report){ installation->installer, percent, depth, utf8(text) };
	job_line_tell(installation->installer->options.line, take_report, report, free_report);
}

typedef struct {
	Installer *installer;
	Outage outage;
} OutageReport;

static void outage_clear(Outage *outage)
{
	g_clear_pointer(&outage->message, g_free);
	g_clear_pointer(&outage->reason, g_free);
}

static void free_outage_report(void *user)
{
	OutageReport *report = user;

	outage_clear(&report->outage);
	g_free(report);
}

static void take_outage(void *user)
{
	OutageReport *report = user;
	Installer *installer = report->installer;

	if (!report->outage.message && !installer->outage.message)
		return;
	outage_clear(&installer->outage);
	installer->outage = report->outage;
	report->outage = (Outage){ 0 };
	tell_property(installer, "Waiting");
	tell_property(installer, "Progress");
}

/* From any thread of the installation. */
static void send_waiting(void *user, const RemoteWaiting *waiting)
{
	Installation *installation = user;
	OutageReport *report = g_new0(OutageReport, 1);

	report->installer = installation->installer;
	if (waiting)
		report->outage = (Outage){
			.message = utf8(waiting->message),
			.reason = utf8(waiting->reason),
			.attempt = waiting->attempt,
			.until = g_get_monotonic_time() + (gint64)waiting->seconds * G_USEC_PER_SEC,
		};
	job_line_tell(installation->installer->options.line, take_outage, report,
	              free_outage_report);
}

static void log_message(void *user, const char *text)
{
	Installation *installation = user;

	g_message("installing %s: %s", installation->request->source, text);
}

static void work_install(void *user)
{
	Installation *installation = user;
	const Request *request = installation->request;
	const InstallerOptions *options = &installation->installer->options;
	InstallEvents events = { log_message, send_report, installation, &installation->report,
		                 send_waiting };
	InstallRequest wanted = {
		.bundle = request->source,
		.transaction = request->transaction,
		.require_manifest_hash = request->manifest_hash,
		.handler_args = options->handler_args,
		.ignore_compatible = request->ignore_compatible,
		.ignore_version_limit = request->ignore_version_limit,
		.access = request_access(request),
		.cancel = installation->cancel,
	};

	install_run(options->system, &wanted, &events, &installation->error);
	system_unlock(options->system);
}

static void free_installation(Installation *installation)
{
	request_free(installation->request);
	cancel_unref(installation->cancel);
	g_clear_error(&installation->error);
	g_free(installation);
}

static void end_install(void *user)
{
	Installation *installation = user;
	Installer *installer = installation->installer;
	bool is_ok = !installation->error;

	set_statistics(installer, reply_statistics(&installation->report.statistics));
	if (!is_ok) { /* who hears of the error finds the rest of it */
		set_error_info(installer,
		               reply_error_info(installation->error, &installation->report));
		set_last_error(installer, installation->error->message);
	}
	emit(installer, INTERFACE, "Completed", g_variant_new("(i)", is_ok ? 0 : 1));
	installer->is_installing = false;
	installer->cancel = NULL;
	set_operation(installer, "idle");
	if (installer->options.installed)
		installer->options.installed(installer->options.user, installation->error);
	free_installation(installation);
}

bool installer_install(Installer *installer, Request *request, GError **error)
{
	Installation *installation = g_new0(Installation, 1);
	Job job = { work_install, end_install, installation };

	installation->installer = installer;
	installation->request = request;
	installation->cancel = cancel_new();
	g_message("input bundle: %s", request->source);
	if (installer->is_installing || !job_line_add(installer->options.line, job)) {
		free_installation(installation);
		return fail(error, FAILURE_BUSY, "Already processing a different method");
	}
	installer->is_installing = true;
	installer->cancel = installation->cancel;
	set_operation(installer, "installing");
	set_statistics(installer, no_facts());
	set_error_info(installer, no_facts());
	set_last_error(installer, "");
	return true;
}

bool installer_is_installing(const Installer *installer)
{
	return installer->is_installing;
}

/* Method calls. */

typedef struct {
	Installer *installer;
	GDBusMethodInvocation *invocation;
	Method method;
	GVariant *reply;
	GError *error;
} Call;

static void refuse(GDBusMethodInvocation *invocation, const GError *error)
{
	g_autofree char *text = utf8(error->message);

	g_dbus_method_invocation_return_error_literal(invocation, G_IO_ERROR,
	                                              G_IO_ERROR_FAILED_HANDLED, text);
}

static void work_call(void *user)
{
	Call *call = user;
	GVariant *parameters = g_dbus_method_invocation_get_parameters(call->invocation);

	call->reply = call->method(call->installer->options.system, parameters, &call->error);
}

static void end_call(void *user)
{
	Call *call = user;

	if (call->reply)
		g_dbus_method_invocation_return_value(call->invocation, call->reply);
	else
		refuse(call->invocation, call->error);
	g_clear_error(&call->error);
	g_free(call);
}

static void call_install(Installer *installer, GVariant *parameters,
                         GDBusMethodInvocation *invocation)
{
	g_autoptr(GVariant) source = g_variant_get_child_value(parameters, 0);
	g_autoptr(GVariant) options = NULL;
	g_autoptr(GError) error = NULL;

	if (g_variant_n_children(parameters) > 1)
		options = g_variant_get_child_value(parameters, 1);
	Request *request =
		request_new(REQUEST_INSTALL, g_variant_get_string(source, NULL), options, &error);
	if (request && installer_install(installer, request, &error))
		g_dbus_method_invocation_return_value(invocation, NULL);
	else
		refuse(invocation, error);
}

/* Answered at once; that it has come to that is told like any other end. */
static void call_cancel(const Installer *installer, GDBusMethodInvocation *invocation)
{
	g_autoptr(GError) error = NULL;

	if (!installer->is_installing)
		fail(&error, FAILURE_USAGE, "no installation is running");
	else if (!cancel_ask(installer->cancel, "over D-Bus"))
		fail(&error, FAILURE_BUSY,
		     "too late to cancel: the slots are written, the new system is being activated");
	if (error) {
		refuse(invocation, error);
		return;
	}
	g_message("the installation is to be cancelled");
	g_dbus_method_invocation_return_value(invocation, NULL);
}

static void call_method(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                        const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                        const char *name, GVariant *parameters, GDBusMethodInvocation *invocation,
                        void *user)
{
	Installer *installer = user;
	Method method = method_find(name);

	if (g_str_equal(name, "Cancel")) {
		call_cancel(installer, invocation);
		return;
	}
	if (!method) {
		call_install(installer, parameters, invocation);
		return;
	}

	Call *call = g_new0(Call, 1);
	*call = (Call){ .installer = installer, .invocation = invocation, .method = method };
	if (!installer->is_installing &&
	    job_line_add(installer->options.line, (Job){ work_call, end_call, call }))
		return;
	fail(&call->error, FAILURE_BUSY, "already processing a different method");
	end_call(call);
}

static bool export(Installer *installer, GError **error)
{
	static const GDBusInterfaceVTable table = { call_method, get_property, NULL, { NULL } };
	g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(installer_xml, error);

	if (!node)
		return false;
	installer->registration =
		g_dbus_connection_register_object(installer->bus, OBJECT, node->interfaces[0],
	                                          &table, installer, NULL, error);
	return installer->registration != 0;
}

Installer *installer_new(const InstallerOptions *options, GDBusConnection *bus, GError **error)
{
	g_autoptr(Installer) installer = g_new0(Installer, 1);

	installer->options = *options;
	installer->bus = g_object_ref(bus);
	installer->compatible = utf8(system_config(options->system)->compatible);
	installer->variant = utf8(system_variant(options->system));
	installer->version = utf8(system_version(options->system));
	installer->boot_slot = utf8(system_boot_slot(options->system));
	installer->operation = "idle";
	installer->last_error = g_strdup("");
	installer->error_info = g_variant_ref_sink(no_facts());
	installer->statistics = g_variant_ref_sink(no_facts());
	installer->text = g_strdup("");
	return export(installer, error) ? g_steal_pointer(&installer) : NULL;
}

void installer_free(Installer *installer)
{
	if (!installer)
		return;
	if (installer->registration)
		g_dbus_connection_unregister_object(installer->bus, installer->registration);
	g_object_unref(installer->bus);
	g_free(installer->compatible);
	g_free(installer->variant);
	g_free(installer->version);
	g_free(installer->boot_slot);
	g_free(installer->last_error);
	g_clear_pointer(&installer->error_info, g_variant_unref);
	g_clear_pointer(&installer->statistics, g_variant_unref);
	g_free(installer->text);
	outage_clear(&installer->outage);
	g_free(installer);
}
