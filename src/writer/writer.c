/* SPDX-License-Identifier: MIT */

#include "writer/writer.h"

#include "base/error.h"
#include "writer/rows.h"

/* Chapter 7.1 without the casync types. */
static const struct {
	ImageType image;
	SlotType slot;
	const Writer *writer;
} table[] = {
	{ IMAGE_RAW, SLOT_RAW, &writer_raw },
	{ IMAGE_EXT4, SLOT_RAW, &writer_raw },
	{ IMAGE_VFAT, SLOT_RAW, &writer_raw },
	{ IMAGE_SQUASHFS, SLOT_RAW, &writer_raw },
	{ IMAGE_RAW, SLOT_EXT4, &writer_filesystem },
	{ IMAGE_EXT4, SLOT_EXT4, &writer_filesystem },
	{ IMAGE_RAW, SLOT_VFAT, &writer_filesystem },
	{ IMAGE_VFAT, SLOT_VFAT, &writer_filesystem },
	{ IMAGE_TAR, SLOT_EXT4, &writer_archive },
	{ IMAGE_TAR, SLOT_VFAT, &writer_archive },
	{ IMAGE_TAR, SLOT_UBIFS, &writer_flash_archive },
	{ IMAGE_TAR, SLOT_JFFS2, &writer_flash_archive },
	{ IMAGE_RAW, SLOT_UBIFS, &writer_ubifs },
	{ IMAGE_UBIFS, SLOT_UBIFS, &writer_ubifs },
	{ IMAGE_RAW, SLOT_UBIVOL, &writer_ubivol },
	{ IMAGE_SQUASHFS, SLOT_UBIVOL, &writer_ubivol },
	{ IMAGE_UBIFS, SLOT_UBIVOL, &writer_ubivol },
	{ IMAGE_RAW, SLOT_NAND, &writer_nand },
	{ IMAGE_RAW, SLOT_NOR, &writer_nor },
	{ IMAGE_RAW, SLOT_JFFS2, &writer_jffs2 },
	{ IMAGE_EMPTYFS, SLOT_EXT4, &writer_empty },
	{ IMAGE_RAW, SLOT_BOOT_EMMC, &writer_emmc },
	{ IMAGE_RAW, SLOT_BOOT_MBR_SWITCH, &writer_mbr },
	{ IMAGE_VFAT, SLOT_BOOT_MBR_SWITCH, &writer_mbr },
	{ IMAGE_RAW, SLOT_BOOT_GPT_SWITCH, &writer_gpt },
	{ IMAGE_EXT4, SLOT_BOOT_GPT_SWITCH, &writer_gpt },
	{ IMAGE_VFAT, SLOT_BOOT_GPT_SWITCH, &writer_gpt },
	{ IMAGE_RAW, SLOT_BOOT_RAW_FALLBACK, &writer_fallback },
};

const Writer *writer_find(ImageType image, SlotType slot, GError **error)
{
	const char *name = image_type_name(image);

	for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
		if (table[i].image == image && table[i].slot == slot)
			return table[i].writer;
	}
	return fail_null(error, FAILURE_UNSUPPORTED,
	                 "Unsupported image type '%s' for slot type '%s'", name ? name : "(none)",
	                 slot_type_name(slot));
}

bool writer_check_size(const WriterJob *job, GError **error)
{
	return !job->image->has_size || job->image->size == job->bytes->size ||
	       fail(error, FAILURE_FORMAT,
	            "image '%s' has %" G_GUINT64_FORMAT
	            " bytes, but the manifest says %" G_GUINT64_FORMAT,
	            job->image->filename, job->bytes->size, job->image->size);
}
