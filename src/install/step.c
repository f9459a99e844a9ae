/* SPDX-License-Identifier: MIT */

#include "install/step.h"

#include "base/error.h"
#include "install/hook.h"
#include "install/reuse.h"
#include "system/journal.h"
#include "system/trust.h"
#include "writer/mount.h"

/* What has to be written again at most when all is cut short. */
#define JOURNAL_STEP (8 * 1024 * 1024)

G_GNUC_PRINTF(2, 3)
static void tell(const StepContext *context, const char *format, ...)
{
	va_list args;

	if (!context->events->message)
		return;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	context->events->message(context->events->user, text);
}

/* Power lost from here on shows as pending: nobody takes the old digest for the content. */
static bool save_pending(const StepContext *context, const PlanStep *step, GError **error)
{
	/* In the slot itself it would be gone with the first bytes written. */
	if (!system_has_central_status(context->facts.system))
		return true;
	g_autoptr(SlotStatus) status =
		slot_status_copy(system_status(context->facts.system, step->slot));

	g_free(status->status);
	status->status = g_strdup("pending");
	g_clear_pointer(&status->sha256, g_free);
	status->size = 0;
	return system_save_status(context->facts.system, step->slot, status, error);
}

static bool save_result(const StepContext *context, const PlanStep *step, const char *result,
                        GError **error)
{
	g_autoptr(SlotStatus) status =
		slot_status_copy(system_status(context->facts.system, step->slot));
	const Manifest *manifest = bundle_manifest(context->facts.bundle);

	slot_status_reset(status);
	status->bundle_compatible = g_strdup(manifest->compatible);
	status->bundle_version = g_strdup(manifest->version);
	status->bundle_description = g_strdup(manifest->description);
	status->bundle_build = g_strdup(manifest->build);
	status->bundle_hash = g_strdup(bundle_manifest_hash(context->facts.bundle));
	trust_note_bundle(context->facts.system, status, manifest,
	                  bundle_signers(context->facts.bundle));
	status->status = g_strdup(result);
	status->sha256 = g_strdup(step->image->sha256);
	status->size = step->image->size;
	status->installed_transaction = g_strdup(context->facts.transaction);
	status->installed_timestamp = system_now();
	if (status->installed_count < G_MAXUINT32)
		status->installed_count++;
	return system_save_status(context->facts.system, step->slot, status, error);
}

static bool is_same(const StepContext *context, const PlanStep *step)
{
	const SlotStatus *status = system_status(context->facts.system, step->slot);

	return !step->slot->install_same && g_strcmp0(status->status, "ok") == 0 &&
	       status->sha256 && step->image->sha256 &&
	       g_ascii_strcasecmp(status->sha256, step->image->sha256) == 0;
}

static bool skip(const StepContext *context, const PlanStep *step, GError **error)
{
	tell(context, "Skipping update for correct image '%s'", step->image->filename);
	bool ok = save_result(context, step, "ok", error);
	progress_end(progress_begin(context->progress, 9, 0, "Copying image skipped"), ok);
	return ok;
}

/* A slot that is new, or in which an update was cut short, has no file system. The hook that runs
 * before the next one is written must not make that the end of all updates. */
static Mount *mount_old(const char *prefix, const Slot *slot, GError **error)
{
	g_autoptr(GError) reason = NULL;
	Mount *mount = mount_slot(prefix, slot, &reason);

	if (mount)
		return mount;
	g_warning("%s; the pre-install hook sees an empty slot", reason->message);
	return mount_nothing(prefix, slot, error);
}

static Mount *mount_for_hook(const char *prefix, const Slot *slot, const char *verb, GError **error)
{
	return g_str_equal(verb, "slot-pre-install") ? mount_old(prefix, slot, error)
	                                             : mount_slot(prefix, slot, error);
}

/* Hooks see the slot as its writer says. */
static bool run_hook(const StepContext *context, const PlanStep *step, const char *verb,
                     WriterView view, GError **error)
{
	const char *outside = system_state(context->facts.system, step->slot)->mount_point;
	const char *prefix = system_config(context->facts.system)->mount_prefix;
	Mount *mount = NULL;

	if (view == WRITER_MOUNTED && !(mount = mount_for_hook(prefix, step->slot, verb, error)))
		return false;
	bool ok = hook_run_slot(&context->facts, verb, step->image, step->slot,
	                        mount ? mount_path(mount) : outside, error);
	if (ok)
		return mount_end(mount, error);
	mount_give_up(mount);
	return false;
}

typedef struct {
	const StepContext *context;
	const PlanStep *step;
} Within;

static bool run_hook_within(void *user, const char *mount_point, GError **error)
{
	const Within *within = user;

	return hook_run_slot(&within->context->facts, "slot-post-install", within->step->image,
	                     within->step->slot, mount_point, error);
}

