/* SPDX-License-Identifier: MIT */

#include "install/check.h"

#include "base/error.h"
#include "base/version.h"
#include "system/trust.h"

static bool check_hash(const InstallRequest *request, const Bundle *bundle, GError **error)
{
	const char *expected = request->require_manifest_hash;

	if (!expected)
		return true;
	if (bundle_manifest(bundle)->format == MANIFEST_PLAIN)
		return fail(error, FAILURE_REJECTED,
		            "Refusing to install plain bundle when using require-manifest-hash");
	return g_ascii_strcasecmp(expected, bundle_manifest_hash(bundle)) == 0 ||
	       fail(error, FAILURE_REJECTED,
	            "Refusing to install bundle with unexpected hash (expected %s, got %s)",
	            expected, bundle_manifest_hash(bundle));
}

static bool check_version(const char *least, const char *version, GError **error)
{
	int order;

	if (!version)
		return fail(error, FAILURE_VERSION,
		            "Version mismatch: Expected at least '%s' but bundle manifest has no "
		            "version",
		            least);
	if (!version_compare(least, version, &order, error))
		return false;
	return order <= 0 ||
	       fail(error, FAILURE_VERSION,
	            "Version mismatch: Expected at least '%s' but bundle manifest has '%s'", least,
	            version);
}

bool check_bundle(System *system, const InstallRequest *request, const Bundle *bundle,
                  GError **error)
{
	const Config *config = system_config(system);
	const Manifest *manifest = bundle_manifest(bundle);

	if (!check_hash(request, bundle, error))
		return false;
	/* Who made it forgot the last step, and everybody on the way could read it. */
	if (manifest->format == MANIFEST_CRYPT && !bundle_file_envelope(bundle_file(bundle)))
		return fail(error, FAILURE_REJECTED,
		            "Refusing to install unencrypted crypt bundles (`rauc encrypt` makes "
		            "one for recipients)");
	/* A bundle with a check of its own decides that itself. */
	if (!request->ignore_compatible && !manifest->has_install_check &&
	    g_strcmp0(config->compatible, manifest->compatible) != 0)
		return fail(error, FAILURE_COMPATIBLE,
		            "Compatible mismatch: Expected '%s' but bundle manifest has '%s'",
		            config->compatible, manifest->compatible);
	if (!trust_check_epoch(system, manifest, error)) /* no option goes around that */
		return false;
	if (request->ignore_version_limit || !config->min_bundle_version)
		return true;
	return check_version(config->min_bundle_version, manifest->version, error);
}

static bool check_step(System *system, const PlanStep *step, Pool *pool, GError **error)
{
	const Slot *slot = step->slot;
	const char *mount_point = system_state(system, slot)->mount_point;

	if (!g_file_test(slot->device, G_FILE_TEST_EXISTS))
		return fail(error, FAILURE_NOT_FOUND,
		            "Destination device '%s' for slot '%s' not found", slot->device,
		            slot->name);
	if (mount_point && slot->allow_mounted && !step->writer)
		return true;
	if (mount_point && slot->allow_mounted)
		return fail(error, FAILURE_REJECTED,
		            "Mounted device '%s' may only be updated by a custom install hook",
		            slot->device);
	if (mount_point)
		return fail(error, FAILURE_BUSY, "Destination device '%s' already mounted (on %s)",
		            slot->device, mount_point);

	WriterJob job = plan_job(step, system, pool, NULL);
	if (!step->writer || step->writer->check(&job, error))
		return true;
	g_prefix_error(error, "slot %s: ", slot->name);
	return false;
}

bool check_plan(System *system, const Plan *plan, Pool *pool, GError **error)
{
	for (unsigned i = 0; i < plan->steps->len; i++) {
		if (!check_step(system, plan->steps->pdata[i], pool, error))
			return false;
	}
	/* A status that cannot be saved later would end the installation half way. */
	return system_probe_status(system, error);
}
