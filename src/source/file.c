/* SPDX-License-Identifier: MIT */

/*
 * The size is fixed when the file is opened: one that grows later shows its old
 * part, one that shrinks gives an error where the bytes are missing.
 */

#include "source/source.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"

#define MOST_AHEAD (4 * 1024 * 1024)

typedef struct {
	Source source;
	int fd;
	char *name;
} FileSource;

static bool file_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	const FileSource *file = (const FileSource *)source;

	return fd_read_at(file->fd, to, size, at, file->name, error);
}

static void file_prefetch(Source *source, uint64_t size, uint64_t at)
{
	const FileSource *file = (const FileSource *)source;

	/* the kernel reads ahead by itself; what is far away would only push out other things */
	posix_fadvise(file->fd, (off_t)at, (off_t)MIN(size, MOST_AHEAD), POSIX_FADV_WILLNEED);
}

static void file_free(Source *source)
{
	FileSource *file = (FileSource *)source;

	fd_clear(&file->fd);
	g_free(file->name);
	g_free(file);
}

static const SourceOps file_ops = {
	.kind = "file",
	.read_at = file_read_at,
	.prefetch = file_prefetch,
	.free = file_free,
};

Source *source_file_take(int taken, const char *name, GError **error)
{
	fd_auto int fd = taken;
	uint64_t size;

	if (!fd_size(fd, name, &size, error))
		return NULL;
	if (size > G_MAXINT64)
		return fail_null(error, FAILURE_IO, "%s is larger than any file can be", name);
	/* Most of what is read is read in order: let the kernel read far ahead. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);

	FileSource *file = g_new0(FileSource, 1);
	file->fd = fd_steal(&fd);
	file->name = g_strdup(name);
	source_init(&file->source, &file_ops, size);
	return &file->source;
}

Source *source_file_open(const char *path, GError **error)
{
	/* O_NONBLOCK: a FIFO is refused by source_file_take(), not waited for. */
	int fd = fd_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0, error);

	if (fd < 0)
		return NULL;
	return source_file_take(fd, path, error);
}
