/* SPDX-License-Identifier: MIT */

/* boot/noop.c: changes succeed, questions do not. */

#include "device.h"

static void test_noop(void)
{
	Device *device = device_new(BOOTLOADER_NOOP);
	const Slot *a = device_slot(device, 'A');
	g_autoptr(GError) primary = NULL, state = NULL;
	bool good;

	g_assert_true(boot_set_primary(device->boot, a, NULL));
	g_assert_true(boot_set_state(device->boot, a, true, NULL));
	g_assert_true(boot_set_state(device->boot, a, false, NULL));
	g_assert_cmpstr(device->said->str, ==,
	                "noop bootloader: ignore setting slot rootfs.0 as primary\n"
	                "noop bootloader: ignore setting slot rootfs.0 status to good\n"
	                "noop bootloader: ignore setting slot rootfs.0 status to bad\n");

	g_assert_null(boot_get_primary(device->boot, &primary));
	g_assert_error(primary, FAILURE, FAILURE_UNSUPPORTED);
	g_assert_cmpstr(primary->message, ==,
	                "Obtaining primary entry from bootloader 'noop' not supported yet");
	g_assert_false(boot_get_state(device->boot, a, &good, &state));
	g_assert_cmpstr(state->message, ==,
	                "Obtaining state from bootloader 'noop' not supported yet");
	g_assert_null(boot_get_current(device->boot, NULL));
	device_free(device);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/noop", test_noop);
	return g_test_run();
}
