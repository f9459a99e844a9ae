/* SPDX-License-Identifier: MIT */

#include "model/slot.h"

static void test_types(void)
{
	SlotType found;

	for (SlotType type = 0; type < SLOT_N_TYPES; type++) {
		g_assert_true(slot_type_by_name(slot_type_name(type), &found));
		g_assert_cmpint(found, ==, type);
		g_assert_cmpint(slot_type_is_mountable(type), ==,
		                type == SLOT_EXT4 || type == SLOT_UBIFS || type == SLOT_VFAT);
	}
	g_assert_false(slot_type_by_name("btrfs", &found));
	g_assert_cmpstr(slot_type_name(SLOT_N_TYPES), ==, "unknown");
}

static void test_find(void)
{
	Slot a = { .name = (char *)"rootfs.0" }, b = { .name = (char *)"rootfs.1" };
	g_autoptr(GPtrArray) slots = g_ptr_array_new();

	g_ptr_array_add(slots, &a);
	g_ptr_array_add(slots, &b);
	g_assert_true(slot_find(slots, "rootfs.1") == &b);
	g_assert_null(slot_find(slots, "rootfs"));
}

static void test_free(void)
{
	Slot *slot = g_new0(Slot, 1);

	slot->name = g_strdup("rootfs.0");
	slot->extra_mkfs_opts = g_strsplit("-O ^64bit", " ", -1);
	slot_free(slot);
	slot_free(NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/slot/types", test_types);
	g_test_add_func("/model/slot/find", test_find);
	g_test_add_func("/model/slot/free", test_free);
	return g_test_run();
}
