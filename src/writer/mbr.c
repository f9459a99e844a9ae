/* SPDX-License-Identifier: MIT */

/*
 * boot-mbr-switch: partition 1 of an MBR points at one of the two halves, the boot ROM follows it.
 *
 *     0                                        446        462          510
 *     | boot code                              | entry 0  | entry 1-3  | 55 AA |
 *                                             /            `-------.
 *     | flag | head | sector/cylinder | type | head | sector/cylinder | start LBA | sectors |
 *       1      1      2                 1      1      2                 4           4
 *
 *   1. the image into the other half    pointed at: old (complete)   other: being written
 *   2. flush, read back, hooks          pointed at: old              other: new (complete)
 *   3. one sector, one write            pointed at: new (complete)   other: old
 *
 * A sector is written whole or not at all, so partition 1 points at a complete boot loader at
 * every moment. Of its entry only the two addresses and the size change.
 */

#include "writer/region.h"
#include "writer/rows.h"

#include <fcntl.h>
#include <linux/hdreg.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/error.h"

#define TABLE      446
#define ENTRY_SIZE 16
#define N_ENTRIES  4

typedef struct {
	uint8_t sector[REGION_SECTOR];
	unsigned inactive; /* half */
} Mbr;

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
	       (uint32_t)from[3] << 24;
}

static void put32(uint8_t *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static const uint8_t *entry_of(const Mbr *mbr, unsigned n)
{
	return mbr->sector + TABLE + n * ENTRY_SIZE;
}

static bool check_region(const Slot *slot, const Disk *disk, GError **error)
{
	uint64_t start = slot->region_start, size = slot->region_size;

	if (start < REGION_SECTOR || size == 0)
		return fail(error, FAILURE_CONFIG,
		            "no valid configuration for region: region-start must leave room for "
		            "the partition table, region-size must not be 0");
	if (start % disk->sector)
		return fail(error, FAILURE_CONFIG,
		            "region-start %" G_GUINT64_FORMAT
		            " is not a multiple of the sector size %u of %s",
		            start, disk->sector, disk->path);
	if (size % (2 * disk->sector))
		return fail(error, FAILURE_CONFIG,
		            "region-size %" G_GUINT64_FORMAT
		            " is not a multiple of two sectors of %u bytes of %s",
		            size, disk->sector, disk->path);
	if (start >= disk->size || size >= disk->size - start)
		return fail(error, FAILURE_CONFIG,
		            "the region ends at byte %" G_GUINT64_FORMAT
		            ", it must end before the end of %s at byte %" G_GUINT64_FORMAT,
		            start + size, disk->path, disk->size);
	return (start + size) / disk->sector <= G_MAXUINT32 ||
	       fail(error, FAILURE_CONFIG,
	            "an MBR cannot describe a region that ends at "
	            "byte %" G_GUINT64_FORMAT,
	            start + size);
}

static bool check_table(const Slot *slot, const Disk *disk, Mbr *mbr, GError **error)
{
	if (mbr->sector[510] != 0x55 || mbr->sector[511] != 0xaa)
		return fail(error, FAILURE_FORMAT, "there is no MBR on %s: it ends with %02x %02x",
		            disk->path, mbr->sector[510], mbr->sector[511]);
	for (unsigned n = 1; n < N_ENTRIES; n++) {
		const uint8_t *entry = entry_of(mbr, n);
		uint64_t at = (uint64_t)get32(entry + 8) * disk->sector;
		uint64_t size = (uint64_t)get32(entry + 12) * disk->sector;

		if (entry[4] != 0 && region_overlaps(slot, at, size))
			return fail(error, FAILURE_CONFIG,
			            "the region overlaps partition %u of %s, which is at byte "
			            "%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT " bytes",
			            n + 1, disk->path, at, size);
	}
	const uint8_t *boot = entry_of(mbr, 0);
	if (boot[4] == 0 || get32(boot + 12) == 0)
		return fail(error, FAILURE_CONFIG, "No boot partition found in entry 0 of %s",
		            disk->path);
	return region_pick_inactive(slot, (uint64_t)get32(boot + 8) * disk->sector, &mbr->inactive,
	                            error);
}

static bool mbr_load(Mbr *mbr, const Slot *slot, const Disk *disk, GError **error)
{
	return check_region(slot, disk, error) && disk_read_sector(disk, mbr->sector, 0, error) &&
	       check_table(slot, disk, mbr, error);
}

/* Of times when disks had heads; too large a cylinder is cut, not saturated. */
static void put_chs(uint8_t to[3], uint64_t lba, unsigned heads, unsigned sectors)
{
	uint64_t cylinder = lba / sectors / heads;

	to[0] = (uint8_t)(lba / sectors % heads);
	to[1] = (uint8_t)((lba % sectors + 1) | (cylinder >> 2 & 0xc0));
	to[2] = (uint8_t)cylinder;
}

static void point_at(Mbr *mbr, const Disk *disk, const Window *half)
{
	struct hd_geometry geometry = { 0 };
	uint8_t *entry = mbr->sector + TABLE;
	uint64_t lba = half->at / disk->sector, n = half->size / disk->sector;

	if (ioctl(disk->fd, HDIO_GETGEO, &geometry) < 0 || !geometry.heads || !geometry.sectors) {
		geometry.heads = 255;
		geometry.sectors = 63;
	}
	put_chs(entry + 1, lba, geometry.heads, geometry.sectors);
	put_chs(entry + 5, lba + n - 1, geometry.heads, geometry.sectors);
	put32(entry + 8, (uint32_t)lba);
	put32(entry + 12, (uint32_t)n);
}

static bool load(const WriterJob *job, Mbr *mbr, GError **error)
{
	g_auto(Disk) disk = { 0 };

	return disk_open(&disk, job->slot->device, O_RDONLY, error) &&
	       mbr_load(mbr, job->slot, &disk, error);
}

static bool check(const WriterJob *job, GError **error)
{
	Mbr mbr;

	return load(job, &mbr, error) &&
	       region_check_image(job, job->slot->region_size / 2, error) &&
	       copy_check_window(job->slot->device, error);
}

static GStrv variables(const WriterJob *job, GError **error)
{
	Mbr mbr;

	return load(job, &mbr, error) ? region_variables(job->slot, mbr.inactive) : NULL;
}

/* The table is read again: hooks ran since. */
static bool switch_to(const Slot *slot, unsigned inactive, GError **error)
{
	Window half = region_half(slot, inactive);
	g_auto(Disk) disk = { 0 };
	Mbr mbr;

	ERROR_WHILE(error, "switching the boot partition");
	if (!disk_open(&disk, slot->device, O_RDWR, error) || !mbr_load(&mbr, slot, &disk, error))
		return false;
	if (mbr.inactive != inactive)
		return fail(error, FAILURE_BUSY,
		            "the partition table of %s was changed during the installation",
		            slot->device);
	point_at(&mbr, &disk, &half);
	return disk_write_sector(&disk, mbr.sector, 0, error);
}

static bool write_mbr(WriterJob *job, GError **error)
{
	Mbr mbr;

	if (!load(job, &mbr, error))
		return false;
	Window half = region_half(job->slot, mbr.inactive);
	return writer_moment(job, job->before_write, error) &&
	       region_fill(job, &half, NULL, error) &&
	       writer_moment(job, job->before_switch, error) &&
	       switch_to(job->slot, mbr.inactive, error);
}

const Writer writer_mbr = { .name = "boot-mbr-switch",
	                    .pre_hook = WRITER_ASKS,
	                    .post_hook = WRITER_ASKS,
	                    .check = check,
	                    .variables = variables,
	                    .write = write_mbr };
