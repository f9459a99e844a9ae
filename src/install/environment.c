/* SPDX-License-Identifier: MIT */

#include "install/environment.h"

#include <string.h>

static void set(GStrv *env, const char *key, const char *value)
{
	*env = g_environ_setenv(*env, key, value ? value : "", TRUE);
}

/* RAUC_<name>_<n> */
static void set_numbered(GStrv *env, const char *name, unsigned n, const char *value)
{
	g_autofree char *key = g_strdup_printf("RAUC_%s_%u", name, n);

	set(env, key, value);
}

static char *meta_key(const char *label, const char *name)
{
	g_autofree char *joined = g_strconcat("RAUC_META_", label, "_", name, NULL);
	char *key = g_ascii_strup(joined, -1);

	return g_strdelimit(key, "-", '_');
}

static void set_meta(GStrv *env, const Manifest *manifest)
{
	for (unsigned i = 0; i < manifest->meta->len; i++) {
		const MetaGroup *group = manifest->meta->pdata[i];

		for (unsigned k = 0; k < group->entries->len; k++) {
			const MetaEntry *entry = group->entries->pdata[k];
			g_autofree char *key = meta_key(group->label, entry->key);

			*env = g_environ_setenv(*env, key, entry->value, FALSE);
		}
	}
}

static GStrv with_system(const EnvironmentFacts *facts)
{
	const Config *config = system_config(facts->system);
	GStrv env = g_get_environ();

	set(&env, "RAUC_SYSTEM_COMPATIBLE", config->compatible);
	set(&env, "RAUC_SYSTEM_VARIANT", system_variant(facts->system));
	set(&env, "RAUC_SYSTEM_VERSION", system_version(facts->system));
	set(&env, "RAUC_MOUNT_PREFIX", config->mount_prefix);
	return env;
}

GStrv environment_for_check(const EnvironmentFacts *facts)
{
	const Manifest *manifest = bundle_manifest(facts->bundle);
	GStrv env = with_system(facts);

	set(&env, "RAUC_MF_COMPATIBLE", manifest->compatible);
	set(&env, "RAUC_MF_VERSION", manifest->version);
	set(&env, "RAUC_MF_BUILD", manifest->build);
	set_meta(&env, manifest);
	return env;
}

static const char *activity_name(SlotActivity activity)
{
	return activity == SLOT_BOOTED ? "booted" : activity == SLOT_ACTIVE ? "active" : "inactive";
}

/* "NAME=value" */
static void set_all(GStrv *env, const char *const *variables)
{
	for (; variables && *variables; variables++) {
		const char *equals = strchr(*variables, '=');
		g_autofree char *key = g_strndup(*variables, (gsize)(equals - *variables));

		set(env, key, equals + 1);
	}
}

static void set_slot(GStrv *env, const EnvironmentFacts *facts, const Slot *slot)
{
	const char *boot_name = slot->parent ? slot->parent->boot_name : slot->boot_name;

	set(env, "RAUC_SLOT_NAME", slot->name);
	set(env, "RAUC_SLOT_STATE", activity_name(system_state(facts->system, slot)->activity));
	set(env, "RAUC_SLOT_CLASS", slot->class);
	set(env, "RAUC_SLOT_TYPE", slot_type_name(slot->type));
	set(env, "RAUC_SLOT_DEVICE", slot->device);
	set(env, "RAUC_SLOT_BOOTNAME", boot_name);
	set(env, "RAUC_SLOT_PARENT", slot->parent ? slot->parent->name : NULL);
}

GStrv environment_for_slot(const EnvironmentFacts *facts, const Image *image, const Slot *slot,
                           const char *mount_point)
{
	GStrv env = with_system(facts);
	g_autofree char *spki = signers_spki_hashes(bundle_signers(facts->bundle));
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, image->size);
	g_autofree char *path =
		image->filename ? g_build_filename(facts->content, image->filename, NULL) : NULL;

	set_slot(&env, facts, slot);
	if (mount_point)
		set(&env, "RAUC_SLOT_MOUNT_POINT", mount_point);
	set(&env, "RAUC_IMAGE_NAME", path);
	set(&env, "RAUC_IMAGE_SIZE", size);
	set(&env, "RAUC_IMAGE_DIGEST", image->sha256);
	set(&env, "RAUC_IMAGE_CLASS", image->class);
	set(&env, "RAUC_BUNDLE_SPKI_HASHES", spki);
	set(&env, "RAUC_BUNDLE_MOUNT_POINT", facts->content);
	set_all(&env, facts->slot_variables);
	return env;
}

static void set_handler_slot(GStrv *env, const Slot *slot, unsigned n)
{
	set_numbered(env, "SLOT_NAME", n, slot->name);
	set_numbered(env, "SLOT_CLASS", n, slot->class);
	set_numbered(env, "SLOT_TYPE", n, slot_type_name(slot->type));
	set_numbered(env, "SLOT_DEVICE", n, slot->device);
	set_numbered(env, "SLOT_BOOTNAME", n, slot->boot_name);
	set_numbered(env, "SLOT_PARENT", n, slot->parent ? slot->parent->name : NULL);
}

/* The first image of the class, whatever its variant. */
static void set_handler_image(GStrv *env, const Manifest *manifest, const Slot *slot, unsigned n)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		if (image->artifact || !g_str_equal(image->class, slot->class))
			continue;
		set_numbered(env, "IMAGE_NAME", n, image->filename);
		set_numbered(env, "IMAGE_DIGEST", n, image->sha256);
		set_numbered(env, "IMAGE_CLASS", n, image->class);
		return;
	}
}

static void set_slots(GStrv *env, const EnvironmentFacts *facts, const GPtrArray *target)
{
	const GPtrArray *slots = system_config(facts->system)->slots;
	g_autoptr(GString) all = g_string_new(NULL);
	g_autoptr(GString) targets = g_string_new(NULL);

	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];
		unsigned n = i + 1;

		g_string_append_printf(all, "%s%u", all->len ? " " : "", n);
		set_handler_slot(env, slot, n);
		if (!g_ptr_array_find((GPtrArray *)target, slot, NULL))
			continue;
		g_string_append_printf(targets, "%s%u", targets->len ? " " : "", n);
		set_handler_image(env, bundle_manifest(facts->bundle), slot, n);
	}
	set(env, "RAUC_SLOTS", all->str);
	set(env, "RAUC_TARGET_SLOTS", targets->str);
}

GStrv environment_for_handlers(const EnvironmentFacts *facts, const GPtrArray *target)
{
	GStrv env = with_system(facts);

	set(&env, "RAUC_SYSTEM_CONFIG", system_config(facts->system)->path);
	set(&env, "RAUC_CURRENT_BOOTNAME", system_boot_slot(facts->system));
	set(&env, "RAUC_BUNDLE_MOUNT_POINT", facts->content);
	set(&env, "RAUC_UPDATE_SOURCE", facts->content);
	set(&env, "RAUC_TRANSACTION_ID", facts->transaction);
	set_slots(&env, facts, target);
	set_meta(&env, bundle_manifest(facts->bundle));
	for (const char *const *said = info_variables(system_info(facts->system)); *said; said++) {
		const char *equals = strchr(*said, '=');
		g_autofree char *key = g_strndup(*said, (gsize)(equals - *said));

		env = g_environ_setenv(env, key, equals + 1, FALSE);
	}
	return env;
}
