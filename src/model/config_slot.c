/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include <string.h>

#include "base/error.h"

static bool take_type(KeyFile *file, const char *group, Slot *slot, GError **error)
{
	g_autofree char *name = NULL;

	slot->type = SLOT_RAW;
	if (!keyfile_take_optional(file, group, "type", &name, error))
		return false;
	return !name || slot_type_by_name(name, &slot->type) ||
	       fail(error, FAILURE_CONFIG,
	            "Unsupported slot type '%s' for slot %s selected in system config: key 'type' "
	            "in group '[%s]'",
	            name, slot->name, group);
}

static bool take_device(const Config *config, KeyFile *file, const char *group, Slot *slot,
                        GError **error)
{
	if (!config_take_path(config, file, group, "device", &slot->device, error))
		return false;
	if (!slot->device)
		return fail(error, FAILURE_CONFIG, "Missing key 'device' in group '[%s]'", group);
	if (slot->type == SLOT_BOOT_EMMC &&
	    (g_str_has_suffix(slot->device, "boot0") || g_str_has_suffix(slot->device, "boot1")))
		return fail(error, FAILURE_CONFIG,
		            "Invalid value '%s' for key 'device' in group '[%s]': type boot-emmc "
		            "needs the whole eMMC, without 'boot0' or 'boot1'",
		            slot->device, group);
	if (slot->type == SLOT_JFFS2 && !g_str_has_prefix(slot->device, "/dev/"))
		return fail(
			error, FAILURE_CONFIG,
			"Invalid value '%s' for key 'device' in group '[%s]': type jffs2 needs a "
			"device below /dev/",
			slot->device, group);
	return true;
}

/* The firmware knows partitions by number. */
static bool take_boot_partition(KeyFile *file, const char *group, Slot *slot, GError **error)
{
	if (!keyfile_take_int(file, group, "boot-partition", &slot->boot_partition, error))
		return false;
	return (slot->boot_partition >= 0 && slot->boot_partition <= 63) ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid value '%d' for key 'boot-partition' in group '[%s]': the firmware "
	            "knows partitions 1 to 63",
	            slot->boot_partition, group);
}

static bool take_boot(const Config *config, KeyFile *file, const char *group, Slot *slot,
                      GError **error)
{
	if (!keyfile_take_optional(file, group, "bootname", &slot->boot_name, error) ||
	    !keyfile_take_optional(file, group, "parent", &slot->parent_name, error))
		return false;
	if (slot->boot_name && strpbrk(slot->boot_name, " \t\n\r\v\f"))
		return fail(error, FAILURE_CONFIG,
		            "Invalid value '%s' for key 'bootname' in group '[%s]': it must not "
		            "contain whitespace",
		            slot->boot_name, group);
	if (config->bootloader == BOOTLOADER_RASPBERRYPI &&
	    !take_boot_partition(file, group, slot, error))
		return false;
	return config->bootloader != BOOTLOADER_EFI ||
	       (keyfile_take_optional(file, group, "efi-loader", &slot->efi_loader, error) &&
	        keyfile_take_optional(file, group, "efi-cmdline", &slot->efi_cmdline, error));
}

/* The key had two other names before; the first of the three that is there counts. */
static bool take_install_same(KeyFile *file, const char *group, Slot *slot, GError **error)
{
	static const char *const keys[] = { "install-same", "force-install-same",
		                            "ignore-checksum" };
	bool is_found = false;

	slot->install_same = true;
	for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (!keyfile_has(file, group, keys[i]))
			continue;
		if (!is_found &&
		    !keyfile_take_bool(file, group, keys[i], &slot->install_same, error))
			return false;
		keyfile_drop(file, group, keys[i]);
		is_found = true;
	}
	return true;
}

static bool take_mandatory(KeyFile *file, const char *group, const char *key, const Slot *slot,
                           uint64_t *size, GError **error)
{
	if (!keyfile_has(file, group, key))
		return fail(error, FAILURE_CONFIG,
		            "Missing key '%s' in group '[%s]': mandatory for %s", key, group,
		            slot_type_name(slot->type));
	return keyfile_take_size(file, group, key, size, error);
}

