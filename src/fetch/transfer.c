/* SPDX-License-Identifier: MIT */

#include "fetch/transfer.h"

#include "base/error.h"
#include "fetch/transfer_hear.h"
#include "fetch/transfer_tell.h"

#define MS              G_GINT64_CONSTANT(1000)
#define SECOND          (1000 * MS)
#define MAX_MULTIPLEXED 32
#define MAGIC_SIZE      4
#define POLL_MAX        (60 * SECOND)
/* A range without credit keeps others from theirs for no longer than that. */
#define HOLD_MAX (250 * MS)
/* A server that does not end its answer after the last byte. */
#define LINGER_MAX (2 * SECOND)

/* --- Ends ----------------------------------------------------------------- */

static void give_up(Transfer *transfer, Range *range, long http, const GError *why)
{
	transfer_tell_failed(&transfer->shared, range->id, range->is_opening, http, why);
	transfer_drop(transfer, range);
}

/* All of it was sent. */
static void finish(Transfer *transfer, Range *range)
{
	RangeShared *shared = &transfer->shared;

	range->is_told = true;
	if (range->is_opening) {
		shared->file = range->request->headers;
		shared->is_whole = request_status(range->request) == 200;
		shared->http = request_http_version(range->request);
		shared->target = target_copy(range->target);
		shared->is_open = true;
		transfer_tell_opened(shared);
		return;
	}
	link_send(shared->link, WIRE_DONE, range->id, NULL, 0);
	if (range->target && !g_str_equal(range->target->url, shared->target->url)) {
		target_free(shared->target); /* it has moved: others need not ask again */
		shared->target = target_copy(range->target);
	}
}

/* From where it is now, at its turn. */
static void queue(Range *range)
{
	range_stop(range);
	g_clear_pointer(&range->target, target_free);
	range->phase = RANGE_QUEUED;
	if (range->is_opening) { /* whole, or not at all */
		range->sent = 0;
		range->credit = range->size;
	}
}

/* --- Failures ------------------------------------------------------------- */

/* Does anything come, while others wait? What has not for a while is about to be missed. */
static bool is_flowing(const Transfer *transfer, bool only_shared)
{
	gint64 late =
		g_get_monotonic_time() - transfer->shared.order->policy.stall_sec * SECOND / 2;
	const Range *range;

	EACH_RANGE(transfer, range)
	{
		if (range->phase != RANGE_RUNNING || range->sent == range->sent_then ||
		    (only_shared && !range->is_shared))
			continue;
		if (range->hold == RANGE_HELD_FOR_RATE ||
		    (range->hold == RANGE_FREE && range->byte_at > late))
			return true;
	}
	return false;
}

static void wait_for_next(Transfer *transfer, Range *range, const char *reason, int64_t wait)
{
	const Policy *policy = &transfer->shared.order->policy;
	uint64_t delay;

	range->attempt++;
	delay = policy_delay(policy, range->attempt, wait, g_random_int());
	queue(range);
	range->phase = RANGE_WAITING;
	range->next_at = g_get_monotonic_time() + (gint64)delay * MS;
	transfer->shared.n_retries++;
	g_debug("fetch: %s; next try in %" G_GUINT64_FORMAT " ms", reason, delay);
	if (!is_flowing(transfer, false))
		transfer_tell_waiting(&transfer->shared, reason, range->attempt + 1, delay);
}

static char *reason_of(const Range *range, const PolicyOutcome *outcome)
{
	if (outcome->is_stalled)
		return g_strdup_printf("no data from %s for %u s", range->target->host,
		                       range->shared->order->policy.stall_sec);
	if (outcome->code != CURLE_OK)
		return request_reason(range->request, outcome->code);
	switch (outcome->http) {
	case 0:
		return g_strdup("server not responding");
	case 200:
		return g_strdup(range->shared->is_whole ? "incomplete HTTP response"
		                                        : "range requests not supported by server");
	case 204:
		return g_strdup("no content");
	case 206:
		return g_strdup("incomplete HTTP response");
	case 304:
		return g_strdup("not modified");
	default:
		return g_strdup_printf("unexpected HTTP response code %ld", outcome->http);
	}
}

/* What the last redirect led to is no more; perhaps it now leads elsewhere (links that expire). */
static bool ask_origin(Transfer *transfer, Range *range, const PolicyOutcome *outcome)
{
	RangeShared *shared = &transfer->shared;
	long http = outcome->http;

	if (range->is_opening || range->is_from_origin || outcome->code != CURLE_OK ||
	    (http != 401 && http != 403 && http != 404 && http != 410) ||
	    g_str_equal(shared->target->url, shared->order->origin->url))
		return false;
	range->is_from_origin = true;
	queue(range);
	return true;
}

