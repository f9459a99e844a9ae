/* SPDX-License-Identifier: MIT */

/*
 * A new file system, and an archive unpacked into it.
 *
 * "Unpacked without an error" is not "arrived": files have been found empty after it. So the
 * file system is synced, unmounted and mounted again, which drops what memory remembers of it
 * and of nothing else, and the archive goes through tar a second time, to be compared with what
 * the medium has. tar does it because it knows every kind of member, sparse files and long
 * names included, as a reader of our own would have to; the archive is decompressed twice, and
 * nothing is kept of it in between.
 */

#include <sys/statvfs.h>

#include "base/error.h"
#include "writer/format.h"
#include "writer/mount.h"
#include "writer/rows.h"
#include "writer/tar.h"
#include "writer/target.h"
#include "writer/ubi.h"

#define NEARLY_FULL (128 << 10) /* bytes */

/* A tar is not much smaller than its files are on a medium; nothing known of a compressed one.
 * Twice is more than any padding in it can explain. */
static bool check_room(const WriterJob *job, uint64_t size, GError **error)
{
	g_autoptr(Target) target = target_open(job->slot->device, error);

	if (!target)
		return false;
	return size / 2 <= target_capacity(target) ||
	       fail(error, FAILURE_TOO_LARGE,
	            "Slot (%" G_GUINT64_FORMAT " bytes) is too small for image (%" G_GUINT64_FORMAT
	            " bytes).",
	            target_capacity(target), size);
}

static bool check_empty(const WriterJob *job, GError **error)
{
	g_autofree char *mount = g_find_program_in_path("mount");

	if (!mount)
		return fail(error, FAILURE_TOOL, "there is no mount on this system");
	if (!format_check(job->slot, error))
		return false;
	/* File systems for flash compress: nothing is known of what fits. */
	if (job->slot->type == SLOT_UBIFS)
		return ubi_check(job->slot->device, 0, error);
	if (job->slot->type == SLOT_JFFS2)
		return true;
	return check_room(job, job->bytes ? job->bytes->size : 0, error);
}

static bool check_archive(const WriterJob *job, GError **error)
{
	return writer_check_size(job, error) &&
	       tar_check(job->image->filename, job->verify, error) && check_empty(job, error);
}

static TarJob tar_job(const WriterJob *job, const Mount *mount)
{
	uint64_t size = job->bytes->size;

	return (TarJob){ .bytes = job->bytes,
		         .filename = job->image->filename,
		         .sha256 = job->image->sha256,
		         .folder = mount_path(mount),
		         .has_owners = job->slot->type != SLOT_VFAT,
		         .cancel = pool_cancel(job->pool),
		         .progress = job->progress,
		         .total = job->verify ? 2 * size : size };
}

/* tar says that it could not write, but not why. */
static bool is_full(const Mount *mount)
{
	struct statvfs st;

	return statvfs(mount_path(mount), &st) == 0 &&
	       (st.f_bavail < NEARLY_FULL / st.f_frsize || (st.f_files && !st.f_ffree));
}

static bool extract(const WriterJob *job, const Mount *mount, GError **error)
{
	ERROR_WHILE(error, "unpacking");
	TarJob tar = tar_job(job, mount);

	if (tar_extract(&tar, error) && mount_sync(mount, error))
		return true;
	if (is_full(mount))
		g_prefix_error(error, "the file system is full: ");
	return false;
}

static bool compare(const WriterJob *job, const Mount *mount, GError **error)
{
	ERROR_WHILE(error, "comparing");
	TarJob tar = tar_job(job, mount);

	tar.done = job->bytes->size;
	return tar_compare(&tar, error);
}

/* So that the next reader of a file asks the medium. */
static bool mount_anew(const WriterJob *job, Mount **mount, GError **error)
{
	if (!mount_end(g_steal_pointer(mount), error))
		return false;
	*mount = mount_slot(job->mount_prefix, job->slot, error);
	return *mount != NULL;
}

static bool fill(WriterJob *job, Mount **mount, GError **error)
{
	if (!extract(job, *mount, error))
		return false;
	job->n_written = job->bytes->size;
	return !job->verify || (mount_anew(job, mount, error) && compare(job, *mount, error));
}

static bool write_with(WriterJob *job, bool (*put)(WriterJob *, Mount **, GError **),
                       GError **error)
{
	if (!format_run(job->slot, error))
		return false;
	Mount *mount = mount_slot(job->mount_prefix, job->slot, error);
	bool ok = mount && (!put || put(job, &mount, error)) &&
	          (!job->while_mounted ||
	           job->while_mounted(job->while_mounted_user, mount_path(mount), error)) &&
	          mount_sync(mount, error);

	if (ok)
		return mount_end(mount, error);
	mount_give_up(mount);
	return false;
}

static bool write_archive(WriterJob *job, GError **error)
{
	return write_with(job, fill, error);
}

static bool write_empty(WriterJob *job, GError **error)
{
	return write_with(job, NULL, error);
}

const Writer writer_archive = { .name = "archive",
	                        .post_hook = WRITER_WITHIN,
	                        .check = check_archive,
	                        .write = write_archive };

const Writer writer_flash_archive = { .name = "flash-archive",
	                              .pre_hook = WRITER_MOUNTED,
	                              .post_hook = WRITER_WITHIN,
	                              .check = check_archive,
	                              .write = write_archive };

const Writer writer_empty = {
	.name = "emptyfs", .post_hook = WRITER_WITHIN, .check = check_empty, .write = write_empty
};
