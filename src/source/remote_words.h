/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the words of rauc-fetch mean (base/wire.h). It is not believed: what is missing has a value
 * that does no harm.
 */

#include "source/remote.h"

/* Has this message words, and are they such? */
bool remote_words_check(const WireHead *head, const void *bytes, GError **error);

/* Of FAILED; FAILURE_NETWORK where the code is none. */
GError *remote_words_error(const void *bytes, size_t size);
/* Of WAITING; borrows from `bytes`. */
RemoteWaiting remote_words_waiting(const void *bytes, size_t size);
/* Of STATS; the size of the file is not in it. */
RemoteStats remote_words_stats(const void *bytes, size_t size);
