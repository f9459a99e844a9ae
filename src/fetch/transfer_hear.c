/* SPDX-License-Identifier: MIT */

#include "fetch/transfer_hear.h"

#include <string.h>

#include "base/error.h"
#include "fetch/transfer_tell.h"

#define MAX_RANGES 256

void transfer_drop(Transfer *transfer, Range *range)
{
	range_stop(range);
	g_ptr_array_remove(transfer->ranges, range);
}

static Range *find(const Transfer *transfer, uint64_t id)
{
	Range *range;

	EACH_RANGE(transfer, range)
	{
		if (range->id == id && !range->is_opening && range->phase != RANGE_DONE)
			return range;
	}
	return NULL;
}

/* From now on something is waited for, if nothing was. */
static void start_hunger(Transfer *transfer)
{
	const Range *range;

	EACH_RANGE(transfer, range)
	{
		if (range_is_hungry(range))
			return;
	}
	transfer->shared.byte_at = g_get_monotonic_time();
}

static bool hear_read(Transfer *transfer, uint64_t id, const WireRead *wish, GError **error)
{
	RangeShared *shared = &transfer->shared;

	if (!shared->is_open || id == 0 || find(transfer, id))
		return fail(error, FAILURE_FORMAT, "READ %" G_GUINT64_FORMAT " out of turn", id);
	if (transfer->ranges->len >= MAX_RANGES)
		return fail(error, FAILURE_FORMAT, "more than %d READs at once", MAX_RANGES);
	if (wish->at > shared->file.total || wish->size > shared->file.total - wish->at) {
		g_autoptr(GError) why = NULL;

		fail(&why, FAILURE_FORMAT, "a read behind the end of the bundle");
		transfer_tell_failed(shared, id, false, 0, why);
		return true;
	}
	if (wish->size == 0) {
		link_send(shared->link, WIRE_DONE, id, NULL, 0);
		return true;
	}
	start_hunger(transfer);
	g_ptr_array_add(transfer->ranges,
	                range_new(shared, id, wish->at, wish->size, wish->credit));
	return true;
}

static void hear_credit(Transfer *transfer, Range *range, uint64_t more)
{
	if (!range)
		return; /* it has ended meanwhile */
	start_hunger(transfer);
	range->credit = more > G_MAXUINT64 - range->credit ? G_MAXUINT64 : range->credit + more;
}

static bool hear_one(Transfer *transfer, const WireHead *head, const void *bytes, GError **error)
{
	Range *range = find(transfer, head->id);
	WireRead wish;
	uint64_t more;

	switch (head->type) {
	case WIRE_READ:
		memcpy(&wish, bytes, sizeof(wish));
		return hear_read(transfer, head->id, &wish, error);
	case WIRE_CREDIT:
		memcpy(&more, bytes, sizeof(more));
		hear_credit(transfer, range, more);
		return true;
	case WIRE_CANCEL:
		if (range)
			transfer_drop(transfer, range);
		return true;
	default:
		return fail(error, FAILURE_FORMAT, "message of type %u out of turn", head->type);
	}
}

bool transfer_hear(Transfer *transfer, GError **error)
{
	for (;;) {
		WireHead head;
		g_autofree void *bytes = NULL;
		LinkState state = link_receive(transfer->shared.link, &head, &bytes, error);

		if (state != LINK_MESSAGE)
			return state == LINK_NOTHING;
		if (!hear_one(transfer, &head, bytes, error))
			return false;
	}
}
