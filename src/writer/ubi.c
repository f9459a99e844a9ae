/* SPDX-License-Identifier: MIT */

/*
 * A UBI volume, by UBI's own volume update.
 *
 * UBI is told the size first and puts a mark on the volume; the mark goes when that many bytes
 * have come. A volume that has it reads as an error (and does not mount), so what was cut short
 * is never taken for old or new content: there is nothing to clean up after a lost power, a
 * kill, or an image that turns out wrong. The next update of the volume begins like any other.
 */

#include "writer/ubi.h"

#include <errno.h>
#include <fcntl.h>
#include <mtd/ubi-user.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "base/fd.h"
#include "writer/flash.h"
#include "writer/rows.h"
#include "writer/stream.h"

#define PIECE (1 << 20)

typedef struct {
	const char *path;
	int fd;
	uint64_t at; /* of reading */
} Volume;

static bool fail_volume(const char *path, const char *doing, GError **error)
{
	if (errno != EBUSY)
		return fail_errno(error, "cannot %s %s", doing, path);
	return fail(error, FAILURE_BUSY, "cannot %s %s: it is mounted, or open in another program",
	            doing, path);
}

static int open_volume(const char *path, int flags, GError **error)
{
	int fd = TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC));

	if (fd < 0)
		fail_volume(path, flags == O_RDONLY ? "read back" : "write", error);
	return fd;
}

bool ubi_check(const char *path, uint64_t size, GError **error)
{
	g_auto(Flash) flash = { 0 };

	if (!flash_find_unused(&flash, path, error))
		return false;
	if (flash.kind != FLASH_UBI_VOLUME)
		return fail(error, FAILURE_UNSUPPORTED,
		            "%s is an MTD (%s), not a UBI volume like /dev/ubi0_0", path,
		            flash.title);
	if (!flash_check_room(flash.size, size, error))
		return false;
	fd_auto int fd = open_volume(path, O_RDWR, error);
	return fd >= 0;
}

static bool check(const WriterJob *job, GError **error)
{
	return writer_check_size(job, error) &&
	       ubi_check(job->slot->device, job->bytes->size, error);
}

static bool put(void *user, const uint8_t *data, size_t size, GError **error)
{
	Volume *volume = user;

	return fd_write(volume->fd, data, size, volume->path, error);
}

static bool get(void *user, uint8_t *data, size_t size, GError **error)
{
	Volume *volume = user;

	volume->at += size;
	return fd_read_at(volume->fd, data, size, volume->at - size, volume->path, error);
}

/* What comes next replaces all of the volume, and `size` bytes of it will come. */
static bool begin_update(int fd, const char *path, int64_t size, GError **error)
{
	return ioctl(fd, UBI_IOCVOLUP, &size) == 0 ||
	       fail_volume(path, "begin the update of", error);
}

bool ubi_clear(const char *path, GError **error)
{
	fd_auto int fd = open_volume(path, O_RDWR, error);

	return fd >= 0 && begin_update(fd, path, 0, error);
}

static bool write_volume(Stream *stream, GError **error)
{
	const char *path = stream->job->slot->device;
	uint64_t size = stream->job->bytes->size;
	fd_auto int fd = open_volume(path, O_RDWR, error);
	Volume volume = { .path = path, .fd = fd };

	stream->user = &volume;
	return fd >= 0 && begin_update(fd, path, (int64_t)size, error) &&
	       stream_write(stream, error) && fd_sync(fd, path, error) &&
	       fd_close(&fd, path, error);
}

/* UBI keeps no pages in memory: this asks the flash. */
static bool compare_volume(Stream *stream, GError **error)
{
	const char *path = stream->job->slot->device;
	fd_auto int fd = open_volume(path, O_RDONLY, error);
	Volume volume = { .path = path, .fd = fd };

	stream->user = &volume;
	return fd >= 0 && stream_compare(stream, error);
}

static bool write_ubi(WriterJob *job, GError **error)
{
	uint64_t size = job->bytes->size;
	Stream stream = { .job = job,
		          .piece = PIECE,
		          .put = put,
		          .get = get,
		          .total = job->verify ? 2 * size : size };

	return write_volume(&stream, error) && (!job->verify || compare_volume(&stream, error));
}

const Writer writer_ubivol = { .name = "ubivol", .check = check, .write = write_ubi };

const Writer writer_ubifs = { .name = "ubifs",
	                      .pre_hook = WRITER_MOUNTED,
	                      .post_hook = WRITER_MOUNTED,
	                      .check = check,
	                      .write = write_ubi };
