/* SPDX-License-Identifier: MIT */

/* boot/efi.c against a stand-in for efibootmgr that keeps what it is told, and writes down each change. */

#include "device.h"

static const char stand_in[] =
	"#!/bin/sh\n"
	"cd '%s'\n"
	"[ ! -e broken ] || { echo 'EFI variables are not supported on this system.' >&2; exit 2; }\n"
	"[ $# = 0 ] || echo \"$*\" >> calls\n"
	"case $1 in\n"
	"--bootorder) echo \"BootOrder: $2\" > order;;\n"
	"--delete-bootorder) rm -f order;;\n"
	"--bootnext) echo \"BootNext: $2\" > next;;\n"
	"--delete-bootnext) rm next;;\n"
	"--create-only) echo \"Boot00AF* $7\" >> entries;;\n"
	"'') cat next current order entries 2>/dev/null; true;;\n"
	"*) exit 1;;\n"
	"esac\n";

static void put(Device *device, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(device->folder, name, NULL);

	g_remove(path);
	if (text)
		g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *take_calls(Device *device)
{
	g_autofree char *path = g_build_filename(device->folder, "calls", NULL);
	char *calls = NULL;

	if (!g_file_get_contents(path, &calls, NULL, NULL))
		return g_strdup("");
	g_remove(path);
	return calls;
}

static Device *device_with(const char *entries, const char *order, const char *next)
{
	Device *device = device_new(BOOTLOADER_EFI);
	g_autofree char *program = g_build_filename(device->folder, "efibootmgr", NULL);
	g_autofree char *text = g_strdup_printf(stand_in, device->folder);
	g_autofree char *path = g_strconcat(device->folder, ":/usr/bin:/bin", NULL);

	device->config.efi_use_bootnext = true;
	g_assert_true(g_file_set_contents(program, text, -1, NULL));
	g_assert_cmpint(g_chmod(program, 0755), ==, 0);
	g_setenv("PATH", path, TRUE);
	put(device, "entries", entries);
	put(device, "order", order);
	put(device, "next", next);
	return device;
}

#define ENTRIES \
	"Timeout: 0 seconds\nBoot0000* UiApp\tFvVol(7cb8)\nBoot0001* A\tHD(1,GPT)/File(\\A.EFI)\nBoot000b  B\n"

/* What a change runs, and what it then runs when it is made once more: nothing. */
static const struct {
	const char *order, *next;
	enum { GOOD, BAD, PRIMARY, PRIMARY_IN_ORDER } what;
	char slot;
	const char *calls;
} changes[] = {
	{ "BootOrder: 0001,000B\n", NULL, GOOD, 'A', "" },
	{ "BootOrder: 0001,000B\n", "BootNext: 000B\n", GOOD, 'A', "" },
	{ "BootOrder: 0001,000b\n", NULL, GOOD, 'B', "--bootorder 000B,0001\n" },
	{ "BootOrder: 0000,0001\n", NULL, GOOD, 'B', "--bootorder 000B,0000,0001\n" },
	{ "BootOrder: 0007,0001,0009\n", NULL, GOOD, 'B', "--bootorder 000B,0001\n" },
	{ NULL, NULL, GOOD, 'B', "--bootorder 000B\n" },
	{ "BootOrder: 0001,000B,0000\n", NULL, BAD, 'B', "--bootorder 0001,0000\n" },
	{ "BootOrder: 0001,0000\n", NULL, BAD, 'B', "" },
	{ "BootOrder: 0001,0000\n", "BootNext: 000b\n", BAD, 'B', "--delete-bootnext\n" },
	{ "BootOrder: 000B\n", "BootNext: 000B\n", BAD, 'B',
	  "--delete-bootnext\n--delete-bootorder\n" },
	{ "BootOrder: 000B\n", "BootNext: 0001\n", BAD, 'B', "--delete-bootorder\n" },
	{ NULL, NULL, BAD, 'B', "" },
	{ "BootOrder: 0001\n", NULL, PRIMARY, 'B', "--bootnext 000B\n" },
	{ "BootOrder: 0001\n", "BootNext: 000B\n", PRIMARY, 'B', "" },
	{ "BootOrder: 0001\n", "BootNext: 000B\n", PRIMARY, 'A', "--bootnext 0001\n" },
	{ "BootOrder: 0001,000B\n", NULL, PRIMARY, 'A', "" },
	{ "BootOrder: 0001,000B\n", NULL, PRIMARY, 'B', "--bootnext 000B\n" },
	{ NULL, NULL, PRIMARY, 'B', "--bootnext 000B\n" },
	{ "BootOrder: 0001,0000,000B\n", NULL, PRIMARY_IN_ORDER, 'B',
	  "--bootorder 000B,0001,0000\n" },
	{ "BootOrder: 000B,0001\n", NULL, PRIMARY_IN_ORDER, 'B', "" },
};

static bool change(Device *device, unsigned i)
{
	const Slot *slot = device_slot(device, changes[i].slot);

	device->config.efi_use_bootnext = changes[i].what != PRIMARY_IN_ORDER;
	if (changes[i].what == PRIMARY || changes[i].what == PRIMARY_IN_ORDER)
		return boot_set_primary(device->boot, slot, NULL);
	return boot_set_state(device->boot, slot, changes[i].what == GOOD, NULL);
}

static void test_changes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
		Device *device = device_with(ENTRIES, changes[i].order, changes[i].next);

		g_assert_true(change(device, i));
		g_autofree char *calls = take_calls(device);
		g_assert_cmpstr(calls, ==, changes[i].calls);
		g_assert_true(change(device, i));
		g_autofree char *again = take_calls(device);
		g_assert_cmpstr(again, ==, "");
		device_free(device);
	}
}

