/* SPDX-License-Identifier: MIT */

#include "model/image.h"

static const struct {
	const char *filename, *type; /* NULL: none */
} by_filename[] = {
	{ "rootfs.ext4", "ext4" },
	{ "rootfs.ext4.caibx", "ext4-caibx" },
	{ "boot.vfat.caibx", "vfat-caibx" },
	{ "a.ubifs.caibx", "ubifs-caibx" },
	{ "a.img.caibx", "raw-caibx" },
	{ "a.squashfs.caibx", "squashfs-caibx" },
	{ "a.squashfs-xz.caibx", "squashfs-caibx" },
	{ "a.catar", "catar" },
	{ "a.caidx", "caidx" },
	{ "a.tar", "tar" },
	{ "a.tar.gz", "tar" },
	{ "a.tarball", "tar" },
	{ "a.tgz", "tar" },
	{ "a.vfat", "vfat" },
	{ "a.img", "raw" },
	{ "a.squashfs", "squashfs" },
	{ "a.squashfs-zst", "squashfs" },
	{ "a.ubifs", "ubifs" },
	{ ".img", "raw" },
	{ "a.tar.img", "tar" }, /* the first match wins */
	{ "a.ext4.img", "raw" },
	{ "a.img.ext4", "ext4" },
	{ "a.caibx", NULL },
	{ "ext4", NULL },
	{ "a.EXT4", NULL },
	{ "a.ext4.gz", NULL },
	{ "", NULL },
};

static void test_by_filename(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(by_filename); i++) {
		g_test_message("%s", by_filename[i].filename);
		g_assert_cmpstr(image_type_name(image_type_by_filename(by_filename[i].filename)),
		                ==, by_filename[i].type);
	}
}

static void test_names(void)
{
	for (ImageType type = IMAGE_RAW; type <= IMAGE_SQUASHFS_CAIBX; type++) {
		g_assert_nonnull(image_type_name(type));
		g_assert_cmpint(image_type_by_name(image_type_name(type)), ==, type);
	}
	g_assert_null(image_type_name(IMAGE_UNKNOWN));
	g_assert_null(image_type_name((ImageType)1000));
	g_assert_cmpint(image_type_by_name("btrfs"), ==, IMAGE_UNKNOWN);
	g_assert_cmpint(image_type_by_name(""), ==, IMAGE_UNKNOWN);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/image/by-filename", test_by_filename);
	g_test_add_func("/model/image/names", test_names);
	return g_test_run();
}
