/* SPDX-License-Identifier: MIT */

/*
 * boot-gpt-switch: partition 1 of a GPT begins with one of the two halves.
 *
 *     | MBR | header | entries |  …  | half 0 | half 1 |  …  | entries | header |
 *             primary                                          backup
 *
 *   1. the image into the other half, flush, read back, hooks
 *   2. backup entries, backup header, primary entries, primary header: flushed one by one
 *
 * A copy counts whose two checksums are right, and the primary before the backup. The order is
 * libfdisk's; that nothing overtakes is O_DSYNC's. While the backup is written the primary is
 * valid and old; while the primary is written the backup is valid and new.
 */

#include "writer/region.h"
#include "writer/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <libfdisk/libfdisk.h>

#include "base/error.h"
#include "base/fd.h"

#define FIRST_START (34 * 512)

typedef struct {
	struct fdisk_context *context;
	const char *path;
	int fd;
	unsigned sector;
	unsigned inactive; /* half */
} Gpt;

static void gpt_clear(Gpt *gpt)
{
	if (!gpt->context)
		return;
	fdisk_set_ask(gpt->context, NULL, NULL);
	(void)fdisk_deassign_device(gpt->context, 1);
	fdisk_unref_context(gpt->context);
	fd_clear(&gpt->fd);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Gpt, gpt_clear)

/* libfdisk talks to people; nobody is there, and it answers every question with no. */
static int ask(struct fdisk_context *context G_GNUC_UNUSED, struct fdisk_ask *what, void *user)
{
	const Gpt *gpt = user;

	if (fdisk_ask_get_type(what) == FDISK_ASKTYPE_WARN ||
	    fdisk_ask_get_type(what) == FDISK_ASKTYPE_WARNX)
		g_message("%s: %s", gpt->path, fdisk_ask_print_get_mesg(what));
	return 0;
}

static bool fail_fdisk(GError **error, int result, const char *what, const char *path)
{
	errno = result < 0 ? -result : EIO;
	return fail_errno(error, "cannot %s the partition table of %s", what, path);
}

static bool check_label(const Gpt *gpt, GError **error)
{
	struct fdisk_context *context = gpt->context;

	if (!fdisk_is_label(context, GPT))
		return fail(error, FAILURE_FORMAT, "there is no GPT on %s", gpt->path);
	if (fdisk_gpt_is_hybrid(context))
		return fail(error, FAILURE_UNSUPPORTED,
		            "%s has a hybrid MBR, which would keep pointing at the old boot loader",
		            gpt->path);
	if (fdisk_get_collision(context))
		return fail(error, FAILURE_CONFIG, "%s has the signature of a %s besides its GPT",
		            gpt->path, fdisk_get_collision(context));
	return fdisk_get_alignment_offset(context) == 0 ||
	       fail(error, FAILURE_UNSUPPORTED, "%s has an alignment offset of %lu bytes",
	            gpt->path, fdisk_get_alignment_offset(context));
}

static bool check_region(const Gpt *gpt, const Slot *slot, GError **error)
{
	uint64_t start = slot->region_start, size = slot->region_size;
	uint64_t grain = fdisk_get_grain_size(gpt->context);

	if (start < FIRST_START || size == 0)
		return fail(error, FAILURE_CONFIG,
		            "no valid configuration for region: region-start must leave room for "
		            "the partition table, region-size must not be 0");
	if (start % grain || start % gpt->sector)
		return fail(error, FAILURE_CONFIG,
		            "region-start %" G_GUINT64_FORMAT
		            " is not a multiple of %" G_GUINT64_FORMAT
		            " bytes, to which %s aligns partitions",
		            start, grain, gpt->path);
	if (size % (2 * grain) || size % (2 * gpt->sector))
		return fail(error, FAILURE_CONFIG,
		            "region-size %" G_GUINT64_FORMAT
		            " is not a multiple of two times %" G_GUINT64_FORMAT
		            " bytes, to which %s aligns partitions",
		            size, grain, gpt->path);
	if (start / gpt->sector < fdisk_get_first_lba(gpt->context) ||
	    (start + size) / gpt->sector - 1 > fdisk_get_last_lba(gpt->context))
		return fail(error, FAILURE_CONFIG,
		            "the region ends at byte %" G_GUINT64_FORMAT
		            ", partitions of %s may lie between sector %" G_GUINT64_FORMAT
		            " and %" G_GUINT64_FORMAT,
		            start + size, gpt->path, fdisk_get_first_lba(gpt->context),
		            fdisk_get_last_lba(gpt->context));
	return true;
}

static bool find_partition(const Gpt *gpt, size_t n, uint64_t *at, uint64_t *size)
{
	struct fdisk_partition *partition = NULL;
	bool is_used = fdisk_get_partition(gpt->context, n, &partition) == 0 &&
	               fdisk_partition_is_used(partition);

	if (is_used) {
		*at = fdisk_partition_get_start(partition) * gpt->sector;
		*size = fdisk_partition_get_size(partition) * gpt->sector;
	}
	fdisk_unref_partition(partition);
	return is_used;
}

