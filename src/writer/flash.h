/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Flash memory as Linux shows it: MTD devices (/dev/mtd3) and UBI volumes (/dev/ubi0_1).
 *
 * Both are character devices: they have no size to ask for as disks have, cannot be opened so
 * that nobody else may, and their mounts go by other names ("mtd3", "ubi0:rootfs"). What they
 * are is told by sysfs.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define FLASH_SYSFS "/sys"

typedef enum {
	FLASH_UBI_VOLUME,
	FLASH_NAND, /* an MTD that is written by pages and has bad blocks */
	FLASH_NOR,  /* any other MTD */
} FlashKind;

typedef struct {
	FlashKind kind;
	char *path;
	char *name;      /* "mtd3", "ubi0_1" */
	char *title;     /* MTD: how it says its type; UBI: name of the volume */
	unsigned number; /* MTD: 3 */
	uint64_t size;   /* MTD: bad blocks included; UBI volume: what it can hold */
	/* Of an MTD. */
	uint32_t erase_size;
	uint32_t write_size;
	bool has_regions;    /* with erase blocks of several sizes */
	bool is_born_locked; /* after each reset, until it is unlocked */
} Flash;

/* `sysfs` is FLASH_SYSFS but in tests. What is neither an MTD nor a UBI volume is
 * FAILURE_UNSUPPORTED. */
bool flash_find(Flash *flash, const char *sysfs, const char *path, GError **error);
void flash_clear(Flash *flash);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Flash, flash_clear)

/* Is it flash at all, by any name? False for what is not there. */
bool flash_is_at(const char *path);

/* Is this the device's name as the kernel's `root=` and mounts have it: "/dev/ubi0_1", "ubi0_1",
 * "ubi0:rootfs", "/dev/ubiblock0_1", "mtd3", "/dev/mtdblock3"? */
bool flash_has_name(const Flash *flash, const char *name);

/* Where it is mounted, itself or the block device on top of it, or NULL. `mountinfo` is
 * /proc/self/mountinfo. */
char *flash_mount_point(const Flash *flash, const char *mountinfo);

/* FAILURE_BUSY where it is mounted, or an MTD is attached to UBI: nothing in the kernel would
 * keep us from erasing it. */
bool flash_check_unused(const Flash *flash, const char *sysfs, const char *mountinfo,
                        GError **error);

/* Both of the above for the real device, and the same with /proc/self/mountinfo. */
bool flash_find_unused(Flash *flash, const char *path, GError **error);

/* "Slot (<n> bytes) is too small for image (<m> bytes)." */
bool flash_check_room(uint64_t room, uint64_t size, GError **error);
