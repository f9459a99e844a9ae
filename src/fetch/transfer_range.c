/* SPDX-License-Identifier: MIT */

#include "fetch/transfer_range.h"

#include <string.h>

#include "base/error.h"
#include "fetch/transfer_tell.h"

Range *range_new(RangeShared *shared, uint64_t id, uint64_t at, uint64_t size, uint64_t credit)
{
	Range *range = g_new0(Range, 1);

	range->shared = shared;
	range->id = id;
	range->at = at;
	range->size = size;
	range->credit = credit;
	return range;
}

void range_free(Range *range)
{
	g_assert(!range->request);
	g_clear_pointer(&range->target, target_free);
	g_clear_error(&range->broken);
	g_free(range);
}

/* No ranges, but a file. What else answers 200, such as the page of a hotel that wants to be logged in to, is told apart
 * by how bundles begin. */
static bool check_whole(Range *range, GError **error)
{
	Headers *said = &range->request->headers;

	if (!said->has_length)
		return fail(error, FAILURE_UNSUPPORTED, "range requests not supported by server");
	said->has_total = true;
	said->total = said->length;
	if (!range->is_opening && !headers_same_file(&range->shared->file, said))
		return fail(error, FAILURE_INTEGRITY,
		            "the bundle has changed on the server while it was read");
	return true;
}

static bool is_magic(const Range *range, const char *bytes, size_t size)
{
	static const char magic[] = "hsqs";

	return memcmp(magic + range->sent, bytes, MIN(size, strlen(magic) - range->sent)) == 0;
}

static bool check_opening(const Headers *said, const Range *range, GError **error)
{
	if (!said->has_range || !said->has_total)
		return fail(error, FAILURE_UNSUPPORTED, "server did not send bundle size");
	if (said->first != range->at || said->last != range->at + range->size - 1)
		return fail(error, FAILURE_UNSUPPORTED,
		            "server sent another range than was asked for");
	return true;
}

bool range_check_head(Range *range, GError **error)
{
	const Headers *said = &range->request->headers, *file = &range->shared->file;
	uint64_t first = range->at + range->sent_then, last = range->at + range->size - 1;

	range->is_head_checked = true;
	if (said->is_contradictory)
		return fail(error, FAILURE_INTEGRITY, "server contradicts itself on what it sends");
	if (said->is_encoded)
		return fail(error, FAILURE_UNSUPPORTED,
		            "server packs the bundle on its way (Content-Encoding), so that there "
		            "are no ranges of it: switch that off");
	if (request_status(range->request) == 200)
		return check_whole(range, error);
	if (range->is_opening)
		return check_opening(said, range, error);
	if (!headers_same_file(file, said))
		return fail(error, FAILURE_INTEGRITY,
		            "the bundle has changed on the server while it was read");
	range->is_astray = !said->has_range || said->first != first || said->last != last;
	if (range->is_astray)
		return fail(error, FAILURE_INTEGRITY,
		            "server sent another range than bytes %" G_GUINT64_FORMAT
		            " to %" G_GUINT64_FORMAT ", which it was asked for",
		            first, last);
	return true;
}

/* rauc is about to take what fills the socket: nobody gives a connection up for so short a pause. */
bool range_keeps_server(const Range *range)
{
	return range->hold == RANGE_HELD_FOR_CREDIT || range->hold == RANGE_HELD_FOR_RATE;
}

static size_t hold(Range *range, RangeHold why)
{
	range->hold = why;
	range->was_held |= range_keeps_server(range);
	range->byte_at = g_get_monotonic_time();
	return CURL_WRITEFUNC_PAUSE;
}

/* Is there still a reason? */
static RangeHold pick_hold(const Range *range)
{
	if (range->to_pass == 0 && link_is_full(range->shared->link))
		return RANGE_HELD_FOR_LINK;
	if (range->to_pass == 0 && range->credit == 0)
		return RANGE_HELD_FOR_CREDIT;
	return range->shared->paid_at > g_get_monotonic_time() ? RANGE_HELD_FOR_RATE : RANGE_FREE;
}

static void note_bytes(Range *range, size_t n)
{
	RangeShared *shared = range->shared;
	uint64_t rate = shared->order->policy.rate_limit;

	range->byte_at = shared->byte_at = g_get_monotonic_time();
	if (rate)
		shared->paid_at = MAX(shared->paid_at, shared->byte_at) +
		                  (gint64)((uint64_t)n * G_USEC_PER_SEC / rate);
	shared->n_bytes += n;
	transfer_tell_going(shared);
}

static void note_progress(Range *range, size_t n)
{
	note_bytes(range, n);
	if (!range->is_opening)
		range->attempt = 0;
	range->is_from_origin = false;
}

