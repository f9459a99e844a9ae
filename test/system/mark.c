/* SPDX-License-Identifier: MIT */

#include "system/mark.h"

#include "base/error.h"
#include "system/device.h"

#define START "ORDER=A B\nA_OK=1\nA_TRY=1\nB_OK=1\nB_TRY=0\n"

static const struct {
	const char *extra;
	MarkAction action;
	const char *identifier;
	const char *message;                     /* or the error */
	const char *order, *a_ok, *a_try, *b_ok; /* NULL: an error, nothing changed */
} marks[] = {
	{ NULL, MARK_GOOD, "booted", "marked slot(s) rootfs.0 as good", "A B", "1", "0", "1" },
	{ NULL, MARK_BAD, "booted", "marked slot(s) rootfs.0 as bad", "A B", "0", "0", "1" },
	{ NULL, MARK_BAD, "other", "marked slot(s) rootfs.1 as bad", "A B", "1", "1", "0" },
	{ NULL, MARK_ACTIVE, "other", "marked slot(s) rootfs.1 as active", "B A", "1", "1", "1" },
	{ NULL, MARK_ACTIVE, "rootfs.1", "marked slot(s) rootfs.1 as active", "B A", "1", "1",
	  "1" },
	{ "prevent-late-fallback=true", MARK_GOOD, "booted", "marked slot(s) rootfs.0 as good",
	  "A B", "1", "0", "0" },
	{ "prevent-late-fallback=true", MARK_GOOD, "rootfs.0", "marked slot(s) rootfs.0 as good",
	  "A B", "1", "0", "1" },
	{ NULL, MARK_GOOD, "rootfs.7", "No slot with class rootfs and name rootfs.7 found", NULL },
	{ NULL, MARK_GOOD, "rootfs", "Invalid slot name format: 'rootfs'", NULL },
	{ NULL, MARK_GOOD, "a.b.c", "Invalid slot name format: 'a.b.c'", NULL },
};

static void assert_env(const Device *device, const char *key, const char *expected)
{
	g_autofree char *value = device_env(device, key);

	g_assert_cmpstr(value, ==, expected);
}

static void test_marks(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(marks); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(GError) error = NULL;
		g_autofree char *message = NULL;

		device_set_env(device, START);
		g_autoptr(System) system = device_open(device, NULL, marks[i].extra, &error);
		g_assert_no_error(error);
		bool ok =
			mark_slots(system, marks[i].action, marks[i].identifier, &message, &error);
		g_assert_cmpstr(ok ? message : error->message, ==, marks[i].message);
		g_assert_true(ok == !!marks[i].order);
		assert_env(device, "ORDER", ok ? marks[i].order : "A B");
		assert_env(device, "A_OK", ok ? marks[i].a_ok : "1");
		assert_env(device, "A_TRY", ok ? marks[i].a_try : "1");
		assert_env(device, "B_OK", ok ? marks[i].b_ok : "1");
	}
}

static void test_active_is_noted(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	const Slot *slot = system_config(system)->slots->pdata[1];

	g_assert_true(mark_active(system, slot, NULL));
	g_assert_true(mark_active(system, slot, NULL));
	g_assert_cmpuint(system_status(system, slot)->activated_count, ==, 2);
	g_assert_nonnull(system_status(system, slot)->activated_timestamp);
	g_assert_true(mark_bad(system, slot, NULL));
	assert_env(device, "B_OK", "0");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/mark/marks", test_marks);
	g_test_add_func("/system/mark/active-is-noted", test_active_is_noted);
	return g_test_run();
}
