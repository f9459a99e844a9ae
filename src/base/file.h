/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Small files as a whole, and trees of files.
 */

#include <glib.h>
#include <stdbool.h>

/* The content, NUL-terminated behind `*size` bytes; more than `limit` is refused. */
char *file_read(const char *path, size_t limit, size_t *size, GError **error);

/*
 * Old or new content, never less, whatever happens: temporary file beside it,
 * fsync, rename, fsync of the folder. Not over a file on FAT; see boot/grub.c.
 */
bool file_replace(const char *path, const char *data, size_t size, unsigned mode, GError **error);

/* mkdir -p; existing folders are left as they are. */
bool file_make_folders(const char *path, unsigned mode, GError **error);

/* rm -rf that does not follow links; nothing there is success. */
bool file_remove_tree(const char *path, GError **error);
