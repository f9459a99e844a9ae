/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A slot: one place an image can be written to, as system.conf names it.
 *
 * Facts only, fixed once the configuration is read. What a slot is right now
 * (booted, mounted where) is SlotState in system/; what was last written to it
 * is SlotStatus in model/status.h.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Slot Slot;

typedef enum {
	SLOT_RAW,
	SLOT_EXT4,
	SLOT_UBIFS,
	SLOT_UBIVOL,
	SLOT_NAND,
	SLOT_NOR,
	SLOT_VFAT,
	SLOT_JFFS2,
	SLOT_BOOT_EMMC,
	SLOT_BOOT_MBR_SWITCH,
	SLOT_BOOT_GPT_SWITCH,
	SLOT_BOOT_RAW_FALLBACK,
} SlotType;

#define SLOT_N_TYPES (SLOT_BOOT_RAW_FALLBACK + 1)

struct Slot {
	char *name;     /* "rootfs.0" */
	char *class;    /* "rootfs" */
	unsigned index; /* position in system.conf, from 0 */
	char *device;   /* resolved */
	SlotType type;
	char *description;  /* NULL: none */
	char *boot_name;    /* NULL: the boot loader does not choose it */
	char *parent_name;  /* as written, NULL: none */
	const Slot *parent; /* the root of its slot group; NULL: is itself one */
	bool is_readonly;
	bool allow_mounted;
	bool install_same;
	bool resize;
	char *extra_mount_opts;
	GStrv extra_mkfs_opts; /* NULL: none */
	uint64_t region_start, region_size;
	uint64_t size_limit; /* 0: none */
	char *efi_loader, *efi_cmdline;
	int boot_partition; /* ours, raspberrypi: number of the FAT it boots from; 0: its child's */
};

/* "ext4", "raw", …; never NULL. */
const char *slot_type_name(SlotType type);
bool slot_type_by_name(const char *name, SlotType *type);
/* Has a file system in which a per-slot status file can live. */
bool slot_type_is_mountable(SlotType type);

void slot_free(Slot *slot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Slot, slot_free)

/* The slot of this name in an array of (const) Slot, or NULL. */
const Slot *slot_find(const GPtrArray *slots, const char *name);
