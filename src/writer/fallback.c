/* SPDX-License-Identifier: MIT */

/*
 * boot-raw-fallback: two copies of the boot loader, no table. The boot ROM takes the first one
 * whose header, its first 512 bytes, is valid.
 *
 *     region-start
 *     | header | body …      primary | header | body …     fallback |
 *
 * Each copy in turn: header to zero, flush; body, flush, read back; header, flush. So there is a
 * header only over a complete body. The fallback is first, except where the primary has none,
 * because then the fallback is what the device lives on.
 */

#include "writer/region.h"
#include "writer/rows.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"

static bool is_clear(const uint8_t sector[REGION_SECTOR])
{
	return (sector[0] == 0x00 || sector[0] == 0xff) &&
	       memcmp(sector, sector + 1, REGION_SECTOR - 1) == 0;
}

static bool check_region(const Slot *slot, const Disk *disk, GError **error)
{
	uint64_t start = slot->region_start, size = slot->region_size;

	if (disk->sector != REGION_SECTOR)
		return fail(error, FAILURE_UNSUPPORTED,
		            "%s has sectors of %u bytes, a header of %u bytes cannot be written "
		            "whole",
		            disk->path, disk->sector, REGION_SECTOR);
	if (size == 0 || start % REGION_SECTOR || size % (2 * REGION_SECTOR))
		return fail(error, FAILURE_CONFIG,
		            "no valid configuration for region: region-start %" G_GUINT64_FORMAT
		            " and half of region-size %" G_GUINT64_FORMAT
		            " must be multiples of %u bytes",
		            start, size, REGION_SECTOR);
	return (start <= disk->size && size <= disk->size - start) ||
	       fail(error, FAILURE_CONFIG,
	            "the region ends at byte %" G_GUINT64_FORMAT
	            ", behind the end of %s at byte %" G_GUINT64_FORMAT,
	            start + size, disk->path, disk->size);
}

/* 0: the primary is written first. */
static bool pick_first(const Slot *slot, unsigned *first, GError **error)
{
	g_auto(Disk) disk = { 0 };
	uint8_t sector[REGION_SECTOR];

	if (!disk_open(&disk, slot->device, O_RDONLY, error) || !check_region(slot, &disk, error) ||
	    !disk_read_sector(&disk, sector, slot->region_start, error))
		return false;
	*first = is_clear(sector) ? 0 : 1;
	return true;
}

static bool check(const WriterJob *job, GError **error)
{
	unsigned first;

	return pick_first(job->slot, &first, error) &&
	       region_check_image(job, job->slot->region_size / 2, error) &&
	       copy_check_window(job->slot->device, error);
}

static GStrv variables(const WriterJob *job, GError **error G_GNUC_UNUSED)
{
	GStrv names = g_new0(char *, 3);

	names[0] = g_strdup_printf("RAUC_BOOT_REGION_START=%" G_GUINT64_FORMAT,
	                           job->slot->region_start);
	names[1] =
		g_strdup_printf("RAUC_BOOT_REGION_SIZE=%" G_GUINT64_FORMAT, job->slot->region_size);
	return names;
}

static bool write_header(const Slot *slot, const uint8_t header[REGION_SECTOR], uint64_t at,
                         GError **error)
{
	g_auto(Disk) disk = { 0 };

	return disk_open(&disk, slot->device, O_RDWR, error) &&
	       disk_write_sector(&disk, header, at, error);
}

static bool write_copy(WriterJob *job, unsigned n, GError **error)
{
	Window half = region_half(job->slot, n);
	uint8_t header[REGION_SECTOR] = { 0 };

	ERROR_WHILE(error, n == 0 ? "writing the primary boot loader"
	                          : "writing the fallback boot loader");
	if (!write_header(job->slot, header, half.at, error) ||
	    !region_fill(job, &half, header, error))
		return false;
	if (is_clear(header))
		g_warning("image '%s' begins with %u empty bytes: a boot ROM cannot tell it from "
		          "a half-written one",
		          job->image->filename, REGION_SECTOR);
	return write_header(job->slot, header, half.at, error);
}

static bool write_fallback(WriterJob *job, GError **error)
{
	unsigned first;

	return pick_first(job->slot, &first, error) && write_copy(job, first, error) &&
	       write_copy(job, 1 - first, error);
}

const Writer writer_fallback = {
	.name = "boot-raw-fallback", .check = check, .variables = variables, .write = write_fallback
};
