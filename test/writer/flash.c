/* SPDX-License-Identifier: MIT */

/* What sysfs says of a device that is /dev/null: only its number counts. */

#include "writer/flash.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static char *sysfs;

/* "name=value name=value" as files of a folder below the root. */
static void put_values(const char *folder, const char *values)
{
	g_autofree char *path = g_build_filename(sysfs, folder, NULL);
	g_auto(GStrv) words = g_strsplit(values, " ", -1);

	g_assert_true(file_remove_tree(path, NULL));
	g_assert_true(file_make_folders(path, 0755, NULL));
	for (char **word = words; *word && **word; word++) {
		g_auto(GStrv) pair = g_strsplit(*word, "=", 2);
		g_autofree char *file = g_build_filename(path, pair[0], NULL);
		g_autofree char *line = g_strdup_printf("%s\n", pair[1]);

		g_assert_true(g_file_set_contents(file, line, -1, NULL));
	}
}

/* The device of this name, with /dev/null's number. */
static void put_device(const char *name, const char *values)
{
	g_autofree char *folder = g_build_filename("devices", name, NULL);
	g_autofree char *numbers = g_build_filename(sysfs, "dev", "char", NULL);
	g_autofree char *link = g_build_filename(numbers, "1:3", NULL);
	g_autofree char *target = g_build_filename("../..", folder, NULL);

	put_values(folder, values);
	g_assert_true(file_make_folders(numbers, 0755, NULL));
	unlink(link);
	g_assert_cmpint(symlink(target, link), ==, 0);
}

#define NAND "type=nand size=8388608 erasesize=131072 writesize=2048 flags=0x400 numeraseregions=0"
#define NOR  "type=nor size=4194304 erasesize=65536 writesize=1 flags=0xc00 numeraseregions=0"
#define UBI  "name=rootfs type=dynamic reserved_ebs=33 usable_eb_size=129024 data_bytes=0"

static const struct {
	const char *name, *values;
	FlashKind kind;
	uint64_t size;
	uint32_t erase_size, write_size;
	bool has_regions, is_born_locked;
} devices[] = {
	{ "mtd3", NAND, FLASH_NAND, 8388608, 131072, 2048, false, false },
	{ "mtd12", NOR, FLASH_NOR, 4194304, 65536, 1, false, false },
	{ "mtd0",
	  "type=mlc-nand size=5000000000 erasesize=4194304 writesize=16384 flags=0x400 "
	  "numeraseregions=0",
	  FLASH_NAND, 5000000000, 4194304, 16384, false, false },
	{ "mtd0",
	  "type=nor size=8388608 erasesize=131072 writesize=1 flags=0x2c00 "
	  "numeraseregions=2",
	  FLASH_NOR, 8388608, 131072, 1, true, true },
	{ "mtd0",
	  "type=dataflash size=540672 erasesize=1056 writesize=1056 flags=0x400 "
	  "numeraseregions=0",
	  FLASH_NOR, 540672, 1056, 1056, false, false },
	{ "ubi0_1", UBI, FLASH_UBI_VOLUME, 4257792, 0, 0, false, false },
	{ "ubi2_127", "name=x type=static reserved_ebs=4000000000 usable_eb_size=2000000000",
	  FLASH_UBI_VOLUME, 8000000000000000000, 0, 0, false, false },
};

static void test_find(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(devices); i++) {
		g_auto(Flash) flash = { 0 };
		g_autoptr(GError) error = NULL;

		put_device(devices[i].name, devices[i].values);
		g_assert_true(flash_find(&flash, sysfs, "/dev/null", &error));
		g_assert_cmpint(flash.kind, ==, devices[i].kind);
		g_assert_cmpstr(flash.name, ==, devices[i].name);
		g_assert_cmpuint(flash.size, ==, devices[i].size);
		g_assert_cmpuint(flash.erase_size, ==, devices[i].erase_size);
		g_assert_cmpuint(flash.write_size, ==, devices[i].write_size);
		g_assert_true(flash.has_regions == devices[i].has_regions);
		g_assert_true(flash.is_born_locked == devices[i].is_born_locked);
	}
}

