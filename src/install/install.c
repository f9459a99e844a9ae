/* SPDX-License-Identifier: MIT */

#include "install/install.h"

#include "base/error.h"
#include "bundle/bundle.h"
#include "bundle/expose.h"
#include "install/check.h"
#include "install/hook.h"
#include "install/network.h"
#include "install/plan.h"
#include "install/step.h"
#include "system/mark.h"
#include "system/trust.h"
#include "writer/mount.h"

#define MOST_WORKERS 4

static void tell(const InstallEvents *events, const char *text)
{
	if (events->message)
		events->message(events->user, text);
}

static void enter(const InstallEvents *events, InstallStage stage)
{
	events->report->stage = stage;
}

static Bundle *verify(System *system, BundleFile *file, Progress *parent, GError **error)
{
	const Config *config = system_config(system);
	g_autoptr(BundleFile) owned = file;
	g_autoptr(Keyring) keyring = trust_load_here(system, error);

	if (!keyring)
		return NULL;
	Progress *step = progress_begin(parent, 1, 0, "Verifying signature");
	BundleRules rules = { .keyring = keyring, .formats = config->bundle_formats };
	Bundle *bundle = bundle_verify(g_steal_pointer(&owned), &rules, error);
	progress_end(step, bundle != NULL);
	return bundle;
}

/* Whose word is it, where several have signed? Handlers and status know one chain. */
static bool check_signers(const Bundle *bundle, GError **error)
{
	const Signers *signers = bundle_signers(bundle);

	return signers_chain(signers) ||
	       fail(error, FAILURE_SIGNATURE,
	            "Unsupported number of signers: the bundle must have exactly one, it has %s",
	            signers_subjects(signers));
}

static Bundle *open_bundle(System *system, const InstallRequest *request, const char *transaction,
                           Network *network, Pool *pool, Progress *root, GError **error)
{
	StreamAccess access = request->access;

	const Config *config = system_config(system);
	Progress *step = progress_begin(root, 1, 1, "Checking bundle");

	access.system = system;
	access.is_patient = true;
	access.transaction = transaction;
	access.cancel = request->cancel;
	network_listen(network, &access);
	BundleFile *file = trust_open_file(config, request->bundle, &access, error);
	g_autoptr(Bundle) bundle = file ? verify(system, file, step, error) : NULL;
	bool ok = bundle && check_signers(bundle, error) && bundle_open_payload(bundle, error) &&
	          (!config->perform_pre_check || bundle_check_payload(bundle, pool, NULL, error));

	progress_end(step, ok);
	return ok ? g_steal_pointer(&bundle) : NULL;
}

static bool refresh_states(System *system, Progress *root, GError **error)
{
	Progress *step = progress_begin(root, 1, 0, "Determining slot states");
	const Config *config = system_config(system);

	for (unsigned i = 0; i < config->slots->len; i++)
		mount_clear_left_over(config->mount_prefix, config->slots->pdata[i]);
	bool ok = system_refresh_mounts(system, error);

	progress_end(step, ok);
	return ok;
}

static bool check_contents(System *system, const InstallRequest *request, const Bundle *bundle,
                           Progress *root, GError **error)
{
	Progress *step = progress_begin(root, 1, 0, "Checking manifest contents");
	bool ok = check_bundle(system, request, bundle, error);

	progress_end(step, ok);
	return ok;
}

static Plan *make_plan(System *system, const Bundle *bundle, GPtrArray *target, Pool *pool,
                       Progress *root, GError **error)
{
	Progress *step = progress_begin(root, 1, 0, "Determining target install group");
	g_autoptr(Plan) plan = plan_make(system, bundle, target, error);
	bool ok = plan && check_plan(system, plan, pool, error);

	progress_end(step, ok);
	return ok ? g_steal_pointer(&plan) : NULL;
}

