/* SPDX-License-Identifier: MIT */

/*
 * A listing is runs of entries whose inodes lie in the same metadata block:
 *
 *     run     count - 1 (4), block of the inodes (4), inode number (4)
 *     entry   offset of the inode (2), its number - that of the run (2, signed),
 *             type (2), length of the name - 1 (2), name
 *
 * At most 256 entries a run. Names are in ascending order of their bytes, which is
 * also why none can be there twice.
 */

#include "squashfs/dir.h"

#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "squashfs/bytes.h"

#define RUN_SIZE   12
#define ENTRY_SIZE 8
#define MOST_RUN   256

void dir_free(Dir *dir)
{
	g_free(dir->meta);
	g_free(dir);
}

Dir *dir_open(Squashfs *fs, const Inode *folder, GError **error)
{
	g_autoptr(Dir) dir = g_new0(Dir, 1);

	dir->fs = fs;
	dir->folder = folder->number;
	dir->left = folder->size;
	if (folder->type != SQUASHFS_FOLDER)
		return fail_null(error, FAILURE_FORMAT, "squashfs: inode %u is not a folder",
		                 folder->number);
	if (dir->left == 0)
		return g_steal_pointer(&dir);

	const Super *super = &fs->super;
	if (dir->left > meta_most_unpacked(super->folder_table_end - super->folder_table))
		return fail_null(error, FAILURE_FORMAT,
		                 "squashfs: folder %u: a listing of %" G_GUINT64_FORMAT
		                 " bytes, larger than the directory table",
		                 folder->number, dir->left);
	dir->meta = g_new(Meta, 1);
	meta_init(dir->meta, fs->source, &fs->codecs, super->folder_table, super->folder_table_end);
	if (!meta_seek(dir->meta, folder->block, folder->offset, error))
		return NULL;
	return g_steal_pointer(&dir);
}

static bool take(Dir *dir, void *to, size_t size, GError **error)
{
	if (size > dir->left)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: folder %u: the listing ends within an entry", dir->folder);
	dir->left -= size;
	return meta_read(dir->meta, to, size, error);
}

static bool next_run(Dir *dir, GError **error)
{
	uint8_t raw[RUN_SIZE];

	if (!take(dir, raw, sizeof(raw), error))
		return false;

	uint32_t count = bytes_u32(raw);
	if (count >= MOST_RUN)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: folder %u: a run of more than %u entries", dir->folder,
		            MOST_RUN);
	dir->n_left = count + 1;
	dir->block = bytes_u32(raw + 4);
	dir->number = bytes_u32(raw + 8);
	return true;
}

static bool check_name(Dir *dir, const char *name, size_t length, GError **error)
{
	if (strlen(name) != length || !path_is_plain_name(name)) {
		g_autofree char *shown = g_strescape(name, NULL);
		return fail(error, FAILURE_FORMAT, "squashfs: folder %u: bad name '%s'",
		            dir->folder, shown);
	}
	if (strcmp(dir->last, name) >= 0) {
		g_autofree char *shown = g_strescape(name, NULL);
		return fail(error, FAILURE_FORMAT, "squashfs: folder %u: name '%s' is out of order",
		            dir->folder, shown);
	}
	memcpy(dir->last, name, length + 1);
	return true;
}

DirNext dir_next(Dir *dir, DirEntry *entry, GError **error)
{
	uint8_t raw[ENTRY_SIZE];

	if (dir->n_left == 0 && dir->left == 0)
		return DIR_END;
	if (dir->n_left == 0 && !next_run(dir, error))
		return DIR_FAILED;
	if (!take(dir, raw, sizeof(raw), error))
		return DIR_FAILED;

	size_t length = (size_t)bytes_u16(raw + 6) + 1;
	if (length > DIR_MOST_NAME) {
		fail(error, FAILURE_FORMAT, "squashfs: folder %u: a name of %zu bytes", dir->folder,
		     length);
		return DIR_FAILED;
	}
	if (!take(dir, entry->name, length, error))
		return DIR_FAILED;
	entry->name[length] = '\0';
	if (!check_name(dir, entry->name, length, error))
		return DIR_FAILED;

	/* Wraps where the difference is negative. */
	entry->number = dir->number + (uint32_t)(int16_t)bytes_u16(raw + 2);
	entry->type = bytes_u16(raw + 4);
	entry->inode = (uint64_t)dir->block << 16 | bytes_u16(raw);
	dir->n_left--;
	return DIR_ENTRY;
}
