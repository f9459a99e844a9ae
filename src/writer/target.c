/* SPDX-License-Identifier: MIT */

#include "writer/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

struct Target {
	char *path;
	int fd;
	bool is_block;
	bool is_direct;
	bool can_punch;
	unsigned align; /* of offsets and sizes for direct transfers */
	uint64_t size;  /* when it was opened */
};

/* "mounted on /x", "in use by dm-0": why an exclusive open was refused. */
static char *holder_of(dev_t device)
{
	g_autofree char *id = g_strdup_printf(" %u:%u ", major(device), minor(device));
	g_autofree char *mounts = file_read("/proc/self/mountinfo", 16 << 20, NULL, NULL);
	g_auto(GStrv) lines = g_strsplit(mounts ? mounts : "", "\n", -1);

	for (char **line = lines; *line; line++) {
		if (!strstr(*line, id))
			continue;
		g_auto(GStrv) fields = g_strsplit(*line, " ", 6);
		if (g_strv_length(fields) >= 5)
			return g_strdup_printf("it is mounted on %s", fields[4]);
	}

	g_autofree char *folder =
		g_strdup_printf("/sys/dev/block/%u:%u/holders", major(device), minor(device));
	g_autoptr(GDir) holders = g_dir_open(folder, 0, NULL);
	const char *name = holders ? g_dir_read_name(holders) : NULL;
	if (name)
		return g_strdup_printf("it is in use by %s", name);
	return g_strdup("it is mounted elsewhere, used as swap, or open in another program");
}

static bool refuse_busy(const char *path, GError **error)
{
	struct stat st;
	g_autofree char *holder =
		stat(path, &st) == 0 ? holder_of(st.st_rdev) : g_strdup("it is in use");

	return fail(error, FAILURE_BUSY, "cannot open %s for writing: %s", path, holder);
}

/* Not every file system and device takes O_DIRECT: then without. */
static int open_direct(const char *path, int flags, bool *is_direct)
{
	int fd = TEMP_FAILURE_RETRY(open(path, flags | O_DIRECT | O_CLOEXEC));

	*is_direct = fd >= 0;
	if (fd < 0 && errno == EINVAL)
		fd = TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC));
	return fd;
}

/* Linux opens a write-protected device for writing all the same, and fails the first write. */
static bool is_read_only(int fd)
{
	int yes = 0;

	return ioctl(fd, BLKROGET, &yes) == 0 && yes;
}

/* Regions of a disk begin at a sector, which need not be a multiple of TARGET_ALIGN. */
static unsigned align_of(int fd, bool is_block)
{
	int sector = 0;

	return is_block && ioctl(fd, BLKSSZGET, &sector) == 0 && sector > 0 ? (unsigned)sector
	                                                                    : TARGET_ALIGN;
}

static Target *target_new(const char *path, int flags, GError **error)
{
	g_autoptr(Target) target = g_new0(Target, 1);
	struct stat st;

	target->fd = -1;
	target->path = g_strdup(path);
	/* O_NONBLOCK: a fifo must be refused, not waited for. */
	target->fd = open_direct(path, flags | O_NONBLOCK, &target->is_direct);
	if (target->fd < 0 && errno == EBUSY) {
		refuse_busy(path, error);
		return NULL;
	}
	if (target->fd < 0)
		return fail_errno_null(error, "cannot open %s for %s", path,
		                       flags & O_WRONLY ? "writing" : "reading back");
	if (!fd_size(target->fd, path, &target->size, error))
		return NULL;
	if (fstat(target->fd, &st) < 0)
		return fail_errno_null(error, "cannot examine %s", path);
	target->is_block = S_ISBLK(st.st_mode);
	if (flags & O_WRONLY && target->is_block && is_read_only(target->fd)) {
		errno = EROFS;
		return fail_errno_null(error, "cannot open %s for writing", path);
	}
	target->align = align_of(target->fd, target->is_block);
	target->can_punch = true;
	return g_steal_pointer(&target);
}

Target *target_open(const char *path, GError **error)
{
	/* O_EXCL on a block device: not mounted, not part of another device. */
	return target_new(path, O_WRONLY | O_EXCL, error);
}

Target *target_open_shared(const char *path, GError **error)
{
	/* The disk cannot be had exclusively while one of its partitions is mounted. */
	return target_new(path, O_WRONLY, error);
}

void target_free(Target *target)
{
	if (!target)
		return;
	fd_clear(&target->fd);
	g_free(target->path);
	g_free(target);
}

uint64_t target_capacity(const Target *target)
{
	return target->is_block ? target->size : G_MAXUINT64;
}

