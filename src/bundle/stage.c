/* SPDX-License-Identifier: MIT */

#include "bundle/stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

#define MAX_DEPTH 100

static bool mirror_folder(const char *from, const char *to, unsigned depth, GError **error);

static bool mirror_symlink(const char *from, const char *to, const char *name, GError **error)
{
	g_autofree char *target = g_file_read_link(from, NULL);

	if (!target)
		return fail_errno(error, "cannot read link %s", from);
	if (g_path_is_absolute(target))
		return fail(error, FAILURE_CONFIG,
		            "absolute symlinks are not supported as bundle contents (%s)", name);
	if (strchr(target, '/'))
		return fail(error, FAILURE_CONFIG,
		            "symlinks containing slashes are not supported as bundle contents (%s)",
		            name);
	if (symlink(target, to) < 0)
		return fail_errno(error, "cannot create link %s", to);
	return true;
}

static bool copy_bytes(const char *from, const char *to, unsigned mode, GError **error)
{
	fd_auto int in = fd_open(from, O_RDONLY, 0, error);
	fd_auto int out = in < 0 ? -1 : fd_open(to, O_WRONLY | O_CREAT | O_EXCL, mode, error);

	if (out < 0)
		return false;
	for (;;) {
		ssize_t n = TEMP_FAILURE_RETRY(copy_file_range(in, NULL, out, NULL, 1 << 30, 0));

		if (n < 0)
			return fail_errno(error, "cannot copy %s to %s", from, to);
		if (n == 0)
			return fd_close(&out, to, error);
	}
}

static bool mirror_file(const char *from, const char *to, const struct stat *st, GError **error)
{
	if (link(from, to) == 0)
		return true;
	/* Somebody else's files must not be linked (protected_hardlinks), some file
	 * systems have no links at all. */
	if (errno == EPERM || errno == EXDEV || errno == EMLINK || errno == ENOTSUP)
		return copy_bytes(from, to, st->st_mode & 0777, error);
	return fail_errno(error, "cannot link %s to %s", from, to);
}

static bool mirror_entry(const char *from, const char *to, const char *name, unsigned depth,
                         GError **error)
{
	struct stat st;

	if (lstat(from, &st) < 0)
		return fail_errno(error, "cannot examine %s", from);
	if (S_ISLNK(st.st_mode))
		return mirror_symlink(from, to, name, error);
	if (S_ISREG(st.st_mode))
		return mirror_file(from, to, &st, error);
	if (!S_ISDIR(st.st_mode))
		return fail(error, FAILURE_CONFIG,
		            "only regular files are supported as bundle contents (%s)", name);

	if (depth == 0 && name[0] == '.')
		return fail(
			error, FAILURE_CONFIG,
			"hidden directories are not supported as top-level bundle contents (%s)",
			name);
	if (mkdir(to, 0700) < 0)
		return fail_errno(error, "cannot create folder %s", to);
	return mirror_folder(from, to, depth + 1, error) &&
	       (chmod(to, st.st_mode & 0777) == 0 ||
	        fail_errno(error, "cannot set the mode of %s", to));
}

static bool mirror_folder(const char *from, const char *to, unsigned depth, GError **error)
{
	g_autoptr(GError) reason = NULL;
	g_autoptr(GDir) dir = g_dir_open(from, 0, &reason);

	if (!dir)
		return fail(error, FAILURE_IO, "%s", reason->message);
	if (depth > MAX_DEPTH)
		return fail(error, FAILURE_CONFIG, "folders in %s are nested too deeply", from);
	for (const char *name; (name = g_dir_read_name(dir));) {
		if (depth == 0 && g_str_equal(name, STAGE_FOLDER))
			continue;
		g_autofree char *inner_from = g_build_filename(from, name, NULL);
		g_autofree char *inner_to = g_build_filename(to, name, NULL);
		if (!mirror_entry(inner_from, inner_to, name, depth, error))
			return false;
	}
	return true;
}

char *stage_make(const char *input, GError **error)
{
	ERROR_WHILE(error, "staging the bundle content");
	g_autofree char *stage = g_build_filename(input, STAGE_FOLDER, NULL);

	if (!file_remove_tree(stage, error))
		return NULL;
	if (mkdir(stage, 0700) < 0)
		return fail_errno_null(error, "cannot create folder %s", stage);
	if (!mirror_folder(input, stage, 0, error)) {
		stage_drop(g_steal_pointer(&stage));
		return NULL;
	}
	return g_steal_pointer(&stage);
}

void stage_drop(char *stage)
{
	g_autoptr(GError) error = NULL;

	if (stage && !file_remove_tree(stage, &error))
		g_warning("%s", error->message);
	g_free(stage);
}
