/* SPDX-License-Identifier: MIT */

#include "source/remote_words.h"

#include "base/error.h"

bool remote_words_check(const WireHead *head, const void *bytes, GError **error)
{
	bool has_words = head->type == WIRE_FAILED || head->type == WIRE_WAITING ||
	                 head->type == WIRE_STATS || head->type == WIRE_OPENED;

	return !has_words || wire_words_check(bytes, head->size, error);
}

GError *remote_words_error(const void *bytes, size_t size)
{
	const char *message = wire_find(bytes, size, "message");
	const char *name = wire_find(bytes, size, "code");
	Failure why = FAILURE_NETWORK;
	GError *error = NULL;

	failure_by_name(name ? name : "", &why);
	fail(&error, why, "%s", message ? message : "rauc-fetch does not say why it failed");
	return error;
}

static unsigned find_unsigned(const void *bytes, size_t size, const char *key)
{
	return (unsigned)MIN(wire_find_number(bytes, size, key), G_MAXINT);
}

RemoteWaiting remote_words_waiting(const void *bytes, size_t size)
{
	const char *message = wire_find(bytes, size, "message");
	const char *reason = wire_find(bytes, size, "reason");

	return (RemoteWaiting){ .message = message ? message : "waiting for network",
		                .reason = reason ? reason : "",
		                .seconds = find_unsigned(bytes, size, "seconds"),
		                .attempt = find_unsigned(bytes, size, "attempt") };
}

RemoteStats remote_words_stats(const void *bytes, size_t size)
{
	return (RemoteStats){
		.requests = wire_find_number(bytes, size, "requests"),
		.bytes = wire_find_number(bytes, size, "bytes"),
		.retries = wire_find_number(bytes, size, "retries"),
		.waited_ms = wire_find_number(bytes, size, "waited-ms"),
	};
}