static bool close_target(System *system, const Slot *slot, GError **error)
{
	if (mark_bad(system, slot, error))
		return true;
	g_prefix_error(error, "Failed marking slot %s non-bootable (bad): ", slot->name);
	return false;
}

static bool activate(System *system, const Slot *slot, GError **error)
{
	if (!system_config(system)->activate_installed || mark_active(system, slot, error))
		return true;
	g_prefix_error(error, "Failed marking slot %s bootable (active/primary): ", slot->name);
	return false;
}

/* From the first line on the target does not boot; the last one decides. */
static bool touch(const StepContext *context, const Plan *plan, GError **error)
{
	System *system = context->facts.system;

	enter(context->events, INSTALL_CLOSE);
	if (!cancel_check(context->facts.cancel, error))
		return false;
	if (plan->boot_slot && !close_target(system, plan->boot_slot, error))
		return false;
	enter(context->events, INSTALL_WRITE);
	for (unsigned i = 0; i < plan->steps->len; i++) {
		if (!cancel_check(context->facts.cancel, error) ||
		    !step_run(context, plan->steps->pdata[i], error))
			return false;
	}
	if (!cancel_close(context->facts.cancel, error))
		return false;
	tell(context->events, "All slots updated");
	enter(context->events, INSTALL_ACTIVATE);
	context->events->report->slot = plan->boot_slot;
	return !plan->boot_slot || activate(system, plan->boot_slot, error);
}

static bool update_slots(StepContext *context, const Plan *plan, Progress *root, GError **error)
{
	ERROR_WHILE(error, "Installation error");

	tell(context->events, "Updating slots...");
	context->progress = progress_begin(root, 6, 10 * plan->steps->len, "Updating slots");
	bool ok = touch(context, plan, error);
	progress_end(context->progress, ok);
	return ok;
}

/* The bundle's own program does the whole installation, boot state included. */
static bool run_custom_handler(const StepContext *context, const InstallRequest *request,
                               const GPtrArray *target, Progress *root, GError **error)
{
	ERROR_WHILE(error, "Installation error");
	const Manifest *manifest = bundle_manifest(context->facts.bundle);
	Progress *step = progress_begin(root, 6, 0, "Launching update handler");
	g_autofree char *path =
		g_build_filename(context->facts.content, manifest->handler_filename, NULL);
	g_autofree char *words =
		g_strstrip(g_strjoin(" ", manifest->handler_args ? manifest->handler_args : "",
	                             request->handler_args ? request->handler_args : "", NULL));
	bool ok = hook_run_handler(&context->facts, target, path, words, context->events, error);

	progress_end(step, ok);
	return ok;
}

static bool run_system_handler(const StepContext *context, const GPtrArray *target,
                               const char *path, const char *when, GError **error)
{
	ERROR_WHILE(error, when);

	return !path ||
	       hook_run_handler(&context->facts, target, path, NULL, context->events, error);
}

/* Does any program want to see what is in the bundle? */
static bool needs_content(const Config *config, const Manifest *manifest)
{
	return config->handler_pre_install || config->handler_post_install ||
	       manifest->handler_filename || manifest->hook_filename;
}

static bool work(StepContext *context, const InstallRequest *request, const GPtrArray *target,
                 const Plan *plan, Progress *root, GError **error)
{
	const Config *config = system_config(context->facts.system);

	enter(context->events, INSTALL_ASK);
	if (!cancel_check(context->facts.cancel, error) ||
	    !run_system_handler(context, target, config->handler_pre_install,
	                        "Pre-install handler error", error))
		return false;
	if (bundle_manifest(context->facts.bundle)->has_install_check &&
	    !hook_check(&context->facts, error))
		return false;
	enter(context->events, INSTALL_HANDLER);
	if (!(plan ? update_slots(context, plan, root, error)
	           : run_custom_handler(context, request, target, root, error)))
		return false;
	enter(context->events, INSTALL_TELL);
	cancel_close(context->facts.cancel, NULL); /* a handler may have ended in time */
	context->events->report->slot = NULL;
	return run_system_handler(context, target, config->handler_post_install,
	                          "Post-install handler error", error);
}