static const struct {
	const char *name, *values, *message;
} refusals[] = {
	{ "null", "", "/dev/null is not flash: it is neither the character device of an MTD" },
	{ "ubi0", "total_eraseblocks=200 mtd_num=0", "/dev/null is not flash" },
	{ "mtd0", "type=nor erasesize=65536 size=x", "size is 'x', which is no sensible number" },
	{ "mtd0", "type=nor erasesize=65536 size=", "size is '', which is no sensible number" },
	{ "mtd0", "type=nor erasesize=65536", "mtd0 has no size" },
	{ "mtd0", "erasesize=65536 size=65536", "does not describe an MTD" },
	{ "x0", NOR, "does not describe an MTD" },
	{ "mtd0", "type=ram size=65536 erasesize=0 writesize=1 flags=0x1c00 numeraseregions=0",
	  "has erase blocks of 0 and pages of 1 bytes, which is not to be handled" },
	{ "mtd0", "type=ram size=65536 erasesize=512 writesize=0 flags=0x1c00 numeraseregions=0",
	  "which is not to be handled" },
	{ "mtd0", "type=nor size=65536 erasesize=512 writesize=1000 flags=0 numeraseregions=0",
	  "which is not to be handled" },
	{ "mtd0", "type=nor size=1 erasesize=99999999999 writesize=1 flags=0 numeraseregions=0",
	  "no sensible number" },
	{ "ubi0_0", "reserved_ebs=5", "has no usable_eb_size" },
	{ "ubi0_0", "reserved_ebs=-5 usable_eb_size=1", "no sensible number" },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_auto(Flash) flash = { 0 };
		g_autoptr(GError) error = NULL;

		put_device(refusals[i].name, refusals[i].values);
		g_assert_false(flash_find(&flash, sysfs, "/dev/null", &error));
		if (!strstr(error->message, refusals[i].message))
			g_error("row %u: %s", i, error->message);
	}
}

/* Files, folders and what is not there have no number that could be looked up. */
static void test_no_device(void)
{
	static const char *const paths[] = { "/nonexistent/mtd0", "/", "/proc/self/mountinfo" };

	put_device("mtd0", NOR);
	for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_auto(Flash) flash = { 0 };
		g_autoptr(GError) error = NULL;

		g_assert_false(flash_find(&flash, sysfs, paths[i], &error));
		Failure expected = i == 0 ? FAILURE_NOT_FOUND : FAILURE_UNSUPPORTED;
		g_assert_error(error, FAILURE, (int)expected);
		g_assert_false(flash_is_at(paths[i]));
	}
	g_assert_false(flash_is_at("/dev/null"));
}

static const struct {
	const char *device, *values, *name;
	bool is_its;
} names[] = {
	{ "ubi0_1", UBI, "/dev/null", true }, /* the same device by its path */
	{ "ubi0_1", UBI, "/dev/zero", false },
	{ "ubi0_1", UBI, "/dev/ubi0_1", true },
	{ "ubi0_1", UBI, "ubi0_1", true },
	{ "ubi0_1", UBI, "ubi0:rootfs", true },
	{ "ubi0_1", UBI, "ubi0!rootfs", true },
	{ "ubi0_1", UBI, "ubi:rootfs", true },
	{ "ubi0_1", UBI, "ubiblock0_1", true },
	{ "ubi0_1", UBI, "/dev/ubiblock0_1", true },
	{ "ubi0_1", UBI, "ubi0:rootfs2", false },
	{ "ubi0_1", UBI, "ubi1:rootfs", false },
	{ "ubi0_1", UBI, "ubi0_11", false },
	{ "ubi0_1", UBI, "rootfs", false },
	{ "ubi0_1", UBI, "", false },
	{ "ubi1_1", UBI, "ubi:rootfs", false },
	{ "ubi1_1", UBI, "ubi1:rootfs", true },
	{ "ubi10_1", UBI, "ubi1:rootfs", false },
	{ "mtd3", NOR, "mtd3", true },
	{ "mtd3", NOR, "/dev/mtd3", true },
	{ "mtd3", NOR, "/dev/mtdblock3", true },
	{ "mtd3", NOR, "mtd33", false },
	{ "mtd3", NOR, "ubi0_3", false },
};