static bool is_last_try(const Range *range)
{
	return range->attempt + 1 >= range->shared->order->policy.open_tries;
}

static bool is_final(const Range *range, const PolicyOutcome *outcome, Failure *why)
{
	bool is_final = policy_is_final(outcome, why), is_last = is_last_try(range);

	if (range->shared->is_whole && outcome->code == CURLE_OK && outcome->http == 200)
		return false;
	/* It did send ranges; this may be the page of a hotel that wants to be logged in to. */
	if (!range->is_opening && outcome->code == CURLE_OK && outcome->http == 200)
		return is_last;
	return is_final || (range->is_opening && is_last);
}

static void fail_final(Transfer *transfer, Range *range, const PolicyOutcome *outcome, Failure why,
                       const char *reason)
{
	g_autoptr(GError) error = NULL;
	const Headers *said = &range->request->headers;
	bool is_silent = range->is_opening && !outcome->http && !policy_is_final(outcome, &why);

	if (!range->is_opening && (outcome->http == 416 || outcome->http == 412) &&
	    !headers_same_file(&transfer->shared.file, said))
		fail(&error, FAILURE_INTEGRITY,
		     "the bundle has changed on the server while it was read");
	else if (range->attempt > 0)
		fail(&error, why, "%s%s (%u tries)", is_silent ? "server not responding: " : "",
		     reason, range->attempt + 1);
	else
		fail(&error, why, "%s%s", is_silent ? "server not responding: " : "", reason);
	give_up(transfer, range, outcome->http, error);
}

/* The request brought less than it should. */
static void judge(Transfer *transfer, Range *range, const PolicyOutcome *outcome)
{
	g_autofree char *reason = reason_of(range, outcome);
	Failure why;

	if (is_final(range, outcome, &why)) {
		if (!ask_origin(transfer, range, outcome))
			fail_final(transfer, range, outcome, why, reason);
		return;
	}
	/* Servers do not keep a connection for who does not read. */
	if (range_keeps_server(range) || (range->was_held && range->sent > range->sent_then))
		queue(range);
	else
		wait_for_next(transfer, range, reason, headers_wait(&range->request->headers));
}

static void start(Transfer *transfer, Range *range)
{
	g_autoptr(GError) error = NULL;

	if (!range_start(range, range->is_shared ? transfer->lanes.many : transfer->lanes.single,
	                 &error))
		give_up(transfer, range, 0, error);
}

/* What came is not what was asked for. Who stands between us and the server may have mixed up parts. */
static void reject(Transfer *transfer, Range *range, long http)
{
	g_autoptr(GError) why = g_steal_pointer(&range->broken);

	if (range->is_astray && !is_last_try(range))
		wait_for_next(transfer, range, why->message,
		              headers_wait(&range->request->headers));
	else
		give_up(transfer, range, http, why);
}

static void settle(Transfer *transfer, Range *range, CURLcode code, bool is_stalled)
{
	g_autoptr(GError) error = NULL;
	PolicyOutcome outcome = { code, request_status(range->request), is_stalled };

	if (range->phase == RANGE_DONE) {
		transfer_drop(transfer, range);
		return;
	}
	if (code == CURLE_WRITE_ERROR && outcome.http != 206)
		outcome.code = CURLE_OK; /* we had heard enough */
	if (outcome.code == CURLE_OK && outcome.http == 206 && !range->is_head_checked &&
	    !is_stalled)
		range_check_head(range, &range->broken);
	if (range->broken) {
		reject(transfer, range, outcome.http);
		return;
	}
	if (outcome.code == CURLE_OK && outcome.http / 100 == 3 && range_follow(range, &error)) {
		range_stop(range);
		start(transfer, range);
		return;
	}
	if (error)
		give_up(transfer, range, outcome.http, error);
	else
		judge(transfer, range, &outcome);
}

/* --- The loop ------------------------------------------------------------- */

static bool wants_start(const Range *range)
{
	return range->phase == RANGE_QUEUED && range->credit > 0 &&
	       !link_is_full(range->shared->link);
}

static bool may_start(const Range *range)
{
	return wants_start(range) && range->shared->paid_at <= g_get_monotonic_time();
}

