/* SPDX-License-Identifier: MIT */

#include "fetch/transfer_tell.h"

#include "base/error.h"

static void send_words(RangeShared *shared, WireType type, uint64_t id, const WireWords *words)
{
	if (words->len <= WIRE_MAX_WORDS)
		link_send(shared->link, type, id, words->data, words->len);
	else /* a URL that long, and we have taken it */
		g_warning("a message to rauc is too large: dropped");
}

void transfer_tell_opened(RangeShared *shared)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	const Headers *file = &shared->file;

	wire_add(words, "url", shared->target->url);
	wire_add_number(words, "size", file->total);
	if (file->etag[0])
		wire_add(words, "etag", file->etag);
	if (file->modified > 0)
		wire_add_number(words, "modified", (uint64_t)file->modified);
	if (file->date > 0)
		wire_add_number(words, "date", (uint64_t)file->date);
	wire_add(words, "http", shared->http == 1 ? "1.1" : shared->http == 2 ? "2" : "3");
	wire_add(words, "ranges", shared->is_whole ? "no" : "yes");
	send_words(shared, WIRE_OPENED, 0, words);
}

static const char *prefix_of(long http)
{
	switch (http) {
	case 204:
		return "no content: ";
	case 304:
		return "not modified: ";
	case 401:
		return "unauthorized: ";
	case 404:
		return "not found: ";
	default:
		return "failed to configure streaming: ";
	}
}

void transfer_tell_failed(RangeShared *shared, uint64_t id, bool is_opening, long http,
                          const GError *why)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	g_autofree char *message =
		g_strconcat(is_opening ? prefix_of(http) : "", why->message, NULL);

	wire_add(words, "code", failure_facts(why).name);
	if (http > 0)
		wire_add_number(words, "http", (uint64_t)http);
	wire_add(words, "message", message);
	g_debug("fetch: %s", message);
	send_words(shared, WIRE_FAILED, id, words);
}

void transfer_tell_waiting(RangeShared *shared, const char *reason, unsigned attempt,
                           uint64_t delay)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	uint64_t seconds = (delay + 999) / 1000;
	g_autofree char *message =
		g_strdup_printf("waiting for network: %s, next try in %" G_GUINT64_FORMAT " s",
	                        reason, seconds);

	if (!shared->waiting_since)
		shared->waiting_since = g_get_monotonic_time();
	wire_add(words, "message", message);
	wire_add(words, "reason", reason);
	wire_add_number(words, "seconds", seconds);
	wire_add_number(words, "attempt", attempt);
	send_words(shared, WIRE_WAITING, 0, words);
}

void transfer_tell_going(RangeShared *shared)
{
	if (!shared->waiting_since)
		return;
	shared->n_waited += (uint64_t)(g_get_monotonic_time() - shared->waiting_since);
	shared->waiting_since = 0;
	link_send(shared->link, WIRE_GOING, 0, NULL, 0);
}

void transfer_tell_stats(RangeShared *shared)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	uint64_t now = shared->waiting_since
	                       ? (uint64_t)(g_get_monotonic_time() - shared->waiting_since)
	                       : 0;

	wire_add_number(words, "requests", shared->n_requests);
	wire_add_number(words, "bytes", shared->n_bytes);
	wire_add_number(words, "retries", shared->n_retries);
	wire_add_number(words, "waited-ms", (shared->n_waited + now) / 1000);
	send_words(shared, WIRE_STATS, 0, words);
}
