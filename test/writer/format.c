/* SPDX-License-Identifier: MIT */

#include "writer/format.h"

#include <string.h>

#include "base/error.h"

static const struct {
	SlotType type;
	const char *name, *extra; /* words, NULL: none */
	const char *command;      /* NULL: none */
} rows[] = {
	{ SLOT_EXT4, "rootfs.0", NULL, "mkfs.ext4 -F -L rootfs.0 -I256 /dev/x" },
	{ SLOT_EXT4, "rootfs.0", "-m 0", "mkfs.ext4 -F -L rootfs.0 -I256 -m 0 /dev/x" },
	{ SLOT_EXT4, "sixteen-letter.0", NULL, "mkfs.ext4 -F -L sixteen-letter.0 -I256 /dev/x" },
	{ SLOT_EXT4, "seventeen-lette.0", NULL, "mkfs.ext4 -F -I256 /dev/x" },
	{ SLOT_VFAT, "boot.0", NULL, "mkfs.vfat -n BOOT_0 /dev/x" },
	{ SLOT_VFAT, "bootloader-x.1", "-F 32", "mkfs.vfat -n BOOTLOADER- -F 32 /dev/x" },
	{ SLOT_VFAT, "a*?.,;:/\\|+.0", NULL, "mkfs.vfat -n A__________ /dev/x" },
	{ SLOT_VFAT, "=<>[]\".0", NULL, "mkfs.vfat -n _______0 /dev/x" },
	{ SLOT_UBIFS, "rootfs.0", "-x zlib", "mkfs.ubifs -y -x zlib /dev/x" },
	{ SLOT_JFFS2, "rootfs.0", "-x", NULL },
	{ SLOT_RAW, "rootfs.0", NULL, NULL },
	{ SLOT_NAND, "rootfs.0", NULL, NULL },
};

static Slot slot_of(unsigned i, GStrv extra)
{
	return (Slot){ .name = (char *)rows[i].name,
		       .device = (char *)"/dev/x",
		       .type = rows[i].type,
		       .extra_mkfs_opts = extra };
}

static void test_commands(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(GStrv) extra = rows[i].extra ? g_strsplit(rows[i].extra, " ", -1) : NULL;
		Slot slot = slot_of(i, extra);
		g_auto(GStrv) argv = format_command(&slot);
		g_autofree char *line = argv ? g_strjoinv(" ", argv) : NULL;

		g_assert_cmpstr(line, ==, rows[i].command);
	}
}

static void test_no_program(void)
{
	g_autofree char *before = g_strdup(g_getenv("PATH"));

	g_setenv("PATH", "/nonexistent", TRUE);
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Slot slot = slot_of(i, NULL);
		g_autoptr(GError) error = NULL;

		g_assert_false(format_check(&slot, &error));
		Failure expected = rows[i].command              ? FAILURE_TOOL
		                   : rows[i].type == SLOT_JFFS2 ? FAILURE_NOT_FOUND
		                                                : FAILURE_UNSUPPORTED;
		g_assert_error(error, FAILURE, (int)expected);
	}
	g_setenv("PATH", before, TRUE);
}

static void test_fails(void)
{
	Slot slot = { .name = (char *)"rootfs.0",
		      .device = (char *)"/nonexistent/device",
		      .type = SLOT_EXT4 };
	g_autoptr(GError) error = NULL;

	g_assert_false(format_run(&slot, &error));
	g_assert_error(error, FAILURE, FAILURE_TOOL);
	g_assert_true(g_str_has_prefix(error->message, "making the file system: mkfs.ext4: "));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/format/commands", test_commands);
	g_test_add_func("/writer/format/no-program", test_no_program);
	g_test_add_func("/writer/format/fails", test_fails);
	return g_test_run();
}
