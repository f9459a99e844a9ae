/* SPDX-License-Identifier: MIT */

/* boot/custom.c against scripts that answer, refuse or babble. */

#include "device.h"

static Device *device_that_says(const char *script)
{
	Device *device = device_new(BOOTLOADER_CUSTOM);
	g_autofree char *text = g_strdup_printf("#!/bin/sh\ncd '%s'\n%s\n", device->folder, script);

	g_assert_true(g_file_set_contents(device->path, text, -1, NULL));
	g_assert_cmpint(g_chmod(device->path, 0755), ==, 0);
	return device;
}

static void test_changes(void)
{
	Device *device = device_that_says("echo \"$*\" >> calls");
	g_autofree char *path = g_build_filename(device->folder, "calls", NULL), *calls = NULL;

	g_assert_true(boot_set_primary(device->boot, device_slot(device, 'B'), NULL));
	g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));
	g_assert_true(boot_set_state(device->boot, device_slot(device, 'B'), false, NULL));
	g_assert_true(g_file_get_contents(path, &calls, NULL, NULL));
	g_assert_cmpstr(calls, ==, "set-primary B\nset-state A good\nset-state B bad\n");
	device_free(device);
}

static const struct {
	const char *script, *primary, *complaint;
} primaries[] = {
	{ "echo B", "B", NULL },
	{ "echo; echo '  A	'; echo", "A", NULL },
	{ "printf B", "B", NULL },
	{ "echo C", NULL, "custom backend: 'C' does not match any configured bootname" },
	{ "echo A; echo B", NULL, "custom backend: 'A B' does not match any configured bootname" },
	{ "true", NULL, "custom backend: '' does not match any configured bootname" },
	{ "echo no such thing >&2; exit 3", NULL, "no such thing" },
};

static void test_primary(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(primaries); i++) {
		Device *device = device_that_says(primaries[i].script);
		g_autoptr(GError) error = NULL;
		const Slot *slot = boot_get_primary(device->boot, &error);

		g_assert_cmpstr(slot ? slot->boot_name : NULL, ==, primaries[i].primary);
		if (!slot)
			g_assert_nonnull(strstr(error->message, primaries[i].complaint));
		device_free(device);
	}
}

static void test_state(void)
{
	Device *device = device_that_says(
		"case $2 in A) echo ' good ';; B) echo ${STATE:-bad};; esac; [ \"$1\" = get-state ]");
	const Slot *b = device_slot(device, 'B');
	g_autoptr(GError) error = NULL;
	bool good = false;

	g_assert_true(boot_get_state(device->boot, device_slot(device, 'A'), &good, NULL));
	g_assert_true(good);
	g_assert_true(boot_get_state(device->boot, b, &good, NULL));
	g_assert_false(good);
	g_setenv("STATE", "perhaps", TRUE);
	g_assert_false(boot_get_state(device->boot, b, &good, &error));
	g_unsetenv("STATE");
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_assert_nonnull(
		strstr(error->message, "get-state B said 'perhaps', neither good nor bad"));
	device_free(device);
}

static const struct {
	const char *script, *current;
	bool fails;
} currents[] = {
	{ "echo A", "A", false }, { "echo ' B'; echo more", "B", false }, { "true", NULL, false },
	{ "echo", NULL, false },  { "echo A; exit 1", NULL, true },
};

static void test_current(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(currents); i++) {
		Device *device = device_that_says(currents[i].script);
		g_autoptr(GError) error = NULL;
		g_autofree char *current = boot_get_current(device->boot, &error);

		g_assert_cmpstr(current, ==, currents[i].current);
		g_assert_cmpint(error != NULL, ==, currents[i].fails);
		device_free(device);
	}
}

static void test_no_program(void)
{
	Device *device = device_new(BOOTLOADER_CUSTOM);
	g_autoptr(GError) error = NULL;

	g_assert_false(boot_set_state(device->boot, device_slot(device, 'A'), true, &error));
	g_assert_error(error, FAILURE, FAILURE_TOOL);
	g_assert_true(g_str_has_prefix(error->message, "custom backend: "));
	device_free(device);
}

/* Each verb of a backend that misbehaves is a failure that says so, and soon. */
static const struct {
	const char *script, *complaint;
} ills[] = {
	{ "sleep 100", "did not end within 1 s" },
	{ "yes", "did not end within 1 s" },
	{ "sleep 100 & echo A", NULL }, /* what it leaves behind is not waited for */
	{ "head -c 100000000 /dev/zero | tr '\\0' x", "more than 4000 bytes" },
	{ "yes | head -n 100000", "more than 4000 bytes" },
	{ "kill -9 $$", "killed by signal 9" },
	{ "echo first >&2; echo out of order >&2; exit 7", "exit code 7: out of order" },
	{ "exit 7", "get-primary failed with exit code 7" },
	{ "printf '\\377\\376A'", "does not match any configured bootname" },
	{ "cat; echo C", "'C' does not match" },
};

static void test_ills(void)
{
	g_setenv("RAUC_TEST_CUSTOM_SECONDS", "1", TRUE);
	for (unsigned i = 0; i < G_N_ELEMENTS(ills); i++) {
		Device *device = device_that_says(ills[i].script);
		g_autoptr(GError) error = NULL;
		const Slot *slot = boot_get_primary(device->boot, &error);

		g_assert_cmpint(slot != NULL, ==, ills[i].complaint == NULL);
		if (ills[i].complaint)
			g_assert_nonnull(strstr(error->message, ills[i].complaint));
		device_free(device);
	}
	g_unsetenv("RAUC_TEST_CUSTOM_SECONDS");
}

static void test_hanging_changes(void)
{
	Device *device = device_that_says("sleep 100");
	g_autoptr(GError) error = NULL, other = NULL, third = NULL;
	const Slot *slot = device_slot(device, 'A');

	g_setenv("RAUC_TEST_CUSTOM_SECONDS", "1", TRUE);
	g_assert_false(boot_set_primary(device->boot, slot, &error));
	g_assert_false(boot_set_state(device->boot, slot, true, &other));
	g_assert_null(boot_get_current(device->boot, &third));
	g_assert_error(error, FAILURE, FAILURE_TOOL);
	g_assert_error(other, FAILURE, FAILURE_TOOL);
	g_assert_error(third, FAILURE, FAILURE_TOOL);
	g_unsetenv("RAUC_TEST_CUSTOM_SECONDS");
	device_free(device);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/custom/changes", test_changes);
	g_test_add_func("/boot/custom/primary", test_primary);
	g_test_add_func("/boot/custom/state", test_state);
	g_test_add_func("/boot/custom/current", test_current);
	g_test_add_func("/boot/custom/no-program", test_no_program);
	g_test_add_func("/boot/custom/ills", test_ills);
	g_test_add_func("/boot/custom/hanging-changes", test_hanging_changes);
	return g_test_run();
}