static bool check_partitions(Gpt *gpt, const Slot *slot, GError **error)
{
	size_t n_partitions = fdisk_get_npartitions(gpt->context);
	uint64_t at, size;

	for (size_t n = 1; n < n_partitions; n++) {
		if (find_partition(gpt, n, &at, &size) && region_overlaps(slot, at, size))
			return fail(error, FAILURE_CONFIG,
			            "the region overlaps partition %zu of %s, which is at byte "
			            "%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT " bytes",
			            n + 1, gpt->path, at, size);
	}
	if (!find_partition(gpt, 0, &at, &size))
		return fail(error, FAILURE_CONFIG, "No boot partition found in entry 0 of %s",
		            gpt->path);
	return region_pick_inactive(slot, at, &gpt->inactive, error);
}

static bool gpt_load(Gpt *gpt, const Slot *slot, int flags, GError **error)
{
	gpt->path = slot->device;
	gpt->fd = fd_open(slot->device, flags | O_NONBLOCK, 0, error);
	if (gpt->fd < 0)
		return false;
	gpt->context = fdisk_new_context();
	fdisk_set_ask(gpt->context, ask, gpt);
	int result = fdisk_assign_device_by_fd(gpt->context, gpt->fd, slot->device,
	                                       (flags & O_ACCMODE) == O_RDONLY);
	if (result < 0)
		return fail_fdisk(error, result, "read", slot->device);
	gpt->sector = (unsigned)fdisk_get_sector_size(gpt->context);
	return check_label(gpt, error) && check_region(gpt, slot, error) &&
	       check_partitions(gpt, slot, error);
}

static bool load(const WriterJob *job, unsigned *inactive, GError **error)
{
	g_auto(Gpt) gpt = { 0 };

	if (!gpt_load(&gpt, job->slot, O_RDONLY, error))
		return false;
	*inactive = gpt.inactive;
	return true;
}

static bool check(const WriterJob *job, GError **error)
{
	unsigned inactive;

	return load(job, &inactive, error) &&
	       region_check_image(job, job->slot->region_size / 2, error) &&
	       copy_check_window(job->slot->device, error);
}

static GStrv variables(const WriterJob *job, GError **error)
{
	unsigned inactive;

	return load(job, &inactive, error) ? region_variables(job->slot, inactive) : NULL;
}

static bool point_at(const Gpt *gpt, const Window *half, GError **error)
{
	struct fdisk_partition *partition = fdisk_new_partition();

	fdisk_partition_set_start(partition, half->at / gpt->sector);
	fdisk_partition_set_size(partition, half->size / gpt->sector);
	int result = fdisk_set_partition(gpt->context, 0, partition);
	fdisk_unref_partition(partition);
	return result == 0 || fail_fdisk(error, result, "change", gpt->path);
}

/* Every write of libfdisk is on the medium before the next begins. */
static bool gpt_store(const Gpt *gpt, GError **error)
{
	if (fdisk_verify_disklabel(gpt->context) != 0)
		return fail(error, FAILURE_FORMAT, "the partition table of %s is not consistent",
		            gpt->path);
	int result = fdisk_write_disklabel(gpt->context);
	return result == 0 ? fd_sync(gpt->fd, gpt->path, error)
	                   : fail_fdisk(error, result, "write", gpt->path);
}

static bool check_switched(const Slot *slot, unsigned inactive, GError **error)
{
	g_auto(Gpt) gpt = { 0 };

	/* From the medium, not from the page cache. */
	fd_auto int fd = fd_open(slot->device, O_RDONLY, 0, error);
	if (fd < 0)
		return false;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (!gpt_load(&gpt, slot, O_RDONLY, error))
		return false;
	return (gpt.inactive == 1 - inactive &&
	        !fdisk_label_is_changed(fdisk_get_label(gpt.context, NULL))) ||
	       fail(error, FAILURE_INTEGRITY,
	            "the partition table of %s reads back differently from what was written: the "
	            "medium is damaged",
	            slot->device);
}

/* The table is read again: hooks ran since. */
static bool switch_to(const Slot *slot, unsigned inactive, GError **error)
{
	Window half = region_half(slot, inactive);
	g_auto(Gpt) gpt = { 0 };

	ERROR_WHILE(error, "switching the boot partition");
	if (!gpt_load(&gpt, slot, O_RDWR | O_DSYNC, error))
		return false;
	if (gpt.inactive != inactive)
		return fail(error, FAILURE_BUSY,
		            "the partition table of %s was changed during the installation",
		            slot->device);
	if (fdisk_label_is_changed(fdisk_get_label(gpt.context, NULL))) {
		g_message("GPT is inconsistent, repairing...");
		if (!gpt_store(&gpt, error))
			return false;
	}
	return point_at(&gpt, &half, error) && gpt_store(&gpt, error) &&
	       check_switched(slot, inactive, error);
}

static bool write_gpt(WriterJob *job, GError **error)
{
	unsigned inactive;

	if (!load(job, &inactive, error))
		return false;
	Window half = region_half(job->slot, inactive);
	return writer_moment(job, job->before_write, error) &&
	       region_fill(job, &half, NULL, error) &&
	       writer_moment(job, job->before_switch, error) &&
	       switch_to(job->slot, inactive, error);
}

const Writer writer_gpt = { .name = "boot-gpt-switch",
	                    .pre_hook = WRITER_ASKS,
	                    .post_hook = WRITER_ASKS,
	                    .check = check,
	                    .variables = variables,
	                    .write = write_gpt };
