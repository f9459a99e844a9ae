/* SPDX-License-Identifier: MIT */

#include "install/plan.h"

#include "base/error.h"

static void step_free(PlanStep *step)
{
	source_unref(step->bytes);
	g_free(step);
}

void plan_free(Plan *plan)
{
	if (!plan)
		return;
	g_ptr_array_unref(plan->steps);
	g_ptr_array_unref(plan->target);
	g_free(plan);
}

/* What this version does not do yet must not be left out in silence. */
static bool check_supported(const Manifest *manifest, GError **error)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		if (image->artifact)
			return fail(error, FAILURE_UNSUPPORTED,
			            "the bundle has an artifact ('%s/%s'): not supported by this "
			            "version",
			            image->class, image->artifact);
	}
	return true;
}

static const Slot *pick_slot(const Plan *plan, const Image *image, GError **error)
{
	const Slot *slot = group_find(plan->target, image->class);
	const char *name = image->filename ? image->filename : "(none)";

	if (!slot)
		return fail_null(error, FAILURE_REJECTED,
		                 "No target slot for class '%s' of image '%s' found", image->class,
		                 name);
	if (slot->is_readonly)
		return fail_null(error, FAILURE_REJECTED,
		                 "Target slot for class '%s' of image '%s' is readonly",
		                 image->class, name);
	return slot;
}

static Source *open_image(const Bundle *bundle, const Image *image, GError **error)
{
	g_autoptr(GError) missing = NULL;
	Source *bytes = bundle_open_member(bundle, image->filename, &missing);

	if (!bytes && image->converted && g_error_matches(missing, FAILURE, FAILURE_NOT_FOUND))
		return fail_null(
			error, FAILURE_FORMAT,
			"Source image '%s' was taken out of the bundle when it was "
			"converted: a slot needs a bundle made with 'convert=tar-extract;keep'",
			image->filename);
	if (!bytes && g_error_matches(missing, FAILURE, FAILURE_NOT_FOUND))
		return fail_null(error, FAILURE_FORMAT, "Source image '%s' not found in bundle",
		                 image->filename);
	if (!bytes)
		g_propagate_error(error, g_steal_pointer(&missing));
	return bytes;
}

static bool add_step(Plan *plan, const Bundle *bundle, const Image *image, GError **error)
{
	bool is_hooked = image->hooks & IMAGE_HOOK_INSTALL;
	const Slot *slot = pick_slot(plan, image, error);
	const Writer *writer = NULL;

	if (!slot)
		return false;
	if (!is_hooked && !(writer = writer_find(image->type, slot->type, error)))
		return false;
	if (!slot->parent && slot->boot_name) {
		if (plan->boot_slot)
			return fail(error, FAILURE_CONFIG,
			            "the bundle writes two bootable slots, %s and %s: only one can "
			            "be booted next",
			            plan->boot_slot->name, slot->name);
		plan->boot_slot = slot;
	}

	Source *bytes = NULL;
	if (image->filename && !(bytes = open_image(bundle, image, error)))
		return false;
	PlanStep *step = g_new0(PlanStep, 1);
	*step = (PlanStep){ image, slot, writer, bytes };
	g_ptr_array_add(plan->steps, step);
	return true;
}

Plan *plan_make(System *system, const Bundle *bundle, GPtrArray *target, GError **error)
{
	const Manifest *manifest = bundle_manifest(bundle);
	g_autoptr(Plan) plan = g_new0(Plan, 1);

	plan->target = g_ptr_array_ref(target);
	plan->steps = g_ptr_array_new_with_free_func((GDestroyNotify)step_free);
	if (!check_supported(manifest, error))
		return NULL;
	g_autoptr(GPtrArray) images = manifest_pick_images(manifest, system_variant(system), error);
	if (!images)
		return NULL;
	if (images->len == 0)
		return fail_null(error, FAILURE_REJECTED, "No installable image found");
	for (unsigned i = 0; i < images->len; i++) {
		if (!add_step(plan, bundle, images->pdata[i], error))
			return NULL;
	}
	return g_steal_pointer(&plan);
}

WriterJob plan_job(const PlanStep *step, System *system, Pool *pool, Progress *progress)
{
	return (WriterJob){ .image = step->image,
		            .bytes = step->bytes,
		            .slot = step->slot,
		            .mount_prefix = system_config(system)->mount_prefix,
		            .pool = pool,
		            .progress = progress,
		            .verify = system_config(system)->verify_written };
}