static unsigned count_free(const Transfer *transfer, bool is_shared)
{
	const RangeShared *shared = &transfer->shared;
	unsigned limit = is_shared ? (shared->http >= 2 ? MAX_MULTIPLEXED : 0)
	                           : shared->order->policy.connections;
	unsigned n = 0;
	const Range *range;

	EACH_RANGE(transfer, range)
	n += range->is_shared == is_shared &&
	     (range->phase == RANGE_RUNNING || range->phase == RANGE_WAITING);
	return limit > n ? limit - n : 0;
}

/* Only one that will not stand still may share a connection. */
static bool can_share(const Range *range)
{
	return range->credit >= range->size - range->sent && !range->shared->is_whole;
}

static void start_queued(Transfer *transfer)
{
	unsigned n_single = count_free(transfer, false), n_shared = count_free(transfer, true);

	for (unsigned i = 0; i < transfer->ranges->len && n_single + n_shared; i++) {
		Range *range = g_ptr_array_index(transfer->ranges, i);

		if (!may_start(range) || (!n_single && !can_share(range)))
			continue;
		range->is_shared = !n_single;
		start(transfer, range);
		if (i >= transfer->ranges->len || g_ptr_array_index(transfer->ranges, i) != range)
			i--; /* it has failed, and gone */
		else if (range->is_shared)
			n_shared--;
		else
			n_single--;
	}
}

/* Is there one that cannot have its turn because of ranges that are held? */
static bool is_anyone_kept(const Transfer *transfer)
{
	bool is_full = count_free(transfer, false) == 0;
	bool has_shared = count_free(transfer, true) > 0;
	const Range *range;

	EACH_RANGE(transfer, range)
	{
		if (is_full && may_start(range) && !(has_shared && can_share(range)))
			return true;
	}
	return false;
}

/* When something is due for `range`; its moment may have passed. */
static gint64 due_of(const Transfer *transfer, const Range *range)
{
	const Policy *policy = &transfer->shared.order->policy;

	if (range->phase == RANGE_WAITING)
		return range->next_at;
	if (range->phase == RANGE_DONE)
		return range->byte_at + LINGER_MAX;
	if (range->phase != RANGE_RUNNING)
		return G_MAXINT64;
	if (range->hold == RANGE_HELD_FOR_RATE)
		return range->shared->paid_at;
	if (range->hold != RANGE_FREE)
		return range->hold == RANGE_HELD_FOR_CREDIT && is_anyone_kept(transfer)
		               ? range->byte_at + HOLD_MAX
		               : G_MAXINT64;
	return range->byte_at + policy->stall_sec * SECOND +
	       (range->is_ready ? 0 : policy->connect_sec * SECOND);
}

/* A connection for many requests over which nothing comes any more is left behind. */
static void redial(Transfer *transfer)
{
	Range *range;

	EACH_RANGE(transfer, range)
	{
		if (!range->is_shared)
			continue;
		if (range->phase == RANGE_RUNNING)
			queue(range);
		else if (range->phase == RANGE_DONE)
			transfer_drop(transfer, range);
	}
	lanes_redial(&transfer->lanes);
}

static void watch_request(Range *range)
{
	curl_off_t ready = 0;

	if (range->is_ready || range->hold != RANGE_FREE)
		return;
	curl_easy_getinfo(range->request->easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	range->is_ready = ready > 0;
	if (range->is_ready)
		range->byte_at = g_get_monotonic_time();
}

static void do_due(Transfer *transfer)
{
	gint64 now = g_get_monotonic_time();
	bool has_stalled = false;
	Range *range;

	EACH_RANGE(transfer, range)
	{
		if (range->phase == RANGE_DONE && !range->is_told)
			finish(transfer, range);
		if (range->phase == RANGE_RUNNING)
			watch_request(range);
		if (due_of(transfer, range) > now)
			continue;
		if (range->phase == RANGE_DONE)
			transfer_drop(transfer, range);
		else if (range->phase == RANGE_WAITING)
			start(transfer, range);
		else if (range->hold == RANGE_HELD_FOR_RATE)
			range_resume(range);
		else if (range->hold != RANGE_FREE)
			queue(range);
		else {
			has_stalled |= range->is_shared;
			settle(transfer, range, CURLE_OK, true);
		}
	}
	if (has_stalled && !is_flowing(transfer, true))
		redial(transfer);
}

/* Nothing for so long that whoever asked has had enough. */
static void check_deadline(Transfer *transfer)
{
	unsigned deadline = transfer->shared.order->policy.deadline_sec;
	g_autoptr(GError) why = NULL;
	bool is_hungry_now = false;
	Range *range;

	EACH_RANGE(transfer, range)
	is_hungry_now |= range_is_hungry(range);
	if (!deadline || !is_hungry_now ||
	    g_get_monotonic_time() - transfer->shared.byte_at < deadline * SECOND)
		return;
	fail(&why, FAILURE_NETWORK, "no data from the server for %u s, which is the deadline",
	     deadline);
	EACH_RANGE(transfer, range)
	{
		if (range->phase != RANGE_DONE)
			give_up(transfer, range, 0, why);
	}
}

static bool perform(Transfer *transfer, GError **error)
{
	CURLMcode code = lanes_perform(&transfer->lanes);
	CURLcode result;

	if (code != CURLM_OK)
		return fail(error, FAILURE_IO, "libcurl: %s", curl_multi_strerror(code));
	for (CURL *easy; (easy = lanes_next_end(&transfer->lanes, &result));) {
		Range *range = NULL;

		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&range);
		if (range->phase == RANGE_DONE && !range->is_told)
			finish(transfer, range);
		settle(transfer, range, result, false);
	}
	return true;
}

