/* SPDX-License-Identifier: MIT */

#include "model/slot.h"

static const char *const names[SLOT_N_TYPES] = {
	[SLOT_RAW] = "raw",
	[SLOT_EXT4] = "ext4",
	[SLOT_UBIFS] = "ubifs",
	[SLOT_UBIVOL] = "ubivol",
	[SLOT_NAND] = "nand",
	[SLOT_NOR] = "nor",
	[SLOT_VFAT] = "vfat",
	[SLOT_JFFS2] = "jffs2",
	[SLOT_BOOT_EMMC] = "boot-emmc",
	[SLOT_BOOT_MBR_SWITCH] = "boot-mbr-switch",
	[SLOT_BOOT_GPT_SWITCH] = "boot-gpt-switch",
	[SLOT_BOOT_RAW_FALLBACK] = "boot-raw-fallback",
};

const char *slot_type_name(SlotType type)
{
	return (unsigned)type < SLOT_N_TYPES ? names[type] : "unknown";
}

bool slot_type_by_name(const char *name, SlotType *type)
{
	for (unsigned i = 0; i < SLOT_N_TYPES; i++) {
		if (g_str_equal(names[i], name)) {
			*type = i;
			return true;
		}
	}
	return false;
}

bool slot_type_is_mountable(SlotType type)
{
	return type == SLOT_EXT4 || type == SLOT_UBIFS || type == SLOT_VFAT;
}

void slot_free(Slot *slot)
{
	if (!slot)
		return;
	g_free(slot->name);
	g_free(slot->class);
	g_free(slot->device);
	g_free(slot->description);
	g_free(slot->boot_name);
	g_free(slot->parent_name);
	g_free(slot->extra_mount_opts);
	g_strfreev(slot->extra_mkfs_opts);
	g_free(slot->efi_loader);
	g_free(slot->efi_cmdline);
	g_free(slot);
}

const Slot *slot_find(const GPtrArray *slots, const char *name)
{
	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];

		if (g_str_equal(slot->name, name))
			return slot;
	}
	return NULL;
}
