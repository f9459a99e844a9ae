/* SPDX-License-Identifier: MIT */

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

char *file_read(const char *path, size_t limit, size_t *size, GError **error)
{
	fd_auto int fd = fd_open(path, O_RDONLY, 0, error);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		return fail_errno_null(error, "cannot examine %s", path);
	if (S_ISDIR(st.st_mode))
		return fail_null(error, FAILURE_IO, "%s is a folder", path);

	/* Read to the end, not to st_size: files in /proc and /sys say 0. */
	g_autoptr(GString) all = g_string_sized_new(4096);
	for (;;) {
		char part[4096];
		ssize_t got = TEMP_FAILURE_RETRY(read(fd, part, sizeof(part)));

		if (got < 0)
			return fail_errno_null(error, "cannot read %s", path);
		if (got == 0)
			break;
		if (all->len + (size_t)got > limit)
			return fail_null(error, FAILURE_FORMAT, "%s is larger than %zu bytes", path,
			                 limit);
		g_string_append_len(all, part, got);
	}
	if (size)
		*size = all->len;
	return g_string_free(g_steal_pointer(&all), FALSE);
}

static bool write_temporary(int fd, const char *path, const char *data, size_t size, unsigned mode,
                            GError **error)
{
	if (fchmod(fd, mode) < 0)
		return fail_errno(error, "cannot set the mode of %s", path);
	return fd_write(fd, data, size, path, error) && fd_sync(fd, path, error);
}

bool file_replace(const char *path, const char *data, size_t size, unsigned mode, GError **error)
{
	g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
	fd_auto int fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail_errno(error, "cannot create a file beside %s", path);
	if (!write_temporary(fd, temporary, data, size, mode, error) ||
	    !fd_close(&fd, temporary, error)) {
		unlink(temporary);
		return false;
	}
	if (rename(temporary, path) < 0) {
		fail_errno(error, "cannot replace %s", path);
		unlink(temporary);
		return false;
	}
	return fd_sync_folder_of(path, error);
}

bool file_make_folders(const char *path, unsigned mode, GError **error)
{
	if (g_mkdir_with_parents(path, (int)mode) < 0)
		return fail_errno(error, "cannot create folder %s", path);
	return true;
}

static bool remove_in(int folder, const char *name, const char *path, GError **error);

static bool remove_content(int folder, const char *path, GError **error)
{
	DIR *stream = fdopendir(folder);
	bool ok = true;

	if (!stream) {
		close(folder);
		return fail_errno(error, "cannot read folder %s", path);
	}
	for (struct dirent *entry; ok && (entry = readdir(stream));) {
		if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
			continue;
		g_autofree char *inner = g_build_filename(path, entry->d_name, NULL);
		ok = remove_in(dirfd(stream), entry->d_name, inner, error);
	}
	closedir(stream);
	return ok;
}

static bool remove_in(int folder, const char *name, const char *path, GError **error)
{
	if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return fail_errno(error, "cannot remove %s", path);

	int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (inner < 0)
		return fail_errno(error, "cannot remove %s", path);
	/* A folder that may not be written gives nothing away. */
	if (fchmod(inner, S_IRWXU) < 0)
		g_debug("cannot make %s writable: %s", path, g_strerror(errno));
	if (!remove_content(inner, path, error))
		return false;
	if (unlinkat(folder, name, AT_REMOVEDIR) < 0)
		return fail_errno(error, "cannot remove %s", path);
	return true;
}

bool file_remove_tree(const char *path, GError **error)
{
	return remove_in(AT_FDCWD, path, path, error);
}
