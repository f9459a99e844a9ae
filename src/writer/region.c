/* SPDX-License-Identifier: MIT */

#include "writer/region.h"
#include "writer/rows.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

bool disk_open(Disk *disk, const char *path, int flags, GError **error)
{
	fd_auto int fd = fd_open(path, flags | O_NONBLOCK, 0, error);
	uint64_t size;
	int sector = 0;

	if (fd < 0 || !fd_size(fd, path, &size, error))
		return false;
	if (ioctl(fd, BLKSSZGET, &sector) < 0 || sector < REGION_SECTOR)
		sector = REGION_SECTOR;
	*disk = (Disk){
		.path = path, .fd = fd_steal(&fd), .size = size, .sector = (unsigned)sector
	};
	return true;
}

void disk_clear(Disk *disk)
{
	if (disk->path)
		fd_clear(&disk->fd);
}

bool disk_read_sector(const Disk *disk, uint8_t sector[REGION_SECTOR], uint64_t at, GError **error)
{
	return fd_read_at(disk->fd, sector, REGION_SECTOR, at, disk->path, error);
}

bool disk_write_sector(const Disk *disk, const uint8_t sector[REGION_SECTOR], uint64_t at,
                       GError **error)
{
	uint8_t found[REGION_SECTOR];

	ssize_t put = TEMP_FAILURE_RETRY(pwrite(disk->fd, sector, REGION_SECTOR, (off_t)at));
	if (put >= 0 && put != REGION_SECTOR)
		return fail(error, FAILURE_IO,
		            "%s took %zd of the %u bytes of the sector at byte %" G_GUINT64_FORMAT,
		            disk->path, put, REGION_SECTOR, at);
	if (put < 0)
		return fail_errno(error, "cannot write %s at byte %" G_GUINT64_FORMAT, disk->path,
		                  at);
	if (!fd_sync(disk->fd, disk->path, error))
		return false;
	/* From the medium, not from the page cache. */
	(void)posix_fadvise(disk->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (!disk_read_sector(disk, found, at, error))
		return false;
	return memcmp(found, sector, REGION_SECTOR) == 0 ||
	       fail(error, FAILURE_INTEGRITY,
	            "%s reads back differently at byte %" G_GUINT64_FORMAT
	            " from what was written: the medium is damaged",
	            disk->path, at);
}

Window region_half(const Slot *slot, unsigned n)
{
	uint64_t half = slot->region_size / 2;

	return (Window){ .at = slot->region_start + n * half, .size = half };
}

bool region_pick_inactive(const Slot *slot, uint64_t start, unsigned *inactive, GError **error)
{
	for (unsigned n = 0; n < 2; n++) {
		if (region_half(slot, n).at == start) {
			*inactive = 1 - n;
			return true;
		}
	}
	return fail(error, FAILURE_CONFIG,
	            "Boot partition's start address does not match region configuration: it "
	            "starts at byte %" G_GUINT64_FORMAT ", the halves at %" G_GUINT64_FORMAT
	            " and %" G_GUINT64_FORMAT,
	            start, region_half(slot, 0).at, region_half(slot, 1).at);
}

bool region_overlaps(const Slot *slot, uint64_t at, uint64_t size)
{
	return size > 0 && at < slot->region_start + slot->region_size &&
	       slot->region_start < at + size;
}

bool region_check_image(const WriterJob *job, uint64_t room, GError **error)
{
	if (!writer_check_size(job, error))
		return false;
	uint64_t size = job->bytes->size;

	if (size == 0)
		return fail(error, FAILURE_REJECTED, "image '%s' is empty: nothing to boot from",
		            job->image->filename);
	return size <= room || fail(error, FAILURE_TOO_LARGE,
	                            "Size of image (%" G_GUINT64_FORMAT
	                            ") does not fit to slot size %" G_GUINT64_FORMAT,
	                            size, room);
}

bool region_fill(WriterJob *job, const Window *window, uint8_t head[REGION_SECTOR], GError **error)
{
	CopyJob copy = { .bytes = job->bytes,
		         .path = job->slot->device,
		         .sha256 = job->image->sha256,
		         .pool = job->pool,
		         .progress = job->progress,
		         .verify = job->verify,
		         .window = window,
		         .head = head,
		         .n_head = head ? REGION_SECTOR : 0 };
	bool ok = copy_run(&copy, error);

	job->n_written += copy.n_written;
	job->n_punched += copy.n_punched;
	return ok;
}

GStrv region_variables(const Slot *slot, unsigned inactive)
{
	Window half = region_half(slot, inactive);
	GStrv variables = g_new0(char *, 4);

	variables[0] = g_strdup_printf("RAUC_BOOT_PARTITION_ACTIVATING=%u", inactive);
	variables[1] = g_strdup_printf("RAUC_BOOT_PARTITION_START=%" G_GUINT64_FORMAT, half.at);
	variables[2] = g_strdup_printf("RAUC_BOOT_PARTITION_SIZE=%" G_GUINT64_FORMAT, half.size);
	return variables;
}
