/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The writers themselves, one file each; writer.c has the table.
 */

#include "writer/writer.h"

extern const Writer writer_raw;           /* bytes onto a device */
extern const Writer writer_filesystem;    /* the same for a file system, which may then grow */
extern const Writer writer_archive;       /* a new file system, and an archive unpacked into it */
extern const Writer writer_flash_archive; /* the same on flash */
extern const Writer writer_empty;         /* a new file system */

/* Is the image as long as the manifest says? */
bool writer_check_size(const WriterJob *job, GError **error);
