/* SPDX-License-Identifier: MIT */

#include "writer/writer.h"

#include "base/error.h"

/* Rows of chapter 7.1 without the casync types; everything else must be refused. */
static const struct {
	ImageType image;
	SlotType slot;
	const char *writer;
} rows[] = {
	{ IMAGE_RAW, SLOT_RAW, "raw" },
	{ IMAGE_EXT4, SLOT_RAW, "raw" },
	{ IMAGE_VFAT, SLOT_RAW, "raw" },
	{ IMAGE_SQUASHFS, SLOT_RAW, "raw" },
	{ IMAGE_RAW, SLOT_EXT4, "filesystem" },
	{ IMAGE_EXT4, SLOT_EXT4, "filesystem" },
	{ IMAGE_RAW, SLOT_VFAT, "filesystem" },
	{ IMAGE_VFAT, SLOT_VFAT, "filesystem" },
	{ IMAGE_TAR, SLOT_EXT4, "archive" },
	{ IMAGE_TAR, SLOT_VFAT, "archive" },
	{ IMAGE_TAR, SLOT_UBIFS, "flash-archive" },
	{ IMAGE_TAR, SLOT_JFFS2, "flash-archive" },
	{ IMAGE_RAW, SLOT_UBIFS, "ubifs" },
	{ IMAGE_UBIFS, SLOT_UBIFS, "ubifs" },
	{ IMAGE_RAW, SLOT_UBIVOL, "ubivol" },
	{ IMAGE_SQUASHFS, SLOT_UBIVOL, "ubivol" },
	{ IMAGE_UBIFS, SLOT_UBIVOL, "ubivol" },
	{ IMAGE_RAW, SLOT_NAND, "nand" },
	{ IMAGE_RAW, SLOT_NOR, "nor" },
	{ IMAGE_RAW, SLOT_JFFS2, "jffs2" },
	{ IMAGE_EMPTYFS, SLOT_EXT4, "emptyfs" },
	{ IMAGE_RAW, SLOT_BOOT_EMMC, "boot-emmc" },
	{ IMAGE_RAW, SLOT_BOOT_MBR_SWITCH, "boot-mbr-switch" },
	{ IMAGE_VFAT, SLOT_BOOT_MBR_SWITCH, "boot-mbr-switch" },
	{ IMAGE_RAW, SLOT_BOOT_GPT_SWITCH, "boot-gpt-switch" },
	{ IMAGE_EXT4, SLOT_BOOT_GPT_SWITCH, "boot-gpt-switch" },
	{ IMAGE_VFAT, SLOT_BOOT_GPT_SWITCH, "boot-gpt-switch" },
	{ IMAGE_RAW, SLOT_BOOT_RAW_FALLBACK, "boot-raw-fallback" },
};

static const char *expected(ImageType image, SlotType slot)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (rows[i].image == image && rows[i].slot == slot)
			return rows[i].writer;
	}
	return NULL;
}

static void test_matrix(void)
{
	for (ImageType image = IMAGE_UNKNOWN; image <= IMAGE_SQUASHFS_CAIBX; image++) {
		for (unsigned slot = 0; slot < SLOT_N_TYPES; slot++) {
			g_autoptr(GError) error = NULL;
			const Writer *writer = writer_find(image, (SlotType)slot, &error);

			g_assert_cmpstr(writer ? writer->name : NULL, ==,
			                expected(image, (SlotType)slot));
			if (!writer)
				g_assert_error(error, FAILURE, FAILURE_UNSUPPORTED);
		}
	}
}

static void test_message(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(writer_find(IMAGE_EXT4, SLOT_VFAT, &error));
	g_assert_cmpstr(error->message, ==, "Unsupported image type 'ext4' for slot type 'vfat'");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/writer/matrix", test_matrix);
	g_test_add_func("/writer/writer/message", test_message);
	return g_test_run();
}
