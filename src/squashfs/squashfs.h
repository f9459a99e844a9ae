/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * squashfs 4.0, read over a Source, in user space.
 *
 * Written for input that may be hostile: every length and offset is checked
 * before use, loops and absurd sizes are refused. gzip, xz, zstd and lz4;
 * fragments, extended inodes, sparse and uncompressed blocks; xattrs are
 * skipped; lzo and lzma1 are refused by name.
 *
 * Thread-safe once open. Paths have no leading '/'; "" is the root folder.
 * Symbolic links are not followed.
 */

#include "source/source.h"

typedef struct Squashfs Squashfs;

typedef enum {
	SQUASHFS_FOLDER = 1,
	SQUASHFS_FILE,
	SQUASHFS_SYMLINK,
	SQUASHFS_BLOCK_DEVICE,
	SQUASHFS_CHAR_DEVICE,
	SQUASHFS_FIFO,
	SQUASHFS_SOCKET,
} SquashfsType;

typedef struct {
	SquashfsType type;
	unsigned mode; /* permission bits, 07777 */
	uint32_t uid, gid;
	uint32_t mtime;
	uint32_t major, minor; /* of a device node */
	uint64_t size;         /* of a file */
	char *target;          /* of a symbolic link, else NULL */
	uint64_t inode;        /* reference, for squashfs_open_inode() */
} SquashfsEntry;

void squashfs_entry_clear(SquashfsEntry *entry);

Squashfs *squashfs_open(Source *source, GError **error);
Squashfs *squashfs_ref(Squashfs *fs);
void squashfs_unref(Squashfs *fs);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Squashfs, squashfs_unref)

uint32_t squashfs_block_size(const Squashfs *fs);

/* FAILURE_NOT_FOUND where there is none. */
bool squashfs_find(Squashfs *fs, const char *path, SquashfsEntry *entry, GError **error);

/* The content of a regular file; keeps `fs`. Aligned reads of several blocks are
 * decompressed straight into the caller's memory, adjacent blocks fetched in one read. */
Source *squashfs_open_file(Squashfs *fs, const char *path, GError **error);

/* A packed block: no byte of it can be had without all of it. */
typedef struct {
	uint64_t at, size; /* in the image; of size 0: a hole */
} SquashfsBlock;

/* The one that byte `at` of a file lies in, which was opened here. */
SquashfsBlock squashfs_find_block(const Source *file, uint64_t at);
/* All tables; they lie behind the blocks. */
SquashfsBlock squashfs_find_tables(const Squashfs *fs);

/*
 * Every entry below `path`, folders before their content, in stored order, with
 * its path from the root. A name that is empty, has a '/' or is "." or ".." is
 * refused. false from `visit` stops with its error.
 */
typedef bool (*SquashfsVisit)(void *user, const char *path, const SquashfsEntry *entry,
                              GError **error);
bool squashfs_walk(Squashfs *fs, const char *path, SquashfsVisit visit, void *user, GError **error);

/* The content of an entry met by squashfs_walk() or squashfs_find(). */
Source *squashfs_open_inode(Squashfs *fs, const SquashfsEntry *entry, GError **error);
