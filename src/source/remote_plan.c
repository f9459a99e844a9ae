/* SPDX-License-Identifier: MIT */

#include "source/remote_plan.h"

#define MOST_EXTENTS 4096

RemotePlan *remote_plan_new(void)
{
	return g_array_new(FALSE, FALSE, sizeof(RemoteExtent));
}

static RemoteExtent *extent_at(const RemotePlan *plan, unsigned index)
{
	return &g_array_index(plan, RemoteExtent, index);
}

/* The first that ends behind `number`. */
static unsigned find_from(const RemotePlan *plan, uint64_t number)
{
	unsigned low = 0, high = plan->len;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (extent_at(plan, middle)->end > number)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static uint64_t next_turn(const RemotePlan *plan)
{
	uint64_t turn = 0;

	for (unsigned i = 0; i < plan->len; i++)
		turn = MAX(turn, extent_at(plan, i)->turn + 1);
	return turn;
}

void remote_plan_add(RemotePlan *plan, uint64_t first, uint64_t end, uint64_t gap)
{
	RemoteExtent extent = { first, end, next_turn(plan) };
	unsigned from = find_from(plan, first > gap ? first - gap - 1 : 0), to = from;

	for (; to < plan->len && extent_at(plan, to)->first <= end + gap; to++) {
		const RemoteExtent *old = extent_at(plan, to);

		extent.first = MIN(extent.first, old->first);
		extent.end = MAX(extent.end, old->end);
		extent.turn = MIN(extent.turn, old->turn);
	}
	if (to == from && plan->len >= MOST_EXTENTS)
		return;
	if (to > from)
		g_array_remove_range(plan, from, to - from);
	g_array_insert_val(plan, from, extent);
}

bool remote_plan_take_next(RemotePlan *plan, RemoteExtent *extent)
{
	unsigned next = 0;

	if (plan->len == 0)
		return false;
	for (unsigned i = 1; i < plan->len; i++) {
		if (extent_at(plan, i)->turn < extent_at(plan, next)->turn)
			next = i;
	}
	*extent = *extent_at(plan, next);
	g_array_remove_index(plan, next);
	return true;
}

bool remote_plan_take_at(RemotePlan *plan, uint64_t number, uint64_t lead, RemoteExtent *extent)
{
	unsigned index = find_from(plan, number);
	RemoteExtent *found;

	if (!remote_plan_has(plan, number))
		return false;
	found = extent_at(plan, index);
	*extent = *found;
	if (number - found->first <= lead) {
		g_array_remove_index(plan, index);
		return true;
	}
	found->end = number;
	extent->first = number;
	return true;
}

void remote_plan_remove(RemotePlan *plan, uint64_t first, uint64_t end)
{
	unsigned index = find_from(plan, first);

	while (first < end && index < plan->len && extent_at(plan, index)->first < end) {
		RemoteExtent old = *extent_at(plan, index);

		g_array_remove_index(plan, index);
		if (old.first < first) {
			RemoteExtent before = { old.first, first, old.turn };

			g_array_insert_val(plan, index, before);
			index++;
		}
		if (old.end > end) {
			RemoteExtent behind = { end, old.end, old.turn };

			g_array_insert_val(plan, index, behind);
			return;
		}
	}
}

bool remote_plan_has(const RemotePlan *plan, uint64_t number)
{
	unsigned index = find_from(plan, number);

	return index < plan->len && extent_at(plan, index)->first <= number;
}
