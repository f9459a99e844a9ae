/* SPDX-License-Identifier: MIT */

#include "install/install.h"

#include <string.h>

#include "run.h"

#define DEVICE "--conf=device.conf install --override-boot-slot=A "

static void make_device(void)
{
	run_shell(
		"for i in 0 1 2 3; do head -c 100000 /dev/urandom > slot$i; done\n"
		"cat > device.conf <<END\n"
		"[system]\ncompatible=Test Config\nbootloader=grub\ngrubenv=grubenv\n"
		"statusfile=$PWD/status.raucs\n"
		"[keyring]\npath=$CA\n"
		"[slot.rootfs.0]\ndevice=slot0\nbootname=A\n"
		"[slot.rootfs.1]\ndevice=slot1\nbootname=B\n"
		"[slot.appfs.0]\ndevice=slot2\nparent=rootfs.0\n"
		"[slot.appfs.1]\ndevice=slot3\nparent=rootfs.1\n"
		"END\n"
		"grub-editenv grubenv create; grub-editenv grubenv set ORDER='A B' A_OK=1 A_TRY=0 "
		"B_OK=1 B_TRY=0");
}

static void test_install(void)
{
	make_device();
	g_auto(Run) run = run_rauc(DEVICE "good.raucb");
	g_autofree char *here = g_get_current_dir();
	g_autofree char *last =
		g_strdup_printf("\nidle\nInstalling `%s/good.raucb` succeeded\n", here);

	g_assert_cmpint(run.code, ==, 0);
	g_assert_true(g_str_has_prefix(run.out, "installing\n  0% Installing\n"
	                                        "  0% Determining slot states\n"
	                                        " 10% Determining slot states done.\n"
	                                        " 10% Checking bundle\n"));
	run_assert_has(run.out, "\n 40% Updating slots\n 40% Checking slot rootfs.1 (B)\n");
	run_assert_has(run.out, "\n 99% Updating slots done.\n100% Installing done.\nidle\n");
	g_assert_true(g_str_has_suffix(run.out, last));
	g_assert_null(strchr(run.out, '\r'));
	run_assert_has(run.err, "/good.raucb: started\n");
	run_shell("cmp -n 5 in/root.img slot1; cmp -n 70000 in/app.img slot3\n"
	          "grub-editenv grubenv list | grep -q 'ORDER=B A'");
}

/* Lines are only repeated when there is something new in them. */
static void test_no_line_twice(void)
{
	make_device();
	g_auto(Run) run = run_rauc(DEVICE "good.raucb");
	g_auto(GStrv) lines = g_strsplit(run.out, "\n", -1);

	for (char **line = lines; line[0] && line[1]; line++)
		g_assert_cmpstr(line[0], !=, line[1]);
}

static void test_failed(void)
{
	make_device();
	g_auto(Run) run = run_rauc(DEVICE "-C system:compatible=Other good.raucb");

	g_assert_cmpint(run.code, ==, 1);
	run_assert_has(run.out, "\n100% Installing failed.\nLastError: ");
	g_assert_true(g_str_has_suffix(run.out, "\nidle\n"));
	run_assert_has(run.err,
	               "/good.raucb` failed\nhint: take the bundle for this kind of device\n");
	run_shell("grub-editenv grubenv list | grep -q 'ORDER=A B'");

	/* For bundles with a handler of their own; the others do not mind. */
	g_auto(Run) with_words = run_rauc(DEVICE "--handler-args=--fast good.raucb");
	g_assert_cmpint(with_words.code, ==, 0);

	g_auto(Run) ignored = run_rauc(DEVICE "-C system:compatible=Other --ignore-compatible "
	                                      "file://$PWD/good.raucb");
	g_assert_cmpint(ignored.code, ==, 1); /* no shell: $PWD is no folder */
}

static const struct {
	const char *line, *err;
} refused[] = {
	{ DEVICE "none.raucb", "No such file: /*none.raucb\n" },
	{ DEVICE "sftp://host/x.raucb", "'sftp://host/x.raucb': bundles are taken from *\n" },
	{ DEVICE "file://host/x.raucb", "file URI with hostname detected. *\n" },
	{ "--conf=none.conf install good.raucb",
	  "Failed to initialize context: Failed to load system config (none.conf): *\n" },
	{ "--conf=device.conf install --override-boot-slot=X good.raucb",
	  "Failed to determine slot states: Did not find booted slot (matching 'X')\n" },
};

static void test_refused(void)
{
	make_device();
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_auto(Run) run = run_rauc("%s", refused[i].line);

		if (run.code != 1 || *run.out || !g_pattern_match_simple(refused[i].err, run.err))
			g_error("%s: %d %s%s", refused[i].line, run.code, run.out, run.err);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	g_test_add_func("/cli/install/install", test_install);
	g_test_add_func("/cli/install/no-line-twice", test_no_line_twice);
	g_test_add_func("/cli/install/failed", test_failed);
	g_test_add_func("/cli/install/refused", test_refused);
	int code = g_test_run();
	run_leave();
	return code;
}
