/* SPDX-License-Identifier: MIT */
#pragma once

/* All ranges of a transfer, and what rauc says of them. */

#include "fetch/transfer_lanes.h"
#include "fetch/transfer_range.h"

typedef struct {
	RangeShared shared;
	Lanes lanes;
	GPtrArray *ranges; /* as they came; the order is that of their turns */
	gint64 stats_at;
	uint64_t n_stats; /* what the last ones came to */
} Transfer;

#define EACH_RANGE(transfer, range) /* backwards: the one at hand may be dropped */ \
	for (unsigned i_ = (transfer)->ranges->len;                                 \
	     i_-- > 0 && ((range) = g_ptr_array_index((transfer)->ranges, i_));)

/* Ends what is left of it; its place in the list is gone then. */
void transfer_drop(Transfer *transfer, Range *range);

/* All that has come. False: the end, with or without an error. */
bool transfer_hear(Transfer *transfer, GError **error);
