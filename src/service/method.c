/* SPDX-License-Identifier: MIT */

#include "service/method.h"

#include "base/error.h"
#include "bundle/bundle.h"
#include "service/reply.h"
#include "service/request.h"
#include "system/mark.h"
#include "system/trust.h"

/* Verified; the payload of a verity bundle is not looked at. */
static Bundle *open_bundle(System *system, const char *path, StreamAccess access, GError **error)
{
	const Config *config = system_config(system);

	access.system = system;

	g_message("bundle: %s", path);
	g_autoptr(Keyring) keyring = trust_load_here(system, error);
	if (!keyring)
		return NULL;

	BundleFile *file = trust_open_file(config, path, &access, error);
	BundleRules rules = { .keyring = keyring, .formats = config->bundle_formats };
	return file ? bundle_verify(file, &rules, error) : NULL;
}

static GVariant *info(System *system, GVariant *parameters, GError **error)
{
	const char *path;

	g_variant_get(parameters, "(&s)", &path);
	g_autoptr(Bundle) bundle = open_bundle(system, path, (StreamAccess){ 0 }, error);
	if (!bundle)
		return NULL;

	const Manifest *manifest = bundle_manifest(bundle);
	return g_variant_new("(ss)", manifest->compatible ? manifest->compatible : "",
	                     manifest->version ? manifest->version : "");
}

static GVariant *inspect_bundle(System *system, GVariant *parameters, GError **error)
{
	g_autoptr(GVariant) options = NULL;
	const char *path;

	g_variant_get(parameters, "(&s@a{sv})", &path, &options);
	g_autoptr(Request) request = request_new(REQUEST_INSPECT, path, options, error);
	g_autoptr(Bundle) bundle =
		request ? open_bundle(system, path, request_access(request), error) : NULL;
	if (!bundle)
		return NULL;
	return g_variant_new("(@a{sv})",
	                     reply_inspect(bundle_manifest(bundle), bundle_manifest_hash(bundle)));
}

static bool find_action(const char *state, MarkAction *action, GError **error)
{
	static const char *const states[] = {
		[MARK_GOOD] = "good",
		[MARK_BAD] = "bad",
		[MARK_ACTIVE] = "active",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
		if (g_str_equal(states[i], state)) {
			*action = i;
			return true;
		}
	}
	return fail(error, FAILURE_USAGE, "unknown subcommand %s", state);
}

static GVariant *mark(System *system, GVariant *parameters, GError **error)
{
	const char *state, *identifier;
	MarkAction action = MARK_GOOD;

	g_variant_get(parameters, "(&s&s)", &state, &identifier);
	if (!find_action(state, &action, error))
		return NULL;

	g_autofree char *names = mark_find_names(system, identifier, error);
	g_autofree char *message = NULL;
	if (!names || !system_lock(system, error))
		return NULL;
	bool ok = mark_slots(system, action, identifier, &message, error);
	system_unlock(system);
	return ok ? g_variant_new("(ss)", names, message) : NULL;
}

static GVariant *get_slot_status(System *system, GVariant *parameters G_GNUC_UNUSED, GError **error)
{
	if (!system_refresh_mounts(system, error))
		return NULL;
	system_refresh_boot(system);
	system_refresh_status(system);
	return g_variant_new("(@a(sa{sv}))", reply_slot_status(system));
}

static GVariant *get_artifact_status(System *system, GVariant *parameters G_GNUC_UNUSED,
                                     GError **error G_GNUC_UNUSED)
{
	return g_variant_new("(@aa{sv})", reply_artifact_status(system_config(system)));
}

static GVariant *get_trust_status(System *system, GVariant *parameters G_GNUC_UNUSED,
                                  GError **error G_GNUC_UNUSED)
{
	system_refresh_status(system);
	return g_variant_new("(@a{sv})", reply_trust(system));
}

static GVariant *get_keyring_status(System *system, GVariant *parameters G_GNUC_UNUSED,
                                    GError **error G_GNUC_UNUSED)
{
	return g_variant_new("(@a{sv})", reply_keyring_status(&system_config(system)->keyring,
	                                                      trust_now(system)));
}

static GVariant *get_primary(System *system, GVariant *parameters G_GNUC_UNUSED, GError **error)
{
	g_autoptr(GError) reason = NULL;
	const Slot *primary = boot_get_primary(system_boot(system), &reason);

	if (primary)
		return g_variant_new("(s)", primary->name);
	fail(error, FAILURE_IO, "Failed getting primary slot: %s",
	     reason ? reason->message : "none is activated");
	return NULL;
}

Method method_find(const char *name)
{
	static const struct {
		const char *name;
		Method method;
	} methods[] = {
		{ "Info", info },
		{ "InspectBundle", inspect_bundle },
		{ "Mark", mark },
		{ "GetSlotStatus", get_slot_status },
		{ "GetArtifactStatus", get_artifact_status },
		{ "GetPrimary", get_primary },
		{ "GetTrustStatus", get_trust_status },
		{ "GetKeyringStatus", get_keyring_status },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++) {
		if (g_str_equal(methods[i].name, name))
			return methods[i].method;
	}
	return NULL;
}
