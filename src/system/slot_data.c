/* SPDX-License-Identifier: MIT */

#include "system/slot_data.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "crypto/digest.h"

#define PREFIX    "hash-"
#define UNKNOWN   PREFIX "unknown"
#define INDEX     "block-hash-index"
#define NEW_INDEX INDEX ".new"
#define SCRATCH   "scratch"
#define RESERVE   (1024 * 1024) /* for status files and logs */

char *slot_data_folder(const char *folder, const Slot *slot)
{
	g_autofree char *name = g_strconcat("slot.", slot->name, NULL);

	return g_build_filename(folder, name, NULL);
}

/* "hash-…": a status file can be written by hand, and what it says becomes a path. */
static char *hash_name(const char *sha256)
{
	uint8_t digest[DIGEST_SIZE];

	if (!sha256 || !digest_parse_hex(sha256, digest, DIGEST_SIZE))
		return g_strdup(UNKNOWN);
	g_autofree char *hex = digest_hex(digest, DIGEST_SIZE);
	return g_strconcat(PREFIX, hex, NULL);
}

static char *hash_folder(const char *folder, const Slot *slot, const char *sha256)
{
	g_autofree char *name = hash_name(sha256);
	g_autofree char *own = slot_data_folder(folder, slot);

	return g_build_filename(own, name, NULL);
}

bool slot_data_begin(const char *folder, const Slot *slot, const char *sha256, GError **error)
{
	g_autofree char *unknown = hash_folder(folder, slot, NULL);
	g_autofree char *known = hash_folder(folder, slot, sha256);
	g_autofree char *own = slot_data_folder(folder, slot);

	if (!file_make_folders(own, 0700, error))
		return false;
	if (g_str_equal(known, unknown) || !g_file_test(known, G_FILE_TEST_IS_DIR))
		return true;
	if (!file_remove_tree(unknown, error))
		return false;
	if (rename(known, unknown) < 0)
		return fail_errno(error, "cannot rename %s to %s", known, unknown);
	return fd_sync_folder_of(unknown, error);
}

static bool remove_others(const char *own, const char *kept, GError **error)
{
	g_autoptr(GDir) listing = g_dir_open(own, 0, NULL);
	const char *name;

	while (listing && (name = g_dir_read_name(listing))) {
		g_autofree char *path = g_build_filename(own, name, NULL);

		if (g_str_has_prefix(name, PREFIX) && !g_str_equal(name, kept) &&
		    !file_remove_tree(path, error))
			return false;
	}
	return true;
}

void slot_data_tidy(const char *folder, const Slot *slot, const char *sha256)
{
	g_autofree char *own = slot_data_folder(folder, slot);
	g_autofree char *kept = hash_name(sha256);
	g_autoptr(GError) error = NULL;

	if (!remove_others(own, kept, &error))
		g_warning("cannot tidy up %s: %s", own, error->message);
}

Source *slot_data_open_index(const char *folder, const Slot *slot, const char *sha256,
                             GError **error)
{
	g_autofree char *hash = hash_folder(folder, slot, sha256);
	g_autofree char *path = g_build_filename(hash, INDEX, NULL);
	fd_auto int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return fail_null(error, FAILURE_NOT_FOUND, "there is no %s", path);
	if (fd < 0)
		return fail_errno_null(error, "cannot open %s", path);
	return source_file_take(fd_steal(&fd), path, error);
}

bool slot_data_check_room(const char *folder, uint64_t size, GError **error)
{
	struct statvfs fs;

	if (!file_make_folders(folder, 0700, error))
		return false;
	if (statvfs(folder, &fs) < 0)
		return fail_errno(error, "cannot examine %s", folder);
	uint64_t free = (uint64_t)fs.f_bavail * fs.f_frsize;
	return (free >= RESERVE && free - RESERVE >= size) ||
	       fail(error, FAILURE_NO_SPACE,
	            "no space in %s: %" G_GUINT64_FORMAT " bytes and some reserve are needed, "
	            "there are %" G_GUINT64_FORMAT,
	            folder, size, free);
}

int slot_data_new_index(const char *folder, const Slot *slot, GError **error)
{
	g_autofree char *own = slot_data_folder(folder, slot);
	g_autofree char *path = g_build_filename(own, NEW_INDEX, NULL);

	if (!file_make_folders(own, 0700, error))
		return -1;
	if (unlink(path) < 0 && errno != ENOENT) {
		fail_errno(error, "cannot remove %s", path);
		return -1;
	}
	return fd_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, error);
}

bool slot_data_keep_index(const char *folder, const Slot *slot, int *fd, const char *sha256,
                          GError **error)
{
	g_autofree char *own = slot_data_folder(folder, slot);
	g_autofree char *from = g_build_filename(own, NEW_INDEX, NULL);
	g_autofree char *hash = hash_folder(folder, slot, sha256);
	g_autofree char *to = g_build_filename(hash, INDEX, NULL);

	if (!fd_sync(*fd, from, error) || !fd_close(fd, from, error) ||
	    !file_make_folders(hash, 0700, error))
		return false;
	if (rename(from, to) < 0)
		return fail_errno(error, "cannot rename %s to %s", from, to);
	return fd_sync_folder_of(to, error) && fd_sync_folder_of(hash, error) &&
	       fd_sync_folder_of(own, error);
}

void slot_data_drop_new_index(const char *folder, const Slot *slot)
{
	g_autofree char *own = slot_data_folder(folder, slot);
	g_autofree char *path = g_build_filename(own, NEW_INDEX, NULL);

	if (unlink(path) < 0 && errno != ENOENT)
		g_warning("cannot remove %s: %s", path, g_strerror(errno));
}

void slot_data_drop_index(const char *folder, const Slot *slot, const char *sha256)
{
	g_autofree char *hash = hash_folder(folder, slot, sha256);
	g_autoptr(GError) error = NULL;

	if (!file_remove_tree(hash, &error))
		g_warning("cannot remove %s: %s", hash, error->message);
}

int slot_data_scratch(const char *folder, const Slot *slot, GError **error)
{
	g_autofree char *own = slot_data_folder(folder, slot);
	g_autofree char *path = g_build_filename(own, SCRATCH, NULL);

	if (!file_make_folders(own, 0700, error))
		return -1;
	if (unlink(path) < 0 && errno != ENOENT) {
		fail_errno(error, "cannot remove %s", path);
		return -1;
	}
	fd_auto int fd = fd_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, error);
	if (fd < 0)
		return -1;
	if (unlink(path) < 0) {
		fail_errno(error, "cannot remove %s", path);
		return -1;
	}
	return fd_steal(&fd);
}
