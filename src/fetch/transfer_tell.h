/* SPDX-License-Identifier: MIT */
#pragma once

/* What rauc is told besides the bytes. */

#include "fetch/transfer_range.h"

void transfer_tell_opened(RangeShared *shared);
/* `http`: status, 0: none. The words are those of RAUC where the bundle cannot be opened. */
void transfer_tell_failed(RangeShared *shared, uint64_t id, bool is_opening, long http,
                          const GError *why);
/* Nothing comes, for `reason`; the next try is `attempt`, in `delay` ms. */
void transfer_tell_waiting(RangeShared *shared, const char *reason, unsigned attempt,
                           uint64_t delay);
/* Something came: GOING, if WAITING was said before. */
void transfer_tell_going(RangeShared *shared);
void transfer_tell_stats(RangeShared *shared);
