/* SPDX-License-Identifier: MIT */

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

void fd_clear(int *fd)
{
	int number = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = number;
}

int fd_open(const char *path, int flags, unsigned mode, GError **error)
{
	int fd = TEMP_FAILURE_RETRY(open(path, flags | O_CLOEXEC, mode));

	if (fd < 0)
		fail_errno(error, "cannot open %s", path);
	return fd;
}

bool fd_read_at(int fd, void *to, size_t size, uint64_t at, const char *what, GError **error)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = TEMP_FAILURE_RETRY(
			pread(fd, (char *)to + done, size - done, (off_t)(at + done)));

		if (got < 0)
			return fail_errno(error, "cannot read %s at byte %" G_GUINT64_FORMAT, what,
			                  at + done);
		if (got == 0)
			return fail(error, FAILURE_IO,
			            "%s ends at byte %" G_GUINT64_FORMAT ", %zu bytes too early",
			            what, at + done, size - done);
		done += (size_t)got;
	}
	return true;
}

bool fd_write_at(int fd, const void *from, size_t size, uint64_t at, const char *what,
                 GError **error)
{
	for (size_t done = 0; done < size;) {
		ssize_t put = TEMP_FAILURE_RETRY(
			pwrite(fd, (const char *)from + done, size - done, (off_t)(at + done)));

		if (put < 0)
			return fail_errno(error, "cannot write %s at byte %" G_GUINT64_FORMAT, what,
			                  at + done);
		done += (size_t)put;
	}
	return true;
}

bool fd_write(int fd, const void *from, size_t size, const char *what, GError **error)
{
	for (size_t done = 0; done < size;) {
		ssize_t put = TEMP_FAILURE_RETRY(write(fd, (const char *)from + done, size - done));

		if (put < 0)
			return fail_errno(error, "cannot write %s", what);
		done += (size_t)put;
	}
	return true;
}

bool fd_close(int *fd, const char *what, GError **error)
{
	if (close(fd_steal(fd)) < 0 && errno != EINTR)
		return fail_errno(error, "cannot close %s", what);
	return true;
}

bool fd_sync(int fd, const char *what, GError **error)
{
	if (TEMP_FAILURE_RETRY(fsync(fd)) < 0)
		return fail_errno(error, "cannot flush %s to its medium", what);
	return true;
}

bool fd_sync_folder_of(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	fd_auto int fd = fd_open(folder, O_RDONLY | O_DIRECTORY, 0, error);

	/* Some file systems (FAT, FUSE) cannot flush a folder: nothing is lost by it. */
	if (fd < 0)
		return false;
	if (TEMP_FAILURE_RETRY(fsync(fd)) < 0 && errno != EINVAL && errno != ENOTSUP)
		return fail_errno(error, "cannot flush folder %s", folder);
	return true;
}

bool fd_size(int fd, const char *what, uint64_t *size, GError **error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(error, "cannot examine %s", what);
	if (S_ISREG(st.st_mode)) {
		*size = (uint64_t)st.st_size;
		return true;
	}
	if (!S_ISBLK(st.st_mode))
		return fail(error, FAILURE_IO, "%s is neither a file nor a block device", what);

	uint64_t bytes = 0;
	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0)
		return fail_errno(error, "cannot get the size of %s", what);
	*size = bytes;
	return true;
}
