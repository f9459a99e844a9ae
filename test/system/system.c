/* SPDX-License-Identifier: MIT */

#include "system/system.h"

#include <string.h>

#include "base/error.h"
#include "system/device.h"

static void test_states(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(System) system = device_open(device, NULL, "variant-name= one ", &error);

	g_assert_no_error(error);
	const GPtrArray *slots = system_config(system)->slots;
	g_assert_cmpint(system_state(system, slots->pdata[0])->activity, ==, SLOT_BOOTED);
	g_assert_cmpint(system_state(system, slots->pdata[1])->activity, ==, SLOT_INACTIVE);
	g_assert_true(system_booted(system) == slots->pdata[0]);
	g_assert_cmpstr(system_boot_slot(system), ==, "A");
	g_assert_cmpstr(system_variant(system), ==, "one");
	system_refresh_boot(system);
	g_assert_cmpint(system_state(system, slots->pdata[0])->boot, ==, SLOT_BOOT_GOOD);
	g_assert_cmpint(system_state(system, slots->pdata[1])->boot, ==, SLOT_BOOT_BAD);

	g_autoptr(GPtrArray) target = system_pick_target(system);
	g_assert_cmpuint(target->len, ==, 1);
	g_assert_true(target->pdata[0] == slots->pdata[1]);
}

static const struct {
	const char *cmdline;
	const char *error; /* NULL: opens */
} cmdlines[] = {
	{ "rauc.slot=B", NULL },
	{ "rauc.external", NULL },
	{ "rauc.slot=C", "Did not find booted slot (matching 'C')" },
	{ "quiet", "Could not find any root device or rauc slot information in /proc/cmdline" },
};

static void test_cmdlines(void)
{
	g_autoptr(Device) device = device_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(cmdlines); i++) {
		g_autoptr(GError) error = NULL;

		g_setenv("RAUC_TEST_CMDLINE", cmdlines[i].cmdline, TRUE);
		g_autoptr(System) system = device_open(device, NULL, NULL, &error);
		g_assert_cmpstr(error ? error->message : NULL, ==, cmdlines[i].error);
		if (system && !system_booted(system))
			g_assert_cmpstr(system_boot_slot(system), ==, "_external_");
	}
}

static void test_lock_rereads(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) one = device_open(device, NULL, NULL, NULL);
	g_autoptr(System) two = device_open(device, NULL, NULL, NULL);
	const Slot *slot = system_config(one)->slots->pdata[1];
	g_autoptr(SlotStatus) status = slot_status_new();
	g_autoptr(GError) error = NULL;

	g_assert_true(system_lock(one, NULL));
	g_assert_true(system_lock(one, NULL));
	g_assert_false(system_lock(two, &error));
	g_assert_error(error, FAILURE, FAILURE_BUSY);
	status->status = g_strdup("ok");
	g_assert_true(system_save_status(one, slot, status, NULL));
	g_clear_pointer(&one, system_free);

	g_assert_true(system_lock(two, NULL));
	slot = system_config(two)->slots->pdata[1];
	g_assert_cmpstr(system_status(two, slot)->status, ==, "ok");
}

static void test_now(void)
{
	g_autofree char *now = system_now();

	g_assert_cmpuint(strlen(now), ==, strlen("2026-01-01T00:00:00Z"));
	g_assert_true(g_str_has_suffix(now, "Z"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/system/states", test_states);
	g_test_add_func("/system/system/cmdlines", test_cmdlines);
	g_test_add_func("/system/system/lock-rereads", test_lock_rereads);
	g_test_add_func("/system/system/now", test_now);
	return g_test_run();
}
