/* SPDX-License-Identifier: MIT */

/*
 * Paths are made of names the squashfs reader has checked (no '/', no ".."), and
 * every entry is created with a call that fails where something is already
 * there: a link and a folder of the same name cannot lead outside.
 */

#include "bundle/extract.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

#define PART (1024 * 1024)

typedef struct {
	Squashfs *files;
	const char *folder;
	GArray *modes; /* of Mode: folders get theirs when they are filled */
	uint8_t *part;
} Extract;

typedef struct {
	char *path;
	unsigned mode;
} Mode;

static bool write_content(Extract *extract, int fd, const char *path, const SquashfsEntry *entry,
                          GError **error)
{
	g_autoptr(Source) source = squashfs_open_inode(extract->files, entry, error);

	if (!source)
		return false;
	for (uint64_t at = 0; at < source->size; at += PART) {
		size_t size = (size_t)MIN(PART, source->size - at);

		if (!source_read_at(source, extract->part, size, at, error) ||
		    !fd_write(fd, extract->part, size, path, error))
			return false;
	}
	return true;
}

static bool own(int fd, const char *path, const SquashfsEntry *entry, GError **error)
{
	if (geteuid() == 0 && fchown(fd, entry->uid, entry->gid) < 0)
		return fail_errno(error, "cannot set the owner of %s", path);
	return true;
}

static bool extract_file(Extract *extract, const char *path, const SquashfsEntry *entry,
                         GError **error)
{
	fd_auto int fd = fd_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, error);

	if (fd < 0 || !write_content(extract, fd, path, entry, error) ||
	    !own(fd, path, entry, error))
		return false;
	if (fchmod(fd, entry->mode & 07777) < 0)
		return fail_errno(error, "cannot set the mode of %s", path);
	return fd_close(&fd, path, error);
}

static bool extract_entry(void *user, const char *name, const SquashfsEntry *entry, GError **error)
{
	Extract *extract = user;
	g_autofree char *path = g_build_filename(extract->folder, name, NULL);

	switch (entry->type) {
	case SQUASHFS_FOLDER:
		if (mkdir(path, 0700) < 0)
			return fail_errno(error, "cannot create folder %s", path);
		Mode mode = { g_steal_pointer(&path), entry->mode & 07777 };
		g_array_append_val(extract->modes, mode);
		return true;
	case SQUASHFS_FILE:
		return extract_file(extract, path, entry, error);
	case SQUASHFS_SYMLINK:
		return symlink(entry->target, path) == 0 ||
		       fail_errno(error, "cannot create link %s", path);
	default:
		return fail(error, FAILURE_FORMAT,
		            "the bundle has a device, fifo or socket: %s. Only files, folders and "
		            "links are allowed",
		            name);
	}
}

static bool set_modes(const Extract *extract, GError **error)
{
	for (unsigned i = extract->modes->len; i-- > 0;) {
		const Mode *mode = &g_array_index(extract->modes, Mode, i);

		if (chmod(mode->path, mode->mode) < 0)
			return fail_errno(error, "cannot set the mode of %s", mode->path);
	}
	return true;
}

static void mode_clear(void *mode)
{
	g_free(((Mode *)mode)->path);
}

static bool extract_all(Bundle *bundle, const char *folder, GError **error)
{
	g_autofree uint8_t *part = g_malloc(PART);
	g_autoptr(GArray) modes = g_array_new(FALSE, FALSE, sizeof(Mode));
	Extract extract = { bundle_files(bundle), folder, modes, part };
	SquashfsEntry root;

	g_array_set_clear_func(modes, mode_clear);
	if (!squashfs_find(extract.files, "", &root, error))
		return false;
	Mode mode = { g_strdup(folder), root.mode & 07777 };
	g_array_append_val(modes, mode);
	squashfs_entry_clear(&root);
	return squashfs_walk(extract.files, "", extract_entry, &extract, error) &&
	       set_modes(&extract, error);
}

bool extract_bundle(Bundle *bundle, const char *folder, GError **error)
{
	g_autoptr(GError) left = NULL;

	if (!bundle_open_payload(bundle, error))
		return false;
	if (g_file_test(folder, G_FILE_TEST_EXISTS))
		return fail(error, FAILURE_CONFIG, "output directory '%s' exists already", folder);
	if (mkdir(folder, 0700) < 0)
		return fail_errno(error, "cannot create folder %s", folder);
	if (extract_all(bundle, folder, error))
		return true;
	if (!file_remove_tree(folder, &left))
		g_warning("%s", left->message);
	return false;
}
