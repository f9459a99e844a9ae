/* SPDX-License-Identifier: MIT */

#include "model/image.h"

static const char *const names[] = {
	[IMAGE_RAW] = "raw",
	[IMAGE_EXT4] = "ext4",
	[IMAGE_VFAT] = "vfat",
	[IMAGE_SQUASHFS] = "squashfs",
	[IMAGE_UBIFS] = "ubifs",
	[IMAGE_TAR] = "tar",
	[IMAGE_EMPTYFS] = "emptyfs",
	[IMAGE_CATAR] = "catar",
	[IMAGE_CAIDX] = "caidx",
	[IMAGE_RAW_CAIBX] = "raw-caibx",
	[IMAGE_EXT4_CAIBX] = "ext4-caibx",
	[IMAGE_VFAT_CAIBX] = "vfat-caibx",
	[IMAGE_UBIFS_CAIBX] = "ubifs-caibx",
	[IMAGE_SQUASHFS_CAIBX] = "squashfs-caibx",
};

/* In the order that decides. */
static const struct {
	const char *pattern;
	ImageType type;
} patterns[] = {
	{ "*.ext4.caibx", IMAGE_EXT4_CAIBX },
	{ "*.vfat.caibx", IMAGE_VFAT_CAIBX },
	{ "*.ubifs.caibx", IMAGE_UBIFS_CAIBX },
	{ "*.img.caibx", IMAGE_RAW_CAIBX },
	{ "*.squashfs.caibx", IMAGE_SQUASHFS_CAIBX },
	{ "*.squashfs-*.caibx", IMAGE_SQUASHFS_CAIBX },
	{ "*.catar", IMAGE_CATAR },
	{ "*.caidx", IMAGE_CAIDX },
	{ "*.tar*", IMAGE_TAR },
	{ "*.tgz", IMAGE_TAR },
	{ "*.ext4", IMAGE_EXT4 },
	{ "*.vfat", IMAGE_VFAT },
	{ "*.img", IMAGE_RAW },
	{ "*.squashfs-*", IMAGE_SQUASHFS },
	{ "*.squashfs", IMAGE_SQUASHFS },
	{ "*.ubifs", IMAGE_UBIFS },
};

const char *image_type_name(ImageType type)
{
	return (unsigned)type < G_N_ELEMENTS(names) ? names[type] : NULL;
}

ImageType image_type_by_name(const char *name)
{
	for (unsigned i = IMAGE_RAW; i < G_N_ELEMENTS(names); i++) {
		if (g_str_equal(names[i], name))
			return i;
	}
	return IMAGE_UNKNOWN;
}

ImageType image_type_by_filename(const char *filename)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++) {
		if (g_pattern_match_simple(patterns[i].pattern, filename))
			return patterns[i].type;
	}
	return IMAGE_UNKNOWN;
}
