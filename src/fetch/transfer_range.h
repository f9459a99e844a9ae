/* SPDX-License-Identifier: MIT */
#pragma once

/* One range and what became of it so far: what comes is checked and passed on here. */

#include "fetch/link.h"
#include "fetch/transfer_request.h"

typedef enum {
	RANGE_QUEUED,
	RANGE_RUNNING, /* has a request */
	RANGE_WAITING, /* until next_at, after a failure */
	RANGE_DONE,    /* all of it was sent; its request may still be ending */
} RangePhase;

/* Why curl is not to bring more of a range. */
typedef enum {
	RANGE_FREE,
	RANGE_HELD_FOR_CREDIT,
	RANGE_HELD_FOR_LINK,
	RANGE_HELD_FOR_RATE,
} RangeHold;

/* What all ranges of a transfer share. */
typedef struct {
	const Order *order;
	Link *link;
	Headers file;   /* as OPEN found it: total, etag, modified, date */
	Target *target; /* where it is; NULL before OPEN */
	unsigned http;  /* version */
	bool is_whole;  /* the server knows no ranges: every answer begins at the beginning */
	bool is_open;
	gint64 byte_at; /* when the last byte came, or began to be waited for (monotonic, us) */
	gint64 paid_at; /* when what came so far has been made up for, where there is a rate */
	gint64 waiting_since; /* 0: nothing is waited for, as far as rauc knows */
	uint64_t n_requests, n_bytes, n_retries, n_waited;
} RangeShared;

typedef struct {
	RangeShared *shared;
	uint64_t id, at, size, sent, credit;
	bool is_opening;
	RangePhase phase;
	Request *request;
	CURLM *multi;   /* where it is; NULL: nowhere */
	bool is_shared; /* its connection carries others too */
	/* of this try */
	Target *target;
	unsigned n_hops;
	gint64 byte_at;     /* as above; while held, when that began */
	uint64_t sent_then; /* what `sent` was at its beginning */
	size_t n_skip;      /* of what curl will show again, was sent already */
	uint64_t to_pass;   /* of an answer that begins before what is wanted */
	bool is_ready;      /* connected; until then curl has an eye on the time */
	RangeHold hold;
	bool was_held, is_head_checked;
	bool is_told;   /* that it is done */
	GError *broken; /* what came is not what was asked for */
	bool is_astray; /* that is another part of the same file: worth some more tries */
	/* of all tries since the last byte */
	unsigned attempt;
	gint64 next_at;
	bool is_from_origin; /* where it was found once it is no more: the redirects are asked again */
} Range;

Range *range_new(RangeShared *shared, uint64_t id, uint64_t at, uint64_t size, uint64_t credit);
void range_free(Range *range);

/* The request to make now; its bytes come here. It has a place in `multi` then. */
bool range_start(Range *range, CURLM *multi, GError **error);
/* Ends the request, if there is one. */
void range_stop(Range *range);
/* After credit came, or the link has room: shall curl go on? */
void range_resume(Range *range);

/* Where the server sends us next; false: nowhere (`*error` unset), or where we do not go. */
bool range_follow(Range *range, GError **error);

/* Is the server kept waiting, for as long as it takes, by us? It may then give up the connection. */
bool range_keeps_server(const Range *range);
/* Does it want bytes now? */
bool range_is_hungry(const Range *range);

/* Is it about what was asked for? To be called once the head of a 206 is there. */
bool range_check_head(Range *range, GError **error);