static void tell_stats(Transfer *transfer)
{
	RangeShared *shared = &transfer->shared;
	uint64_t sum = shared->n_requests + shared->n_bytes + shared->n_retries;
	gint64 now = g_get_monotonic_time();

	if (sum == transfer->n_stats || now < transfer->stats_at + SECOND ||
	    link_is_full(shared->link))
		return;
	transfer_tell_stats(shared);
	transfer->n_stats = sum;
	transfer->stats_at = now;
}

/* Until when nothing has to be done, unless something happens on a socket. */
static int poll_time(const Transfer *transfer)
{
	const RangeShared *shared = &transfer->shared;
	unsigned deadline = shared->order->policy.deadline_sec;
	gint64 now = g_get_monotonic_time(), due = now + POLL_MAX;
	bool has_single = count_free(transfer, false) > 0;
	bool has_shared = count_free(transfer, true) > 0;
	const Range *range;

	if (shared->n_requests + shared->n_bytes + shared->n_retries != transfer->n_stats &&
	    !link_is_full(shared->link))
		due = MIN(due, MAX(transfer->stats_at + SECOND, now));
	EACH_RANGE(transfer, range)
	{
		due = MIN(due, due_of(transfer, range));
		if (wants_start(range) && (has_single || (has_shared && can_share(range))))
			due = MIN(due, shared->paid_at);
		if (range->phase == RANGE_DONE && !range->is_told)
			return 0;
		if (deadline && range_is_hungry(range))
			due = MIN(due, shared->byte_at + deadline * SECOND);
	}
	return due <= now ? 0 : (int)((due - now) / MS) + 1;
}

static bool turn(Transfer *transfer, int fd, GError **error)
{
	Link *link = transfer->shared.link;
	struct curl_waitfd socket = { .fd = fd, .events = CURL_WAIT_POLLIN };
	Range *range;

	link_flush(link);
	EACH_RANGE(transfer, range)
	range_resume(range);
	start_queued(transfer);
	if (!perform(transfer, error))
		return false;
	do_due(transfer);
	check_deadline(transfer);
	tell_stats(transfer);
	link_flush(link);
	if (link_has_rest(link))
		socket.events |= CURL_WAIT_POLLOUT;
	lanes_wait(&transfer->lanes, &socket, poll_time(transfer));
	return true;
}

static void clear(Transfer *transfer)
{
	Range *range;

	EACH_RANGE(transfer, range)
	transfer_drop(transfer, range);
	g_ptr_array_unref(transfer->ranges);
	lanes_clear(&transfer->lanes);
	g_clear_pointer(&transfer->shared.target, target_free);
}

bool transfer_run(Link *link, const Order *order, GError **error)
{
	Transfer transfer = { .shared = { .order = order, .link = link } };
	g_autoptr(GError) why = NULL;
	Range *first;

	lanes_init(&transfer.lanes);
	transfer.ranges = g_ptr_array_new_with_free_func((GDestroyNotify)range_free);
	transfer.shared.byte_at = transfer.stats_at = g_get_monotonic_time();
	first = range_new(&transfer.shared, 0, 0, MAGIC_SIZE, MAGIC_SIZE);
	first->is_opening = true;
	g_ptr_array_add(transfer.ranges, first);
	while (transfer_hear(&transfer, &why) && turn(&transfer, link_fd(link), &why))
		;
	transfer_tell_stats(&transfer.shared);
	link_flush(link);
	clear(&transfer);
	if (!why)
		return true;
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

void transfer_refuse(Link *link, const GError *why)
{
	RangeShared shared = { .link = link };

	transfer_tell_failed(&shared, 0, true, 0, why);
}
