/* SPDX-License-Identifier: MIT */

#include "model/status.h"

#include "run.h"

#define DEVICE "--conf=device.conf status --override-boot-slot=A "

static void make_device(void)
{
	run_shell(
		"for i in 0 1 2; do head -c 1000 /dev/zero > slot$i; done\n"
		"cat > device.conf <<END\n"
		"[system]\ncompatible=Test Config\nbootloader=grub\ngrubenv=grubenv\n"
		"variant-name=big\nstatusfile=$PWD/status.raucs\n"
		"[slot.rootfs.0]\ndevice=slot0\nbootname=A\n"
		"[slot.rootfs.1]\ndevice=slot1\nbootname=B\n"
		"[slot.data.0]\ndevice=slot2\n"
		"END\n"
		"grub-editenv grubenv create; grub-editenv grubenv set ORDER='A B' A_OK=1 A_TRY=0 "
		"B_OK=0 B_TRY=0");
}

static void test_formats(void)
{
	make_device();
	g_auto(Run) readable = run_rauc(DEVICE);
	g_assert_cmpint(readable.code, ==, 0);
	g_assert_true(g_str_has_prefix(readable.out, "=== System Info ===\n"
	                                             "Compatible:     Test Config\n"
	                                             "Variant:        big\n"));
	run_assert_has(readable.out, "Booted from:    rootfs.0 (A)\n");
	run_assert_has(readable.out, "Activated: rootfs.0 (A)\n");
	run_assert_has(readable.out, "      boot status: bad\n");

	g_auto(Run) shell = run_rauc(DEVICE "--output-format=shell --detailed");
	g_assert_cmpint(shell.code, ==, 0);
	run_assert_has(shell.out, "RAUC_SYSTEM_SLOTS='rootfs.0 rootfs.1 data.0'\n");

	g_auto(Run) json = run_rauc(DEVICE "--output-format json");
	g_assert_cmpint(json.code, ==, 0);
	run_assert_has(json.out, "\"boot_primary\":\"rootfs.0\",\"slots\":[{\"rootfs.0\":{");

	g_auto(Run) pretty = run_rauc(DEVICE "--output-format json-pretty");
	g_assert_cmpint(pretty.code, ==, 0);
	run_assert_has(pretty.out, "  \"variant\" : \"big\",\n");
}

static const struct {
	const char *words;
	int code;
	const char *out, *err;
	const char *env; /* what grubenv has after it */
} marks[] = {
	{ "mark-good", 0, "rauc status: marked slot(s) rootfs.0 as good\n", "", "A_OK=1" },
	{ "mark-bad other", 0, "rauc status: marked slot(s) rootfs.1 as bad\n", "", "B_OK=0" },
	{ "mark-bad rootfs.0", 0, "rauc status: marked slot(s) rootfs.0 as bad\n", "", "A_OK=0" },
	{ "mark-active other", 0, "rauc status: marked slot(s) rootfs.1 as active\n", "",
	  "ORDER=B A" },
	{ "mark-active booted", 0, "rauc status: marked slot(s) rootfs.0 as active\n", "",
	  "ORDER=A B" },
	{ "mark-good data.0", 1, "", "rauc mark: Slot data.0 has no bootname set\n", "A_OK=1" },
	{ "mark-good nosuch.0", 1, "",
	  "rauc mark: No slot with class nosuch and name nosuch.0 found\n", "A_OK=1" },
	{ "mark-good nosuch", 1, "", "rauc mark: Invalid slot name format: 'nosuch'\n", "A_OK=1" },
	{ "mark-foo", 1, "", "unknown subcommand mark-foo\n", "A_OK=1" },
	{ "mark-good a b", 1, "", "Too many arguments\n", "A_OK=1" },
	{ "--output-format=foo", 1, "", "Unknown output format: 'foo'\n", "A_OK=1" },
	{ "--output-format=json-2", 1, "", "Unknown output format: 'json-2'\n", "A_OK=1" },
};

static void test_marks(void)
{
	make_device();
	for (unsigned i = 0; i < G_N_ELEMENTS(marks); i++) {
		g_auto(Run) run = run_rauc(DEVICE "%s", marks[i].words);

		g_assert_cmpint(run.code, ==, marks[i].code);
		g_assert_cmpstr(run.out, ==, marks[i].out);
		g_assert_cmpstr(run.err, ==, marks[i].err);
		run_shell("grub-editenv grubenv list | grep -qx '%s'", marks[i].env);
	}
}

static void test_refused(void)
{
	g_auto(Run) none = run_rauc("--conf=none.conf status");
	g_assert_cmpint(none.code, ==, 1);
	run_assert_has(none.err, "Failed to initialize context: Failed to load system config");

	g_auto(Run) lost = run_rauc("--conf=device.conf status --override-boot-slot=X");
	g_assert_cmpint(lost.code, ==, 1);
	g_assert_cmpstr(lost.err, ==,
	                "Failed to determine slot states: Did not find booted slot "
	                "(matching 'X')\n");
}

/* A boot loader that cannot be asked costs a warning, not the answer. */
static void test_unknown_primary(void)
{
	make_device();
	g_auto(Run) run = run_rauc(DEVICE "-C system:grubenv=/none --output-format=json");

	g_assert_cmpint(run.code, ==, 0);
	run_assert_has(run.out, "\"boot_primary\":null");
	run_assert_has(run.out, "\"boot_status\":\"unknown\"");
	run_assert_has(run.err, "warning: Failed getting primary slot: grub backend: ");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	g_test_add_func("/cli/status/formats", test_formats);
	g_test_add_func("/cli/status/marks", test_marks);
	g_test_add_func("/cli/status/refused", test_refused);
	g_test_add_func("/cli/status/unknown-primary", test_unknown_primary);
	int code = g_test_run();
	run_leave();
	return code;
}
