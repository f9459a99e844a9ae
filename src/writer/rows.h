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
extern const Writer writer_ubivol;        /* a UBI volume, updated by UBI */
extern const Writer writer_ubifs;         /* the same for a file system on it */
extern const Writer writer_nand;          /* MTD with bad blocks: erased, written around them */
extern const Writer writer_nor;           /* MTD without: erased, written */
extern const Writer writer_jffs2;         /* either of them, or a block device */

/* Is the image as long as the manifest says? */
bool writer_check_size(const WriterJob *job, GError **error);

/* The boot loader's own slots: the order of their writes is what they are for. */
extern const Writer writer_mbr;      /* an MBR entry points at one of two halves */
extern const Writer writer_gpt;      /* the same with a GPT (libfdisk) */
extern const Writer writer_emmc;     /* a register chooses the boot partition */
extern const Writer writer_fallback; /* two copies, each valid once its header is there */

/* One of the job's moments. */
static inline bool writer_moment(WriterJob *job, bool (*moment)(void *user, GError **error),
                                 GError **error)
{
	return !moment || moment(job->before_user, error);
}