static bool work_with_content(StepContext *context, const InstallRequest *request, Bundle *bundle,
                              const GPtrArray *target, const Plan *plan, Progress *root,
                              GError **error)
{
	const Config *config = system_config(context->facts.system);
	g_autoptr(Expose) expose = NULL;

	if (needs_content(config, bundle_manifest(bundle))) {
		g_autofree char *folder = g_build_filename(config->mount_prefix, "bundle", NULL);

		expose = expose_bundle(bundle, folder, error);
		if (!expose)
			return false;
		context->facts.content = expose_folder(expose);
	}
	return work(context, request, target, plan, root, error);
}

/* For the event log, which outlives the bundle. */
typedef struct {
	char *transaction;
	char *hash, *version, *description;
} Told;

static void take_facts(Told *told, const Bundle *bundle)
{
	const Manifest *manifest = bundle_manifest(bundle);

	told->hash = g_strdup(bundle_manifest_hash(bundle));
	told->version = g_strdup(manifest->version);
	told->description = g_strdup(manifest->description);
}

static bool run(System *system, const InstallRequest *request, Network *network, Told *told,
                Progress *root, GError **error)
{
	const InstallEvents *events = network->events;
	unsigned workers = pool_default_workers(MOST_WORKERS);
	/* each at work, and one that is written; a MiB each is what memory there is for */
	g_autoptr(Pool) pool = pool_new(workers, MAX(workers + 1, 3));

	pool_heed(pool, request->cancel);
	if (!system_lock(system, error) || !refresh_states(system, root, error))
		return false;
	trust_mend(system);
	tell(events, "Checking and mounting bundle...");
	enter(events, INSTALL_VERIFY);
	g_autoptr(Bundle) bundle =
		open_bundle(system, request, told->transaction, network, pool, root, error);
	if (!bundle)
		return false;
	take_facts(told, bundle);
	enter(events, INSTALL_CHECK);
	if (!check_contents(system, request, bundle, root, error))
		return false;
	enter(events, INSTALL_PLAN);
	g_autoptr(GPtrArray) target = system_pick_target(system);
	g_autoptr(Plan) plan = NULL;
	if (!bundle_manifest(bundle)->handler_filename &&
	    !(plan = make_plan(system, bundle, target, pool, root, error)))
		return false;
	StepContext context = { .facts = { .system = system,
		                           .bundle = bundle,
		                           .transaction = told->transaction,
		                           .cancel = request->cancel },
		                .events = events,
		                .pool = pool };
	if (!work_with_content(&context, request, bundle, target, plan, root, error))
		return false;
	trust_note_sync(system);
	return true;
}

static void log_start(System *system, const Told *told)
{
	g_autofree char *message = g_strdup_printf("Installation %.8s started", told->transaction);
	const EventField fields[] = { { "TRANSACTION_ID", told->transaction } };
	const Event event = { .type = EVENT_INSTALL,
		              .message = message,
		              .id = "b05410e8a93345389cd061aab1e9516d",
		              .fields = fields,
		              .n_fields = G_N_ELEMENTS(fields) };

	event_log_write(system_events(system), &event);
}

/* Did somebody say no, or did something go wrong? */
static bool is_rejection(const InstallReport *report, const GError *reason)
{
	return g_error_matches(reason, FAILURE, FAILURE_COMPATIBLE) ||
	       (g_error_matches(reason, FAILURE, FAILURE_REJECTED) &&
	        (report->stage == INSTALL_CHECK || report->stage == INSTALL_ASK));
}

