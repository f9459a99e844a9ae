/* SPDX-License-Identifier: MIT */

#include <glib.h>

#include "run.h"

#define CALL "--conf=device.conf write-slot "

static void make_device(void)
{
	run_shell(
		"for i in 0 1 2 3; do head -c 100000 /dev/zero > slot$i; done\n"
		"seq 10000 > a.img; cp a.img a.foo; cp a.img a.tar.gz; cp a.img a.ext4; mkdir folder\n"
		"cat > device.conf <<END\n"
		"[system]\ncompatible=Test Config\nbootloader=noop\n"
		"statusfile=$PWD/status.raucs\n"
		"[slot.rootfs.0]\ndevice=slot0\nbootname=A\n"
		"[slot.rootfs.1]\ndevice=slot1\ntype=vfat\nbootname=B\n"
		"[slot.data.0]\ndevice=slot2\nreadonly=true\n"
		"[slot.data.1]\ndevice=missing\n"
		"END\n");
}

static const struct {
	const char *words;
	int code;
	const char *out, *err;
} rows[] = {
	{ "", 1, "", "A target slot name must be provided\n" },
	{ "rootfs.0", 1, "", "An image must be provided\n" },
	{ "rootfs.0 a.img x", 1, "", "Excess argument: x\n" },
	{ "rootfs.0 none.img", 1, "", "*none.img*: No such file or directory\n" },
	{ "rootfs.0 folder", 1, "", "*folder*\n" },
	{ "nosuch none.img", 1, "", "*none.img*: No such file or directory\n" },
	{ "nosuch a.foo", 1, "", "Unable to map extension of file 'a.foo' to known image type\n" },
	{ "-t foo nosuch a.img", 1, "", "Unsupported image type 'foo'\n" },
	{ "nosuch a.img", 1, "",
	  "No matching slot found for given slot name 'nosuch'.\nAvailable slots:\n"
	  "  rootfs.0 (raw)\n  rootfs.1 (vfat)\n  data.0 (raw)\n  data.1 (raw)\n" },
	{ "data.0 a.tar.gz", 1, "", "Reject writing to readonly slot\n" },
	{ "rootfs.1 a.ext4", 1, "", "Unsupported image type 'ext4' for slot type 'vfat'\n" },
	{ "-t catar rootfs.1 a.ext4", 1, "",
	  "Unsupported image type 'catar' for slot type 'vfat'\n" },
	{ "data.1 a.img", 1, "", "Failed to write slot: *missing*: No such file or directory\n*" },
	{ "rootfs.0 a.img", 0, "Slot written successfully\n", "" },
	{ "rootfs.0 a.foo -t raw", 0, "Slot written successfully\n", "" },
	{ "rootfs.0 a.foo --image-type=squashfs", 0, "Slot written successfully\n", "" },
	{ "rootfs.0 a.foo --image-type-compat=raw", 0, "Slot written successfully\n", "" },
};

static void test_rows(void)
{
	make_device();
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		run_shell("head -c 100000 /dev/zero > slot0");
		g_auto(Run) run = run_rauc(CALL "%s", rows[i].words);

		if (run.code != rows[i].code || !g_str_equal(run.out, rows[i].out) ||
		    !g_pattern_match_simple(rows[i].err, run.err))
			g_error("write-slot %s: %d\nstdout: %s\nstderr: %s", rows[i].words,
			        run.code, run.out, run.err);
		run_shell(run.code == 0 ? "cmp -n $(stat -c %%s a.img) slot0 a.img"
		                        : "cmp -n 100000 slot0 /dev/zero");
		/* Nothing around it. */
		run_shell("test ! -e status.raucs");
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	g_test_add_func("/cli/write_slot/rows", test_rows);
	int code = g_test_run();
	run_leave();
	return code;
}
