/* SPDX-License-Identifier: MIT */

#include "squashfs/squashfs.h"

#include <string.h>

#include "base/error.h"
#include "squashfs/data.h"
#include "squashfs/dir.h"
#include "squashfs/image.h"
#include "squashfs/inode.h"
#include "squashfs/table.h"

#define MOST_DEPTH 256

void squashfs_entry_clear(SquashfsEntry *entry)
{
	g_clear_pointer(&entry->target, g_free);
}

Squashfs *squashfs_ref(Squashfs *fs)
{
	g_atomic_int_inc(&fs->refs);
	return fs;
}

void squashfs_unref(Squashfs *fs)
{
	if (!fs || !g_atomic_int_dec_and_test(&fs->refs))
		return;
	codec_clear_shelf(&fs->codecs);
	source_unref(fs->source);
	g_free(fs->ids);
	g_free(fs);
}

uint32_t squashfs_block_size(const Squashfs *fs)
{
	return fs->super.block_size;
}

SquashfsBlock squashfs_find_block(const Source *file, uint64_t at)
{
	return data_find_block(file, at);
}

SquashfsBlock squashfs_find_tables(const Squashfs *fs)
{
	uint64_t at = fs->super.inode_table;

	return (SquashfsBlock){ at, fs->super.bytes_used - at };
}

/* Where it fails there is nothing to clear, here and in all that read an inode. */
static bool read_root(Squashfs *fs, Meta *meta, Inode *inode, GError **error)
{
	if (!inode_read(fs, meta, fs->super.root, inode, error))
		return false;
	if (inode->type == SQUASHFS_FOLDER)
		return true;
	inode_clear(inode);
	return fail(error, FAILURE_FORMAT, "squashfs: the root is not a folder");
}

Squashfs *squashfs_open(Source *source, GError **error)
{
	g_autoptr(Squashfs) fs = g_new0(Squashfs, 1);
	Inode root;

	fs->refs = 1;
	fs->source = source_ref(source);
	if (!super_read(source, &fs->super, error))
		return NULL;
	fs->codecs.ops = fs->super.codec;
	if (!(fs->ids = table_read_ids(fs, error)))
		return NULL;

	g_autofree Meta *meta = inode_reader(fs);
	if (!read_root(fs, meta, &root, error))
		return NULL;
	inode_clear(&root);
	return g_steal_pointer(&fs);
}

/* The inode of a directory entry, which must agree with it. */
static bool read_entry(Squashfs *fs, Meta *meta, const DirEntry *found, Inode *inode,
                       GError **error)
{
	if (!inode_read(fs, meta, found->inode, inode, error))
		return false;
	if (inode->type == found->type && inode->number == found->number)
		return true;
	inode_clear(inode);
	g_autofree char *shown = g_strescape(found->name, NULL);
	return fail(error, FAILURE_FORMAT,
	            "squashfs: '%s' is inode %u of type %u in its folder, but not in itself", shown,
	            found->number, found->type);
}

/* Moves what `inode` owns. */
static void fill(SquashfsEntry *entry, Inode *inode, uint64_t reference)
{
	*entry = (SquashfsEntry){
		.type = inode->type,
		.mode = inode->mode,
		.uid = inode->uid,
		.gid = inode->gid,
		.mtime = inode->mtime,
		/* Twelve bits, and a low and a high part around them. */
		.major = inode->device >> 8 & 0xfff,
		.minor = (inode->device & 0xff) | (inode->device >> 12 & 0xfff00),
		.size = inode->type == SQUASHFS_FILE ? inode->size : 0,
		.target = g_steal_pointer(&inode->target),
		.inode = reference,
	};
}

static bool not_found(const char *path, GError **error)
{
	g_autofree char *shown = g_strescape(path, NULL);

	return fail(error, FAILURE_NOT_FOUND, "squashfs: there is no '%s' in the image", shown);
}

/* Replace `inode` by its child `name`; `path` is for the message. */
static bool step(Squashfs *fs, Meta *meta, Inode *inode, uint64_t *reference, const char *name,
                 const char *path, GError **error)
{
	if (inode->type != SQUASHFS_FOLDER)
		return not_found(path, error);

	g_autoptr(Dir) dir = dir_open(fs, inode, error);
	if (!dir)
		return false;
	for (;;) {
		DirEntry found;
		DirNext next = dir_next(dir, &found, error);

		if (next == DIR_FAILED)
			return false;
		/* Names are sorted: behind its place it cannot come. */
		if (next == DIR_END || strcmp(found.name, name) > 0)
			return not_found(path, error);
		if (!g_str_equal(found.name, name))
			continue;
		*reference = found.inode;
		inode_clear(inode);
		return read_entry(fs, meta, &found, inode, error);
	}
}

