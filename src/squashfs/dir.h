/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Listings of folders, entry by entry.
 */

#include "squashfs/inode.h"

#define DIR_MOST_NAME 256

typedef struct {
	char name[DIR_MOST_NAME + 1];
	SquashfsType type;
	uint32_t number;
	uint64_t inode; /* reference */
} DirEntry;

typedef struct {
	Squashfs *fs;
	Meta *meta;
	uint32_t folder; /* inode number, for messages */
	uint64_t left;   /* bytes of the listing */
	/* The run that is being read. */
	unsigned n_left;
	uint32_t block, number;
	char last[DIR_MOST_NAME + 1];
} Dir;

/* Borrows `fs`. */
Dir *dir_open(Squashfs *fs, const Inode *folder, GError **error);
void dir_free(Dir *dir);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dir, dir_free)

typedef enum { DIR_ENTRY, DIR_END, DIR_FAILED } DirNext;

DirNext dir_next(Dir *dir, DirEntry *entry, GError **error);
