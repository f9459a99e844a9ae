/* SPDX-License-Identifier: MIT */

#include "model/group.h"

static bool was_installed(const SlotStatus *status)
{
	return status && status->installed_timestamp && g_strcmp0(status->status, "failed") != 0;
}

/*
 * Is `slot` a better target than `so_far`, of the same class and before it? A
 * slot without a sound installation has nothing to lose; else the oldest goes.
 * The times are of one format and sort as text.
 */
static bool is_better(const SlotStatus *slot, const SlotStatus *so_far)
{
	if (!was_installed(so_far))
		return false;
	return !was_installed(slot) ||
	       g_strcmp0(slot->installed_timestamp, so_far->installed_timestamp) < 0;
}

/* Class -> index + 1 of its chosen root slot. */
static GHashTable *pick_roots(const GPtrArray *slots, const GroupSlot *states, bool is_central)
{
	GHashTable *roots = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < slots->len; i++) {
		Slot *slot = slots->pdata[i];
		unsigned so_far;

		if (slot->parent || states[i].is_active)
			continue;
		so_far = GPOINTER_TO_UINT(g_hash_table_lookup(roots, slot->class));
		if (!so_far ||
		    (is_central && is_better(states[i].status, states[so_far - 1].status)))
			g_hash_table_insert(roots, slot->class, GUINT_TO_POINTER(i + 1));
	}
	return roots;
}

static bool is_chosen(const GPtrArray *slots, GHashTable *roots, const Slot *root)
{
	unsigned chosen = GPOINTER_TO_UINT(g_hash_table_lookup(roots, root->class));

	return chosen && slots->pdata[chosen - 1] == root;
}

GPtrArray *group_pick_target(const GPtrArray *slots, const GroupSlot *states, bool is_central)
{
	g_autoptr(GHashTable) roots = pick_roots(slots, states, is_central);
	g_autoptr(GHashTable) by_class = g_hash_table_new(g_str_hash, g_str_equal);
	GPtrArray *group = g_ptr_array_new();

	/* Of several children in one class the last counts, but never before a root. */
	for (unsigned i = 0; i < slots->len; i++) {
		Slot *slot = slots->pdata[i];
		const Slot *so_far = g_hash_table_lookup(by_class, slot->class);

		if (!is_chosen(slots, roots, slot->parent ? slot->parent : slot))
			continue;
		if (!slot->parent || !so_far || so_far->parent)
			g_hash_table_insert(by_class, slot->class, slot);
	}
	for (unsigned i = 0; i < slots->len; i++) {
		Slot *slot = slots->pdata[i];

		if (g_hash_table_lookup(by_class, slot->class) == slot)
			g_ptr_array_add(group, slot);
	}
	return group;
}

const Slot *group_find(const GPtrArray *group, const char *class)
{
	for (unsigned i = 0; i < group->len; i++) {
		const Slot *slot = group->pdata[i];

		if (g_str_equal(slot->class, class))
			return slot;
	}
	return NULL;
}