static void test_names(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		g_auto(Flash) flash = { 0 };

		put_device(names[i].device, names[i].values);
		g_assert_true(flash_find(&flash, sysfs, "/dev/null", NULL));
		if (flash_has_name(&flash, names[i].name) != names[i].is_its)
			g_error("%s: '%s'", names[i].device, names[i].name);
	}
}

static const char table[] =
	"21 1 0:19 / /proc rw shared:5 - proc proc rw\n"
	"36 35 0:42 / / rw,relatime shared:1 master:2 - ubifs ubi0:rootfs rw,assert=read-only\n"
	"37 35 31:3 / /mnt/a\\040b rw - jffs2 mtd:some\\040name rw\n"
	"38 35 254:1 / /mnt/block ro - squashfs /dev/ubiblock1_0 ro\n"
	"39 35 garbage\n"
	"40 35 31:99 / /mnt/x rw\n"
	"short line\n";

static const struct {
	const char *device, *values, *at;
} mounts[] = {
	{ "ubi0_1", UBI, "/" },          { "mtd3", NOR, "/mnt/a b" },
	{ "ubi1_0", UBI, "/mnt/block" }, { "ubi0_0", "name=data reserved_ebs=1 usable_eb_size=1" },
	{ "mtd4", NOR, NULL },           { "ubi1_1", UBI, NULL },
};

static void test_mounts(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(mounts); i++) {
		g_auto(Flash) flash = { 0 };
		g_autoptr(GError) error = NULL;

		put_device(mounts[i].device, mounts[i].values);
		g_assert_true(flash_find(&flash, sysfs, "/dev/null", NULL));
		g_autofree char *at = flash_mount_point(&flash, table);
		g_assert_cmpstr(at, ==, mounts[i].at);
		g_assert_true(flash_check_unused(&flash, sysfs, table, &error) == !at);
		if (at)
			g_assert_nonnull(strstr(error->message, "it is mounted on "));
		g_assert_null(flash_mount_point(&flash, ""));
	}
}

static void test_attached(void)
{
	g_auto(Flash) flash = { 0 };
	g_autoptr(GError) error = NULL;

	put_device("mtd3", NAND);
	put_values("class/ubi/ubi1", "mtd_num=13");
	put_values("class/ubi/ubi1_0", UBI);
	g_assert_true(flash_find(&flash, sysfs, "/dev/null", NULL));
	g_assert_true(flash_check_unused(&flash, sysfs, "", NULL));
	put_values("class/ubi/ubi2", "mtd_num=3");
	g_assert_false(flash_check_unused(&flash, sysfs, "", &error));
	g_assert_error(error, FAILURE, FAILURE_BUSY);
	g_assert_nonnull(strstr(error->message, "it is attached to UBI as ubi2"));
}

static void test_room(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(flash_check_room(10, 10, NULL));
	g_assert_false(flash_check_room(10, 11, &error));
	g_assert_cmpstr(error->message, ==, "Slot (10 bytes) is too small for image (11 bytes).");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	sysfs = g_dir_make_tmp("flash-XXXXXX", NULL);
	g_test_add_func("/writer/flash/find", test_find);
	g_test_add_func("/writer/flash/refusals", test_refusals);
	g_test_add_func("/writer/flash/no-device", test_no_device);
	g_test_add_func("/writer/flash/names", test_names);
	g_test_add_func("/writer/flash/mounts", test_mounts);
	g_test_add_func("/writer/flash/attached", test_attached);
	g_test_add_func("/writer/flash/room", test_room);
	int result = g_test_run();
	g_assert_true(file_remove_tree(sysfs, NULL));
	g_free(sysfs);
	return result;
}