/* Keys of the boot types; with any other type they are left over, hence refused. */
static bool take_region(KeyFile *file, const char *group, Slot *slot, GError **error)
{
	if (slot->type == SLOT_BOOT_EMMC)
		return keyfile_take_size(file, group, "size-limit", &slot->size_limit, error);
	if (slot->type != SLOT_BOOT_MBR_SWITCH && slot->type != SLOT_BOOT_GPT_SWITCH &&
	    slot->type != SLOT_BOOT_RAW_FALLBACK)
		return true;
	if (!take_mandatory(file, group, "region-start", slot, &slot->region_start, error) ||
	    !take_mandatory(file, group, "region-size", slot, &slot->region_size, error))
		return false;
	return (slot->region_size <= G_MAXINT64 &&
	        slot->region_start <= G_MAXINT64 - slot->region_size) ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid value for key 'region-size' in group '[%s]': the region ends beyond "
	            "any device",
	            group);
}

static bool take_options(KeyFile *file, const char *group, Slot *slot, GError **error)
{
	return keyfile_take_optional(file, group, "description", &slot->description, error) &&
	       keyfile_take_bool(file, group, "readonly", &slot->is_readonly, error) &&
	       keyfile_take_bool(file, group, "allow-mounted", &slot->allow_mounted, error) &&
	       take_install_same(file, group, slot, error) &&
	       keyfile_take_bool(file, group, "resize", &slot->resize, error) &&
	       keyfile_take_optional(file, group, "extra-mount-opts", &slot->extra_mount_opts,
	                             error) &&
	       config_take_words(file, group, "extra-mkfs-opts", &slot->extra_mkfs_opts, error);
}

static bool take_slot(Config *config, KeyFile *file, const char *group, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(group, ".", -1);

	if (g_strv_length(parts) != 3 || !*parts[1] || !*parts[2] || strchr(group, '/'))
		return fail(error, FAILURE_CONFIG,
		            "Invalid slot name format: %s (expected slot.<class>.<index>)", group);

	Slot *slot = g_new0(Slot, 1);
	slot->index = config->slots->len;
	g_ptr_array_add(config->slots, slot);
	slot->class = g_strdup(parts[1]);
	slot->name = g_strdup(group + strlen("slot."));
	return take_type(file, group, slot, error) &&
	       take_device(config, file, group, slot, error) &&
	       take_boot(config, file, group, slot, error) &&
	       take_options(file, group, slot, error) && take_region(file, group, slot, error) &&
	       keyfile_end_group(file, group, error);
}

static bool find_parent(const Config *config, Slot *slot, GError **error)
{
	if (!slot->parent_name)
		return true;
	slot->parent = slot_find(config->slots, slot->parent_name);
	if (!slot->parent)
		return fail(error, FAILURE_CONFIG,
		            "Parent slot '%s' not found: key 'parent' in group '[slot.%s]'",
		            slot->parent_name, slot->name);
	return !slot->boot_name ||
	       fail(error, FAILURE_CONFIG,
	            "Child slot '%s' has bootname set: keys 'parent' and 'bootname' in group "
	            "'[slot.%s]' exclude each other",
	            slot->name, slot->name);
}

/* Let `slot->parent` be its root, which has none. */
static bool flatten_parent(const Config *config, Slot *slot, GError **error)
{
	const Slot *root = slot;

	for (unsigned n_steps = 0; root->parent; n_steps++) {
		if (n_steps > config->slots->len)
			return fail(
				error, FAILURE_CONFIG,
				"Slot '%s' has a parent loop: key 'parent' in group '[slot.%s]'",
				slot->name, slot->name);
		root = root->parent;
	}
	slot->parent = root == slot ? NULL : root;
	return true;
}

bool config_take_slots(Config *config, KeyFile *file, GError **error)
{
	g_auto(GStrv) groups = keyfile_groups(file);

	for (char **group = groups; *group; group++) {
		bool is_slot = g_str_has_prefix(*group, "slot.") || g_str_equal(*group, "slot");

		if (is_slot && !take_slot(config, file, *group, error))
			return false;
	}
	for (unsigned i = 0; i < config->slots->len; i++) {
		if (!find_parent(config, config->slots->pdata[i], error))
			return false;
	}
	for (unsigned i = 0; i < config->slots->len; i++) {
		if (!flatten_parent(config, config->slots->pdata[i], error))
			return false;
	}
	return true;
}
