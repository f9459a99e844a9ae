/* SPDX-License-Identifier: MIT */

/*
 * A reference is (where the metadata block begins << 16) | offset in it. All inodes
 * begin alike; the types from 8 on are the "extended" forms of the first seven.
 *
 *      0 type (2)   2 mode (2)   4 uid index (2)   6 gid index (2)
 *      8 mtime (4) 12 number (4)
 *
 *  1 folder        block (4), links (4), size + 3 (2), offset (2), parent (4)
 *  8 folder, ext.  links (4), size + 3 (4), block (4), parent (4), indices (2), offset (2),
 *                  xattr (4), [index]
 *  2 file          start (4), fragment (4), offset in it (4), size (4), [block sizes]
 *  9 file, ext.    start (8), size (8), sparse (8), links (4), fragment (4), offset in it (4),
 *                  xattr (4), [block sizes]
 *  3, 10 link      links (4), length (4), target; ext.: xattr (4)
 *  4, 5, 11, 12    devices: links (4), number (4); ext.: xattr (4)
 *  6, 7, 13, 14    FIFO, socket: links (4); ext.: xattr (4)
 *
 * The size of a folder counts "." and "..", which are not there, with 3.
 */

#include "squashfs/inode.h"

#include <string.h>

#include "base/error.h"
#include "squashfs/bytes.h"

#define HEADER         16
#define FIRST_EXTENDED 8
#define MOST_TYPE      14
#define NOT_LISTED     3
#define MOST_TARGET    65535

enum {
	FOLDER = 1,
	FILE_,
	SYMLINK,
	BLOCK,
	CHARACTER,
	EXT_FOLDER = 8,
	EXT_FILE,
	EXT_SYMLINK,
	EXT_BLOCK,
	EXT_CHARACTER
};

void inode_clear(Inode *inode)
{
	g_clear_pointer(&inode->target, g_free);
}

Meta *inode_reader(Squashfs *fs)
{
	Meta *meta = g_new(Meta, 1);

	meta_init(meta, fs->source, &fs->codecs, fs->super.inode_table, fs->super.inode_table_end);
	return meta;
}

static bool read_folder(Meta *meta, bool is_extended, Inode *inode, GError **error)
{
	uint8_t raw[24];

	if (!meta_read(meta, raw, is_extended ? 24 : 16, error))
		return false;
	if (is_extended) {
		inode->size = bytes_u32(raw + 4);
		inode->block = bytes_u32(raw + 8);
		inode->offset = bytes_u16(raw + 18);
	} else {
		inode->block = bytes_u32(raw);
		inode->size = bytes_u16(raw + 8);
		inode->offset = bytes_u16(raw + 10);
	}
	inode->size -= MIN(inode->size, NOT_LISTED);
	return true;
}

static bool read_file(Meta *meta, bool is_extended, Inode *inode, GError **error)
{
	uint8_t raw[40];

	if (!meta_read(meta, raw, is_extended ? 40 : 16, error))
		return false;
	if (is_extended) {
		inode->block = bytes_u64(raw);
		inode->size = bytes_u64(raw + 8);
		inode->fragment = bytes_u32(raw + 28);
		inode->fragment_offset = bytes_u32(raw + 32);
	} else {
		inode->block = bytes_u32(raw);
		inode->fragment = bytes_u32(raw + 4);
		inode->fragment_offset = bytes_u32(raw + 8);
		inode->size = bytes_u32(raw + 12);
	}
	if (inode->size > G_MAXINT64)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: inode %u: a file of %" G_GUINT64_FORMAT " bytes",
		            inode->number, inode->size);
	return true;
}

static bool read_symlink(Meta *meta, Inode *inode, GError **error)
{
	uint8_t raw[8];

	if (!meta_read(meta, raw, sizeof(raw), error))
		return false;

	uint32_t length = bytes_u32(raw + 4);
	if (length == 0 || length > MOST_TARGET)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: inode %u: symbolic link of %u bytes, 1 to %u can be",
		            inode->number, length, MOST_TARGET);
	g_autofree char *target = g_malloc(length + 1);
	if (!meta_read(meta, target, length, error))
		return false;
	target[length] = '\0';
	if (strlen(target) != length)
		return fail(error, FAILURE_FORMAT, "squashfs: inode %u: symbolic link with a NUL",
		            inode->number);
	inode->target = g_steal_pointer(&target);
	return true;
}

static bool read_device(Meta *meta, Inode *inode, GError **error)
{
	uint8_t raw[8];

	if (!meta_read(meta, raw, sizeof(raw), error))
		return false;
	inode->device = bytes_u32(raw + 4);
	return true;
}

static bool read_header(Squashfs *fs, const uint8_t *raw, Inode *inode, GError **error)
{
	unsigned type = bytes_u16(raw), mode = bytes_u16(raw + 2);
	unsigned uid = bytes_u16(raw + 4), gid = bytes_u16(raw + 6);

	inode->number = bytes_u32(raw + 12);
	if (inode->number == 0 || inode->number > fs->super.n_inodes)
		return fail(error, FAILURE_FORMAT, "squashfs: inode number %u of %u", inode->number,
		            fs->super.n_inodes);
	if (type == 0 || type > MOST_TYPE)
		return fail(error, FAILURE_FORMAT, "squashfs: inode %u: unknown type %u",
		            inode->number, type);
	if (uid >= fs->super.n_ids || gid >= fs->super.n_ids)
		return fail(error, FAILURE_FORMAT, "squashfs: inode %u: id %u of %u", inode->number,
		            MAX(uid, gid), fs->super.n_ids);
	inode->type = type < FIRST_EXTENDED ? type : type - FIRST_EXTENDED + 1;
	inode->mode = mode & 07777;
	inode->uid = fs->ids[uid];
	inode->gid = fs->ids[gid];
	inode->mtime = bytes_u32(raw + 8);
	return true;
}

bool inode_read(Squashfs *fs, Meta *meta, uint64_t reference, Inode *inode, GError **error)
{
	uint8_t raw[HEADER];

	*inode = (Inode){ .fragment = INODE_NO_FRAGMENT };
	if (!meta_seek(meta, reference >> 16, (unsigned)(reference & 0xffff), error) ||
	    !meta_read(meta, raw, sizeof(raw), error) || !read_header(fs, raw, inode, error))
		return false;
	switch (bytes_u16(raw)) {
	case FOLDER:
	case EXT_FOLDER:
		return read_folder(meta, bytes_u16(raw) == EXT_FOLDER, inode, error);
	case FILE_:
	case EXT_FILE:
		return read_file(meta, bytes_u16(raw) == EXT_FILE, inode, error);
	case SYMLINK:
	case EXT_SYMLINK:
		return read_symlink(meta, inode, error);
	case BLOCK:
	case CHARACTER:
	case EXT_BLOCK:
	case EXT_CHARACTER:
		return read_device(meta, inode, error);
	default:
		return true; /* how many links there are is of no use here */
	}
}