static const struct {
	const char *entries, *order, *next, *primary, *complaint;
	bool a, b;
} questions[] = {
	{ ENTRIES, "BootOrder: 0000,000B,0001\n", NULL, "B", NULL, true, true },
	{ ENTRIES, "BootOrder: 0001\n", "BootNext: 000b\n", "B", NULL, true, false },
	{ ENTRIES, "BootOrder: 0000,0001\n", "BootNext: 0000\n", "A", NULL, true, false },
	{ ENTRIES, "BootOrder: 00001,xyz,0001\n", "BootNext: 1\n", "A", NULL, true, false },
	{ ENTRIES, "BootOrder: 0000,0007\n", NULL, NULL, "Did not find primary boot entry!", false,
	  false },
	{ "Boot0001* A\nBoot0002* A\n", "BootOrder: 0002\n", NULL, "A", NULL, true, false },
	{ "Boot0001* AA\nBoot001* A\nBoot0002*A\nBoot0003x A\nBoot0004* \n", "BootOrder: 0001\n",
	  NULL, NULL, "Did not find primary boot entry!", false, false },
};

static void test_questions(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(questions); i++) {
		Device *device =
			device_with(questions[i].entries, questions[i].order, questions[i].next);
		g_autoptr(GError) error = NULL;
		const Slot *slot = boot_get_primary(device->boot, &error);
		bool a = !questions[i].a, b = !questions[i].b;

		g_assert_cmpstr(slot ? slot->boot_name : NULL, ==, questions[i].primary);
		if (!slot)
			g_assert_nonnull(strstr(error->message, questions[i].complaint));
		g_assert_true(boot_get_state(device->boot, device_slot(device, 'A'), &a, NULL));
		g_assert_true(boot_get_state(device->boot, device_slot(device, 'B'), &b, NULL));
		g_assert_cmpint(a, ==, questions[i].a);
		g_assert_cmpint(b, ==, questions[i].b);
		g_autofree char *calls = take_calls(device);
		g_assert_cmpstr(calls, ==, "");
		device_free(device);
	}
}

static void assert_refused(Device *device, const char *complaint)
{
	g_autoptr(GError) error = NULL;
	bool good;

	g_assert_null(boot_get_primary(device->boot, &error));
	g_assert_true(g_str_has_prefix(error->message, "efi backend: "));
	g_assert_nonnull(strstr(error->message, complaint));
	g_assert_false(boot_get_state(device->boot, device_slot(device, 'A'), &good, NULL));
}

static void test_refused(void)
{
	Device *device = device_with(ENTRIES, NULL, NULL);

	assert_refused(device, "unable to obtain boot order!");
	put(device, "entries", NULL);
	put(device, "order", "BootOrder: 0001\n");
	assert_refused(device, "Regex matching failed!");
	put(device, "broken", "");
	assert_refused(device, "EFI variables are not supported");
	g_assert_false(boot_set_primary(device->boot, device_slot(device, 'A'), NULL));
	g_assert_false(boot_set_state(device->boot, device_slot(device, 'A'), false, NULL));
	device_free(device);
}

