/* SPDX-License-Identifier: MIT */

/*
 * Device nodes, FIFOs and sockets are only made in what a converter has put there, the
 * file system of somebody's container; nothing else in a bundle has a use for them.
 *
 * Paths are made of names the squashfs reader has checked (no '/', no ".."), and
 * every entry is created with a call that fails where something is already
 * there: a link and a folder of the same name cannot lead outside.
 */

#include "bundle/extract.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

#define PART (1024 * 1024)

typedef struct {
	Squashfs *files;
	const Manifest *manifest;
	const char *folder;
	GArray *folders; /* of Folder: they get what they are when they are filled */
	uint8_t *part;
} Extract;

typedef struct {
	char *path;
	SquashfsEntry entry;
} Folder;

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

/* Owner and time of what is no link or the link itself, and the mode of what has one. */
static bool set_facts(const char *path, const SquashfsEntry *entry, GError **error)
{
	struct timespec times[2] = { { .tv_sec = entry->mtime }, { .tv_sec = entry->mtime } };

	/* A new owner takes special bits away, so the mode comes behind it. */
	if (geteuid() == 0 && lchown(path, entry->uid, entry->gid) < 0)
		return fail_errno(error, "cannot set the owner of %s", path);
	if (entry->type != SQUASHFS_SYMLINK && chmod(path, entry->mode & 07777) < 0)
		return fail_errno(error, "cannot set the mode of %s", path);
	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(error, "cannot set the time of %s", path);
	return true;
}

static bool extract_file(Extract *extract, const char *path, const SquashfsEntry *entry,
                         GError **error)
{
	fd_auto int fd = fd_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, error);

	return fd >= 0 && write_content(extract, fd, path, entry, error) &&
	       fd_close(&fd, path, error) && set_facts(path, entry, error);
}

static bool extract_folder(Extract *extract, const char *path, const SquashfsEntry *entry,
                           GError **error)
{
	if (mkdir(path, 0700) < 0)
		return fail_errno(error, "cannot create folder %s", path);
	Folder folder = { g_strdup(path), *entry };
	g_array_append_val(extract->folders, folder);
	return true;
}

static bool extract_link(const char *path, const SquashfsEntry *entry, GError **error)
{
	if (symlink(entry->target, path) < 0)
		return fail_errno(error, "cannot create link %s", path);
	return set_facts(path, entry, error);
}

static bool is_below(const char *name, const char *folder)
{
	size_t size = strlen(folder);

	return strncmp(name, folder, size) == 0 && name[size] == '/';
}

static bool is_converted(const Manifest *manifest, const char *name)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		for (char **folder = image->converted; folder && *folder; folder++) {
			if (is_below(name, *folder))
				return true;
		}
	}
	return false;
}

static bool extract_node(const Extract *extract, const char *name, const char *path,
                         const SquashfsEntry *entry, GError **error)
{
	static const mode_t kinds[] = { [SQUASHFS_BLOCK_DEVICE] = S_IFBLK,
		                        [SQUASHFS_CHAR_DEVICE] = S_IFCHR,
		                        [SQUASHFS_FIFO] = S_IFIFO,
		                        [SQUASHFS_SOCKET] = S_IFSOCK };

	if (!is_converted(extract->manifest, name))
		return fail(error, FAILURE_FORMAT,
		            "the bundle has a device, fifo or socket: %s. Only files, folders and "
		            "links are allowed",
		            name);
	if (mknod(path, kinds[entry->type] | 0600, makedev(entry->major, entry->minor)) < 0)
		return fail_errno(error, "cannot create device, fifo or socket %s", path);
	return set_facts(path, entry, error);
}

static bool extract_entry(void *user, const char *name, const SquashfsEntry *entry, GError **error)
{
	Extract *extract = user;
	g_autofree char *path = g_build_filename(extract->folder, name, NULL);

	switch (entry->type) {
	case SQUASHFS_FOLDER:
		return extract_folder(extract, path, entry, error);
	case SQUASHFS_FILE:
		return extract_file(extract, path, entry, error);
	case SQUASHFS_SYMLINK:
		return extract_link(path, entry, error);
	default:
		return extract_node(extract, name, path, entry, error);
	}
}

static bool finish_folders(const Extract *extract, GError **error)
{
	for (unsigned i = extract->folders->len; i-- > 0;) {
		const Folder *folder = &g_array_index(extract->folders, Folder, i);

		if (!set_facts(folder->path, &folder->entry, error))
			return false;
	}
	return true;
}

static void folder_clear(void *folder)
{
	g_free(((Folder *)folder)->path);
}

static bool extract_all(Bundle *bundle, const char *path, GError **error)
{
	g_autofree uint8_t *part = g_malloc(PART);
	g_autoptr(GArray) folders = g_array_new(FALSE, FALSE, sizeof(Folder));
	Extract extract = { bundle_files(bundle), bundle_manifest(bundle), path, folders, part };
	Folder root = { 0 };

	g_array_set_clear_func(folders, folder_clear);
	if (!squashfs_find(extract.files, "", &root.entry, error))
		return false;
	root.path = g_strdup(path);
	g_array_append_val(folders, root);
	return squashfs_walk(extract.files, "", extract_entry, &extract, error) &&
	       finish_folders(&extract, error);
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