/* On success the caller clears `inode`; a file's blocks are next in `meta`. */
static bool find(Squashfs *fs, Meta *meta, const char *path, Inode *inode, uint64_t *reference,
                 GError **error)
{
	g_auto(GStrv) names = g_strsplit(path, "/", -1);

	*reference = fs->super.root;
	if (!read_root(fs, meta, inode, error))
		return false;
	for (char **name = names; *name; name++)
		if (!step(fs, meta, inode, reference, *name, path, error)) {
			inode_clear(inode);
			return false;
		}
	return true;
}

bool squashfs_find(Squashfs *fs, const char *path, SquashfsEntry *entry, GError **error)
{
	g_autofree Meta *meta = inode_reader(fs);
	uint64_t reference;
	Inode inode;

	if (!find(fs, meta, path, &inode, &reference, error))
		return false;
	fill(entry, &inode, reference);
	return true;
}

static Source *open_file(Squashfs *fs, Meta *meta, Inode *inode, GError **error)
{
	Source *source = NULL;

	if (inode->type == SQUASHFS_FILE)
		source = data_open(fs, inode, meta, error);
	else
		fail(error, FAILURE_FORMAT, "squashfs: inode %u is not a regular file",
		     inode->number);
	inode_clear(inode);
	return source;
}

Source *squashfs_open_file(Squashfs *fs, const char *path, GError **error)
{
	g_autofree Meta *meta = inode_reader(fs);
	uint64_t reference;
	Inode inode;

	if (!find(fs, meta, path, &inode, &reference, error))
		return NULL;
	return open_file(fs, meta, &inode, error);
}

Source *squashfs_open_inode(Squashfs *fs, const SquashfsEntry *entry, GError **error)
{
	g_autofree Meta *meta = inode_reader(fs);
	Inode inode;

	if (!inode_read(fs, meta, entry->inode, &inode, error))
		return NULL;
	return open_file(fs, meta, &inode, error);
}

typedef struct {
	Squashfs *fs;
	Meta *inodes;
	SquashfsVisit visit;
	void *user;
	GString *path;
	GHashTable *folders; /* inode numbers that were entered */
	uint64_t listing_left;
	unsigned depth;
} Walk;

/* A folder is entered once, not too deep, and all together hold no more than the
 * directory table can: so that no image, however made, keeps us busy for ever. */
static bool may_enter(Walk *walk, const Inode *folder, GError **error)
{
	if (walk->depth >= MOST_DEPTH)
		return fail(error, FAILURE_FORMAT, "squashfs: folders are nested deeper than %d",
		            MOST_DEPTH);
	if (!g_hash_table_add(walk->folders, GUINT_TO_POINTER(folder->number)))
		return fail(error, FAILURE_FORMAT, "squashfs: folder %u is in two places",
		            folder->number);
	if (folder->size > walk->listing_left)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: folders list more than the directory table holds");
	walk->listing_left -= folder->size;
	return true;
}

static bool walk_folder(Walk *walk, const Inode *folder, GError **error);

static bool walk_entry(Walk *walk, const DirEntry *found, GError **error)
{
	Inode inode;
	SquashfsEntry entry;

	if (!read_entry(walk->fs, walk->inodes, found, &inode, error))
		return false;
	fill(&entry, &inode, found->inode);
	bool ok = walk->visit(walk->user, walk->path->str, &entry, error);
	squashfs_entry_clear(&entry);
	if (!ok || inode.type != SQUASHFS_FOLDER)
		return ok;
	return walk_folder(walk, &inode, error);
}

static bool walk_folder(Walk *walk, const Inode *folder, GError **error)
{
	size_t length = walk->path->len;

	if (!may_enter(walk, folder, error))
		return false;
	g_autoptr(Dir) dir = dir_open(walk->fs, folder, error);
	if (!dir)
		return false;
	walk->depth++;
	for (;;) {
		DirEntry found;
		DirNext next = dir_next(dir, &found, error);

		if (next != DIR_ENTRY) {
			walk->depth--;
			return next == DIR_END;
		}
		if (length)
			g_string_append_c(walk->path, '/');
		g_string_append(walk->path, found.name);
		if (!walk_entry(walk, &found, error))
			return false;
		g_string_truncate(walk->path, length);
	}
}

bool squashfs_walk(Squashfs *fs, const char *path, SquashfsVisit visit, void *user, GError **error)
{
	g_autofree Meta *meta = inode_reader(fs);
	g_autoptr(GString) name = g_string_new(path);
	g_autoptr(GHashTable) folders = g_hash_table_new(NULL, NULL);
	uint64_t reference;
	Inode inode;
	Walk walk = {
		.fs = fs,
		.inodes = meta,
		.visit = visit,
		.user = user,
		.path = name,
		.folders = folders,
		.listing_left =
			meta_most_unpacked(fs->super.folder_table_end - fs->super.folder_table),
	};

	if (!find(fs, meta, path, &inode, &reference, error))
		return false;
	inode_clear(&inode);
	return walk_folder(&walk, &inode, error);
}
