/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What of a file is asked for, when, and where it goes: the part of source/remote that neither waits
 * nor talks. It has no lock.
 *
 *     plan() --> extents --> streams --> store --> read()
 *
 *     a stream: one READ                            credit ends here
 *     first         next (arrives)                   v
 *     |--- read ----|=== unread, in memory ===|......|            end
 *                   ^ floor: as far as readers are
 *
 * A stream may have so many pieces that nobody has read yet, in memory or on their way; as they are
 * read, or passed by, it gets more credit. All streams together have what the store can take without
 * losing what is still to be read, those that were wanted first before others. Who has waited in vain
 * for a while insists: pieces nobody comes for must not stop those somebody waits for.
 */

#include <sys/uio.h>

#include "base/wire.h"

typedef struct RemoteStreams RemoteStreams;

/* To be said to rauc-fetch. */
typedef struct {
	WireType type;
	uint64_t id;
	WireRead read; /* of CREDIT only the credit */
} RemoteWord;

/* Of a file of so many bytes; NULL: not enough memory. */
RemoteStreams *remote_streams_new(uint64_t size);
void remote_streams_free(RemoteStreams *streams);

/* From now on only from the beginning to the end, which is piece `end`: nothing is planned, and what is wanted
 * comes with all that lies between. */
void remote_streams_go_in_order(RemoteStreams *streams, uint64_t end);
/* How often that began. */
unsigned remote_streams_begun(const RemoteStreams *streams);

/* These bytes will be read, in the order of these calls. */
void remote_streams_plan(RemoteStreams *streams, uint64_t size, uint64_t at);

/* Pieces are those of source/remote_store. NULL: it is not there. */
const uint8_t *remote_streams_read(RemoteStreams *streams, uint64_t number);
/* The last piece of what somebody wanted, which the next one may want the rest of. */
void remote_streams_keep(RemoteStreams *streams, uint64_t number);
/* It is waited for, and then those up to `last` will be. */
void remote_streams_want(RemoteStreams *streams, uint64_t number, uint64_t last);
void remote_streams_insist(RemoteStreams *streams, uint64_t number);
/* Who waits for pieces from `number` to `last` does so until this one has come: some at once, as far as there is credit. */
uint64_t remote_streams_goal(const RemoteStreams *streams, uint64_t number, uint64_t last);
/* It has not come, and there is a stream that will bring it. */
bool remote_streams_awaits(const RemoteStreams *streams, uint64_t number);
/* After reading: what can be asked for now. */
void remote_streams_ask(RemoteStreams *streams);
bool remote_streams_has_words(const RemoteStreams *streams);
/* What is to be said now; owned, of RemoteWord, NULL: nothing. */
GArray *remote_streams_take_words(RemoteStreams *streams);

#define REMOTE_MOST_PARTS (WIRE_MAX_DATA / 4096 + 1)

/* Where bytes of a stream go. */
typedef struct {
	struct iovec parts[REMOTE_MOST_PARTS];
	uint8_t *places[REMOTE_MOST_PARTS];
	unsigned n; /* 0: the stream is no more, they are to be thrown away */
} RemoteLanding;

/* The next `size` bytes of stream `id` will be put there; and now they are there. Nothing may be said of
 * the stream between the two. */
bool remote_streams_prepare(RemoteStreams *streams, uint64_t id, size_t size,
                            RemoteLanding *landing, GError **error);
void remote_streams_land(RemoteStreams *streams, uint64_t id, size_t size,
                         const RemoteLanding *landing);
/* They will not come: who was to bring them is gone. */
void remote_streams_abandon(RemoteStreams *streams, uint64_t id, const RemoteLanding *landing);
/* To be said to another one, instead of all that is not said yet: what every stream still has to get. */
void remote_streams_resume(RemoteStreams *streams);
/* It has ended. */
bool remote_streams_end(RemoteStreams *streams, uint64_t id, GError **error);