/* What comes before that which is wanted: is it all of these bytes? */
static bool pass_over(Range *range, size_t size)
{
	if (range->to_pass < size) {
		if (range->to_pass > 0)
			note_bytes(range, (size_t)range->to_pass);
		range->n_skip += (size_t)range->to_pass;
		range->to_pass = 0;
		return false;
	}
	note_bytes(range, size);
	range->to_pass -= size;
	return true;
}

static void send_bytes(Range *range, const char *bytes, size_t size)
{
	RangeShared *shared = range->shared;

	while (size && !range->is_opening) {
		size_t n = MIN(size, (size_t)WIRE_MAX_DATA);

		link_send(shared->link, WIRE_DATA, range->id, bytes, n);
		bytes += n;
		size -= n;
	}
}

/* What a request brings. curl shows what was not taken again, in pieces perhaps; what of it could be
 * sent is then passed over. */
static size_t take(void *user, const char *bytes, size_t size)
{
	Range *range = user;
	size_t skip, n;

	if (!range->is_head_checked && !range_check_head(range, &range->broken))
		return 0;
	if (range->broken)
		return 0;
	if (range->sent == range->size)
		return 0; /* more than was asked for */
	if (pick_hold(range) != RANGE_FREE)
		return hold(range, pick_hold(range));
	if (range->to_pass > 0 && pass_over(range, size))
		return size;
	if (pick_hold(range) != RANGE_FREE)
		return hold(range, pick_hold(range));
	skip = MIN(range->n_skip, size);
	if (range->is_opening && request_status(range->request) == 200 &&
	    !is_magic(range, bytes, size)) {
		fail(&range->broken, FAILURE_UNSUPPORTED, "range requests not supported by server");
		return 0;
	}
	n = (size_t)MIN((uint64_t)(size - skip), MIN(range->credit, range->size - range->sent));
	if (n)
		note_progress(range, n);
	send_bytes(range, bytes + skip, n);
	range->sent += n;
	range->credit -= n;
	if (range->sent == range->size) {
		range->phase = RANGE_DONE;
		return skip + n == size ? size : 0;
	}
	if (skip + n < size) {
		range->n_skip += n;
		return hold(range, RANGE_HELD_FOR_CREDIT);
	}
	range->n_skip -= skip;
	return size;
}

bool range_start(Range *range, CURLM *multi, GError **error)
{
	RangeShared *shared = range->shared;
	const Target *target = range->target                              ? range->target
	                       : shared->target && !range->is_from_origin ? shared->target
	                                                                  : shared->order->origin;
	RequestWish wish = {
		.order = shared->order,
		.target = target,
		.first = range->at + range->sent,
		.last = range->at + range->size - 1,
		.is_opening = range->is_opening,
		.is_whole = shared->is_whole,
		.is_fresh = range->attempt > 0 && !range->is_shared,
		.take = take,
		.user = range,
	};

	g_assert(!range->request);
	if (!range->target) {
		wish.target = range->target = target_copy(target);
		range->n_hops = 0;
	}
	range->request = request_new(&wish, error);
	if (!range->request)
		return false;
	range->phase = RANGE_RUNNING;
	range->sent_then = range->sent;
	range->n_skip = 0;
	range->to_pass = shared->is_whole ? range->at + range->sent : 0;
	range->hold = RANGE_FREE;
	range->was_held = range->is_head_checked = range->is_ready = range->is_astray = false;
	range->byte_at = g_get_monotonic_time();
	shared->n_requests++;
	if (curl_multi_add_handle(multi, range->request->easy) != CURLM_OK)
		return fail(error, FAILURE_IO, "libcurl takes no more requests");
	range->multi = multi;
	return true;
}

void range_stop(Range *range)
{
	if (!range->request)
		return;
	if (range->multi)
		curl_multi_remove_handle(range->multi, range->request->easy);
	range->multi = NULL;
	g_clear_pointer(&range->request, request_free);
	range->hold = RANGE_FREE;
	range->n_skip = 0;
}

void range_resume(Range *range)
{
	if (!range->request || range->hold == RANGE_FREE || pick_hold(range) != RANGE_FREE)
		return;
	range->hold = RANGE_FREE;
	range->byte_at = range->shared->byte_at = g_get_monotonic_time();
	curl_easy_pause(range->request->easy, CURLPAUSE_CONT);
}

bool range_follow(Range *range, GError **error)
{
	g_autofree char *location = request_location(range->request);
	Target *next;

	if (!location)
		return false;
	if (range->n_hops >= TARGET_MAX_HOPS)
		return fail(error, FAILURE_NETWORK, "more than %u redirects, the last one from %s",
		            (unsigned)TARGET_MAX_HOPS, range->target->host);
	next = target_follow(range->target, location, error);
	if (!next)
		return false;
	range->n_hops++;
	target_free(range->target);
	range->target = next;
	return true;
}

bool range_is_hungry(const Range *range)
{
	return range->phase != RANGE_DONE && range->hold == RANGE_FREE && range->credit > 0;
}