static bool set_buffered(Target *target, GError **error)
{
	int flags = fcntl(target->fd, F_GETFL);

	target->is_direct = false;
	return (flags >= 0 && fcntl(target->fd, F_SETFL, flags & ~O_DIRECT) == 0) ||
	       fail_errno(error, "cannot switch %s to buffered writes", target->path);
}

bool target_write(Target *target, const void *from, size_t size, uint64_t at, GError **error)
{
	if (target->is_direct && (size | at) % target->align && !set_buffered(target, error))
		return false;
	if (!target->is_direct)
		return fd_write_at(target->fd, from, size, at, target->path, error);

	ssize_t put = TEMP_FAILURE_RETRY(pwrite(target->fd, from, size, (off_t)at));
	if (put == (ssize_t)size)
		return true;
	/* Direct refused after all, or cut short: the rest of it through the page cache, which
	 * also names the error that is behind it. */
	if (put < 0 && errno != EINVAL)
		return fail_errno(error, "cannot write %s at byte %" G_GUINT64_FORMAT, target->path,
		                  at);
	size_t done = put < 0 ? 0 : (size_t)put;
	return set_buffered(target, error) &&
	       fd_write_at(target->fd, (const char *)from + done, size - done, at + done,
	                   target->path, error);
}

bool target_punch(Target *target, uint64_t size, uint64_t at, bool *is_done, GError **error)
{
	*is_done = false;
	if (!target->can_punch)
		return true;
	/* On a block device this is "write zeroes", and fails where the device has no such
	 * command rather than writing them itself. */
	if (TEMP_FAILURE_RETRY(fallocate(target->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	                                 (off_t)at, (off_t)size)) == 0) {
		*is_done = true;
		return true;
	}
	if (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS && errno != ENODEV)
		return fail_errno(error, "cannot zero %s at byte %" G_GUINT64_FORMAT, target->path,
		                  at);
	target->can_punch = false;
	return true;
}

bool target_sync(Target *target, GError **error)
{
	return fd_sync(target->fd, target->path, error);
}

bool target_finish(Target *target, uint64_t size, GError **error)
{
	if (!target->is_block && target->size < size) {
		struct stat st;

		if (fstat(target->fd, &st) < 0)
			return fail_errno(error, "cannot examine %s", target->path);
		if ((uint64_t)st.st_size < size && ftruncate(target->fd, (off_t)size) < 0)
			return fail_errno(error, "cannot grow %s to %" G_GUINT64_FORMAT " bytes",
			                  target->path, size);
	}
	return fd_sync(target->fd, target->path, error) &&
	       fd_close(&target->fd, target->path, error);
}

/* Clean pages of an earlier buffered write must not answer for the medium. */
static bool set_uncached(Target *target, GError **error)
{
	(void)posix_fadvise(target->fd, 0, 0, POSIX_FADV_DONTNEED);
	return !target->is_direct || set_buffered(target, error);
}

Target *target_open_back(const char *path, GError **error)
{
	g_autoptr(Target) target = target_new(path, O_RDONLY, error);

	if (!target || (!target->is_direct && !set_uncached(target, error)))
		return NULL;
	return g_steal_pointer(&target);
}

bool target_is_direct(const Target *target, uint64_t at)
{
	return target->is_direct && at % target->align == 0;
}

bool target_read_back(Target *target, void *to, size_t size, uint64_t at, GError **error)
{
	if (target->is_direct && at % target->align && !set_uncached(target, error))
		return false;
	size_t want =
		target->is_direct ? (size + TARGET_ALIGN - 1) & ~(size_t)(TARGET_ALIGN - 1) : size;

	for (size_t done = 0; done < size;) {
		ssize_t got = TEMP_FAILURE_RETRY(
			pread(target->fd, (char *)to + done, want - done, (off_t)(at + done)));

		if (got < 0)
			return fail_errno(error, "cannot read %s back at byte %" G_GUINT64_FORMAT,
			                  target->path, at + done);
		if (got == 0)
			return fail(error, FAILURE_INTEGRITY,
			            "%s ends at byte %" G_GUINT64_FORMAT " when read back",
			            target->path, at + done);
		done += (size_t)got;
	}
	return true;
}

typedef struct {
	Source source;
	Target *target;
} TargetSource;

static bool read_source_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	return target_read_back(((TargetSource *)source)->target, to, size, at, error);
}

static void free_source(Source *source)
{
	target_free(((TargetSource *)source)->target);
	g_free(source);
}

static const SourceOps source_ops = { .kind = "slot",
	                              .read_at = read_source_at,
	                              .free = free_source };

Source *target_open_source(const char *path, GError **error)
{
	Target *target = target_open_back(path, error);

	if (!target)
		return NULL;
	TargetSource *made = g_new0(TargetSource, 1);
	made->target = target;
	source_init(&made->source, &source_ops, target->size);
	return &made->source;
}