static const struct {
	const char *current, *slot, *complaint;
} currents[] = {
	{ "BootCurrent: 0001\n", "A", NULL },
	{ "BootCurrent: 000b\n", "B", NULL },
	{ "BootCurrent: 0000\n", NULL, "Current EFI bootentry not known to rauc! No slot has" },
	{ "BootCurrent: 0099\n", NULL, "Current EFI bootentry not known to rauc! No slot has" },
	{ "BootCurrent: \n", NULL, "The firmware has no BootCurrent" },
	{ NULL, NULL, "The firmware has no BootCurrent" },
};

static void test_current(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(currents); i++) {
		Device *device = device_with(ENTRIES, NULL, NULL);
		g_autoptr(GError) error = NULL;

		put(device, "current", currents[i].current);
		g_autofree char *current = boot_get_current(device->boot, &error);
		g_assert_cmpstr(current, ==, currents[i].slot);
		if (!current)
			g_assert_nonnull(strstr(error->message, currents[i].complaint));
		device_free(device);
	}
}

/* An entry that the firmware has lost: made again only for who says how. */
static void test_lost(void)
{
	Device *device = device_with(NULL, NULL, NULL);
	g_autoptr(GError) error = NULL, no_partition = NULL;
	Slot *slot = &device->slots[0];

	g_assert_false(boot_set_primary(device->boot, slot, &error));
	g_assert_nonnull(strstr(error->message, "Did not find efi entry for bootname 'A'!"));
	g_assert_nonnull(
		strstr(error->message, "Set efi-loader= and efi-cmdline= in [slot.rootfs.0]"));
	slot->efi_loader = (char *)"\\A.EFI";
	slot->efi_cmdline = (char *)"quiet";
	slot->device = (char *)"/dev/null";
	g_assert_false(boot_set_state(device->boot, slot, true, &no_partition));
	g_assert_nonnull(strstr(no_partition->message, "/dev/null is not a partition"));
	g_autofree char *calls = take_calls(device);
	g_assert_cmpstr(calls, ==, "");
	device_free(device);
}

/* The same where this machine has a partition to name. */
static void test_made_again(void)
{
	Device *device = device_with("Boot0000* UiApp\n", "BootOrder: 0000\n", NULL);
	g_autoptr(GDir) blocks = g_dir_open("/sys/class/block", 0, NULL);
	g_autofree char *node = NULL;
	Slot *slot = &device->slots[0];
	const char *name;

	while (blocks && !node && (name = g_dir_read_name(blocks))) {
		g_autofree char *part =
			g_build_filename("/sys/class/block", name, "partition", NULL);

		node = g_strconcat("/dev/", name, NULL);
		if (!g_file_test(part, G_FILE_TEST_EXISTS) ||
		    !g_file_test(node, G_FILE_TEST_EXISTS))
			g_clear_pointer(&node, g_free);
	}
	slot->efi_loader = (char *)"\\A.EFI";
	slot->efi_cmdline = (char *)"rauc.slot=A quiet";
	slot->device = node;
	if (node) {
		g_assert_true(boot_set_primary(device->boot, slot, NULL));
		g_autofree char *calls = take_calls(device);
		g_assert_true(g_str_has_prefix(calls, "--create-only --disk /dev/"));
		g_assert_true(g_str_has_suffix(calls, " --label A --loader \\A.EFI --unicode "
		                                      "rauc.slot=A quiet\n--bootnext 00AF\n"));
		g_assert_null(strstr(calls, node) && strstr(calls, node)[strlen(node)] == ' '
		                      ? "the partition is given as disk"
		                      : NULL);
		g_assert_nonnull(strstr(device->said->str, "'A' is missing and made again"));
	} else {
		g_test_skip("this machine shows no partition; boot/efi_disk.c is tested by itself");
	}
	device_free(device);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/efi/changes", test_changes);
	g_test_add_func("/boot/efi/questions", test_questions);
	g_test_add_func("/boot/efi/refused", test_refused);
	g_test_add_func("/boot/efi/current", test_current);
	g_test_add_func("/boot/efi/lost", test_lost);
	g_test_add_func("/boot/efi/made-again", test_made_again);
	return g_test_run();
}