static bool run_pre_hook(void *user, GError **error)
{
	const Within *within = user;

	return run_hook(within->context, within->step, "slot-pre-install", WRITER_UNMOUNTED, error);
}

static bool run_post_hook(void *user, GError **error)
{
	const Within *within = user;

	return run_hook(within->context, within->step, "slot-post-install", WRITER_UNMOUNTED,
	                error);
}

static bool run_writer(const StepContext *context, const PlanStep *step, WriterJob *job,
                       GError **error)
{
	const Writer *writer = step->writer;
	bool has_pre = step->image->hooks & IMAGE_HOOK_PRE_INSTALL;
	bool has_post = step->image->hooks & IMAGE_HOOK_POST_INSTALL;
	StepContext with = *context;
	Within within = { &with, step };
	g_auto(GStrv) variables = NULL;

	if (writer->variables) {
		variables = writer->variables(job, error);
		if (!variables)
			return false;
		with.facts.slot_variables = (const char *const *)variables;
	}
	if (has_pre && writer->pre_hook == WRITER_ASKS) {
		job->before_write = run_pre_hook;
		has_pre = false;
	}
	if (has_post && writer->post_hook == WRITER_ASKS) {
		job->before_switch = run_post_hook;
		has_post = false;
	}
	if (has_post && writer->post_hook == WRITER_WITHIN) {
		job->while_mounted = run_hook_within;
		has_post = false;
	}
	job->before_user = job->while_mounted_user = &within;
	return (!has_pre || run_hook(&with, step, "slot-pre-install", writer->pre_hook, error)) &&
	       writer->write(job, error) &&
	       (!has_post || run_hook(&with, step, "slot-post-install", writer->post_hook, error));
}

static bool write_image(const StepContext *context, const PlanStep *step, Reuse *reuse,
                        GError **error)
{
	Progress *copying =
		progress_begin(context->progress, 9, 0, "Copying image to %s", step->slot->name);
	WriterJob job = plan_job(step, context->facts.system, context->pool, copying);
	g_autoptr(Journal) journal =
		journal_open(system_config(context->facts.system)->data_directory, step->slot,
	                     step->image->sha256, step->image->size);
	CopyJournal known = {
		.put = journal_put,
		.user = journal,
		.step = JOURNAL_STEP,
	};
	if (journal) {
		known.known = journal_known(journal, &known.n_known);
		job.journal = &known;
	}
	job.adaptive = reuse_adaptive(reuse);
	if (job.adaptive)
		job.adaptive->n_likely = MAX(job.adaptive->n_likely, known.n_known * COPY_CHUNK);
	bool ok = step->writer ? run_writer(context, step, &job, error)
	                       : run_hook(context, step, "slot-install", WRITER_UNMOUNTED, error);

	progress_end(copying, ok);
	statistics_add_job(&context->events->report->statistics, &job);
	if (ok && step->writer)
		g_info("slot %s: %" G_GUINT64_FORMAT " bytes written, %" G_GUINT64_FORMAT
		       " zero bytes without a write, %" G_GUINT64_FORMAT " in place",
		       step->slot->name, job.n_written, job.n_punched, job.n_in_place);
	return ok;
}

static bool update(const StepContext *context, const PlanStep *step, GError **error)
{
	g_autoptr(GError) unsaved = NULL;

	g_autofree char *text = g_strdup_printf("Updating slot %s", step->slot->name);
	const Event event = { .type = EVENT_WRITESLOT, .message = text };

	tell(context, "%s", text);
	event_log_write(system_events(context->facts.system), &event);
	g_autoptr(Reuse) reuse = reuse_prepare(context, step);
	if (!cancel_check(context->facts.cancel, error) || !save_pending(context, step, error))
		return false;
	if (!write_image(context, step, reuse, error)) {
		if (!save_result(context, step, "failed", &unsaved))
			g_warning("%s", unsaved->message);
		return false;
	}
	if (!save_result(context, step, "ok", error))
		return false;
	reuse_keep(reuse);
	tell(context, "Updating slot %s done", step->slot->name);
	return true;
}

bool step_run(const StepContext *context, const PlanStep *step, GError **error)
{
	const char *boot_name = step->slot->boot_name;

	context->events->report->slot = step->slot;
	tell(context, "Checking slot %s", step->slot->name);
	progress_end(progress_begin(context->progress, 1, 0, "Checking slot %s%s%s%s",
	                            step->slot->name, boot_name ? " (" : "",
	                            boot_name ? boot_name : "", boot_name ? ")" : ""),
	             true);
	if (is_same(context, step) ? skip(context, step, error) : update(context, step, error))
		return true;
	g_prefix_error(error, "Failed updating slot %s: ", step->slot->name);
	return false;
}
