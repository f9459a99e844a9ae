/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A region of a disk with two halves, for two boot loaders (chapter 7.3).
 *
 *   region-start                           region-start + region-size
 *   |        half 0          |        half 1          |
 *
 * What says which half counts is for mbr.c, gpt.c and fallback.c; here are the halves
 * themselves. The disk is never taken exclusively: other partitions of it are mounted.
 */

#include "writer/copy.h"
#include "writer/writer.h"

#define REGION_SECTOR 512 /* of tables and headers: written whole or not at all */

typedef struct {
	const char *path; /* borrowed */
	int fd;
	uint64_t size;
	unsigned sector; /* of the disk, in bytes */
} Disk;

/* For reading; `flags` O_RDWR to write as well. */
bool disk_open(Disk *disk, const char *path, int flags, GError **error);
void disk_clear(Disk *disk);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Disk, disk_clear)

bool disk_read_sector(const Disk *disk, uint8_t sector[REGION_SECTOR], uint64_t at, GError **error);
/* One write of 512 bytes, which then are on the medium, and are read back. */
bool disk_write_sector(const Disk *disk, const uint8_t sector[REGION_SECTOR], uint64_t at,
                       GError **error);

/* Half 0 or 1. */
Window region_half(const Slot *slot, unsigned n);
/* The half that does not begin at `start`; FAILURE_CONFIG where none begins there. */
bool region_pick_inactive(const Slot *slot, uint64_t start, unsigned *inactive, GError **error);
bool region_overlaps(const Slot *slot, uint64_t at, uint64_t size);

/* The image is as large as the manifest says, not empty, and fits. */
bool region_check_image(const WriterJob *job, uint64_t room, GError **error);

/* The image into its window, zeroes behind it, on the medium and read back. With `head` its first
 * 512 bytes come there and the window's stay zero. */
bool region_fill(WriterJob *job, const Window *window, uint8_t head[REGION_SECTOR], GError **error);

/* For hooks: which half is about to become active. */
GStrv region_variables(const Slot *slot, unsigned inactive);
