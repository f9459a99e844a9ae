/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Image types and slot types: what an image is, what a slot holds.
 *
 * Names are RAUC's (chapters 2.2 and 3.3 of its format). An image type is
 * derived from the file name where the manifest does not say it.
 */

#include <glib.h>
#include <stdbool.h>

typedef enum {
	IMAGE_UNKNOWN, /* "install" hook: nobody needs to know */
	IMAGE_RAW,
	IMAGE_EXT4,
	IMAGE_VFAT,
	IMAGE_SQUASHFS,
	IMAGE_UBIFS,
	IMAGE_TAR,
	IMAGE_EMPTYFS,
	IMAGE_CATAR,
	IMAGE_CAIDX,
	IMAGE_RAW_CAIBX,
	IMAGE_EXT4_CAIBX,
	IMAGE_VFAT_CAIBX,
	IMAGE_UBIFS_CAIBX,
	IMAGE_SQUASHFS_CAIBX,
} ImageType;

/* "ext4", "raw", …; NULL for IMAGE_UNKNOWN. */
const char *image_type_name(ImageType type);
/* IMAGE_UNKNOWN for a name that is none. */
ImageType image_type_by_name(const char *name);
/* By pattern, first match wins; IMAGE_UNKNOWN for none. */
ImageType image_type_by_filename(const char *filename);