static void log_end(System *system, const Told *told, const InstallReport *report,
                    const GError *reason)
{
	bool is_rejected = reason && is_rejection(report, reason);
	const char *word = !reason ? "succeeded" : is_rejected ? "rejected: " : "failed: ";
	const char *id = !reason       ? "0163db5468ac4237b090d28490c301ed"
	                 : is_rejected ? "60bea7e4fea549ccad68af457308b13a"
	                               : "c48141f7fd49443aafff862b4809168f";
	g_autofree char *message = g_strdup_printf("Installation %.8s %s%s", told->transaction,
	                                           word, reason ? reason->message : "");
	const EventField bundle[] = {
		{ "BUNDLE_HASH", told->hash },
		{ "BUNDLE_DESCRIPTION", told->description },
		{ "BUNDLE_VERSION", told->version },
		{ "TRANSACTION_ID", told->transaction },
	};
	g_autoptr(GArray) fields = g_array_new(FALSE, FALSE, sizeof(EventField));
	GStringChunk *texts = g_string_chunk_new(256);

	g_array_append_vals(fields, bundle, G_N_ELEMENTS(bundle));
	statistics_add_fields(&report->statistics, fields, texts);
	const Event event = { .type = EVENT_INSTALL,
		              .message = message,
		              .id = id,
		              .id_comes_first = true,
		              .fields = (const EventField *)(const void *)fields->data,
		              .n_fields = fields->len };

	event_log_write(system_events(system), &event);
	g_string_chunk_free(texts);
}

static void tell_statistics(const InstallEvents *events)
{
	const InstallStatistics *statistics = &events->report->statistics;
	g_autofree char *text = statistics_describe(statistics);

	if (!statistics_is_plain(statistics))
		tell(events, text);
}

static void told_clear(Told *told)
{
	g_free(told->transaction);
	g_free(told->hash);
	g_free(told->version);
	g_free(told->description);
}

/* Instead of where exactly it was: what somebody wants to know who cancelled. */
static GError *explain_cancelled(GError *reason, const InstallReport *report, Cancel *cancel)
{
	g_autoptr(GError) owned = reason, by = NULL;
	GError *told = NULL;

	if (!g_error_matches(reason, FAILURE, FAILURE_CANCELLED) || cancel_check(cancel, &by))
		return g_steal_pointer(&owned);
	if (report->stage == INSTALL_HANDLER)
		fail(&told, by->code, "Installation %s while the bundle's handler was running",
		     by->message);
	else if (report->slot)
		fail(&told, by->code, "Installation %s while slot %s was written", by->message,
		     report->slot->name);
	else
		fail(&told, by->code, "Installation %s before a slot was changed", by->message);
	return told;
}

const char *install_stage_name(InstallStage stage)
{
	static const char *const names[] = { "prepare", "verify", "check", "plan",
		                             "ask",     "close",  "write", "activate",
		                             "handler", "tell",   "done" };

	return names[stage];
}

bool install_run(System *system, const InstallRequest *request, const InstallEvents *events,
                 GError **error)
{
	Progress *root = progress_new("Installing", 10, events->progress, events->user);
	Told told = { .transaction = request->transaction ? g_strdup(request->transaction)
		                                          : g_uuid_string_random() };
	InstallReport report = { 0 };
	InstallEvents heard = *events;
	Network network = { .events = &heard };
	GError *reason = NULL;

	if (!heard.report)
		heard.report = &report;
	*heard.report = report;
	tell(&heard, "started");
	log_start(system, &told);
	bool ok = run(system, request, &network, &told, root, &reason);
	network_end(&network);
	progress_end(root, ok);
	cancel_close(request->cancel, NULL);
	if (ok)
		enter(&heard, INSTALL_DONE);
	else
		reason = explain_cancelled(reason, heard.report, request->cancel);
	tell_statistics(&heard);
	tell(&heard, ok ? "finished" : reason->message);
	log_end(system, &told, heard.report, reason);
	told_clear(&told);
	if (!ok)
		g_propagate_error(error, reason);
	return ok;
}
