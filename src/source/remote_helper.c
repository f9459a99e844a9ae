/* SPDX-License-Identifier: MIT */

#include "source/remote_helper.h"

#include "base/error.h"

#define MOST_ENDS 5

void remote_helper_init(RemoteHelper *helper, const RemoteRequest *request)
{
	*helper = (RemoteHelper){
		.program = g_strdup(request->program),
		.user = g_strdup(request->user),
		.words = g_byte_array_new(),
		.waiting = request->waiting,
		.user_data = request->user_data,
		.process = { .fd = -1 },
	};
	g_byte_array_append(helper->words, request->words->data, request->words->len);
}

void remote_helper_clear(RemoteHelper *helper)
{
	process_helper_end(&helper->process);
	g_byte_array_unref(helper->words);
	g_free(helper->program);
	g_free(helper->user);
}

bool remote_helper_start(RemoteHelper *helper, GError **error)
{
	const char *argv[] = { helper->program, NULL };
	/* libcurl brings it along, for protocols nobody speaks here; making itself ready costs it half a MiB */
	const char *more[] = { "GNUTLS_NO_IMPLICIT_INIT", "1", NULL };

	helper->has_ended = false;
	return process_helper_start(argv, more, helper->user, &helper->process, error);
}

bool remote_helper_start_again(RemoteHelper *helper, const GError *why, GError **error)
{
	process_helper_end(&helper->process);
	if (++helper->n_ends > MOST_ENDS)
		return fail(error, FAILURE_TOOL, "rauc-fetch has ended %u times: %s",
		            helper->n_ends, why->message);
	g_warning("rauc-fetch has ended, though it was not told to (%s): it is started again",
	          why->message);
	/* Where several tries are made at all, nothing that was read shall be lost for want of one. */
	if (helper->n_ends == 1 &&
	    !wire_find(helper->words->data, helper->words->len, "open-tries"))
		wire_add_number(helper->words, "open-tries", G_MAXINT32);
	return remote_helper_start(helper, error);
}

/* --- What comes ----------------------------------------------------------------- */

static bool has_words(const WireHead *head)
{
	return head->type == WIRE_FAILED || head->type == WIRE_WAITING ||
	       head->type == WIRE_STATS || head->type == WIRE_OPENED;
}

static unsigned find_unsigned(const WireHead *head, const void *bytes, const char *key)
{
	return (unsigned)MIN(wire_find_number(bytes, head->size, key), G_MAXINT);
}

static RemoteWaiting make_waiting(const WireHead *head, const void *bytes)
{
	const char *message = wire_find(bytes, head->size, "message");
	const char *reason = wire_find(bytes, head->size, "reason");

	return (RemoteWaiting){ .message = message ? message : "waiting for network",
		                .reason = reason ? reason : "",
		                .seconds = find_unsigned(head, bytes, "seconds"),
		                .attempt = find_unsigned(head, bytes, "attempt") };
}

static void tell(const RemoteHelper *helper, const WireHead *head, const void *bytes)
{
	if (!helper->waiting)
		return;
	if (head->type == WIRE_WAITING) {
		RemoteWaiting waiting = make_waiting(head, bytes);

		helper->waiting(helper->user_data, &waiting);
	} else if (head->type == WIRE_GOING) {
		helper->waiting(helper->user_data, NULL);
	}
}

/* `ok`, and if not, whether the other process is gone. */
static bool note_end(RemoteHelper *helper, bool ok, GError *why, GError **error)
{
	if (ok)
		return true;
	helper->has_ended = g_error_matches(why, FAILURE, FAILURE_IO);
	g_propagate_error(error, why);
	return false;
}

bool remote_helper_receive_head(RemoteHelper *helper, WireHead *head, GError **error)
{
	GError *why = NULL;
	bool ok = wire_receive_head(helper->process.fd, head, &why);

	return note_end(helper, ok, why, error);
}

bool remote_helper_receive_parts(RemoteHelper *helper, struct iovec *parts, unsigned n,
                                 GError **error)
{
	GError *why = NULL;
	bool ok = wire_receive_parts(helper->process.fd, parts, n, &why);

	return note_end(helper, ok, why, error);
}

bool remote_helper_receive_rest(RemoteHelper *helper, const WireHead *head, void **bytes,
                                GError **error)
{
	g_autofree void *got = head->size ? g_malloc(head->size) : NULL;
	struct iovec part = { got, head->size };

	if (head->size && !remote_helper_receive_parts(helper, &part, 1, error))
		return false;
	if (has_words(head) && !wire_words_check(got, head->size, error))
		return false;
	tell(helper, head, got);
	*bytes = g_steal_pointer(&got);
	return true;
}

bool remote_helper_receive(RemoteHelper *helper, WireHead *head, void **bytes, GError **error)
{
	return remote_helper_receive_head(helper, head, error) &&
	       remote_helper_receive_rest(helper, head, bytes, error);
}

GError *remote_helper_failure(const WireHead *head, const void *bytes)
{
	const char *message = wire_find(bytes, head->size, "message");
	const char *name = wire_find(bytes, head->size, "code");
	Failure why = FAILURE_NETWORK;
	GError *error = NULL;

	failure_by_name(name ? name : "", &why);
	fail(&error, why, "%s", message ? message : "rauc-fetch does not say why it failed");
	return error;
}

RemoteStats remote_helper_stats(const WireHead *head, const void *bytes, const RemoteStats *earlier)
{
	return (RemoteStats){
		.requests = earlier->requests + wire_find_number(bytes, head->size, "requests"),
		.bytes = earlier->bytes + wire_find_number(bytes, head->size, "bytes"),
		.retries = earlier->retries + wire_find_number(bytes, head->size, "retries"),
		.waited_ms = earlier->waited_ms + wire_find_number(bytes, head->size, "waited-ms"),
	};
}

/* --- Opening -------------------------------------------------------------------- */

static bool take_opened(const WireHead *head, const void *bytes, RemoteInfo *info,
                        uint64_t *file_size, GError **error)
{
	const char *url = wire_find(bytes, head->size, "url");
	const char *etag = wire_find(bytes, head->size, "etag");
	const char *http = wire_find(bytes, head->size, "http");
	uint64_t size = wire_find_number(bytes, head->size, "size");

	if (!url || !size || size > G_MAXINT64)
		return fail(error, FAILURE_FORMAT, "rauc-fetch tells neither address nor size");
	*file_size = size;
	*info = (RemoteInfo){
		.url = g_strdup(url),
		.etag = g_strdup(etag ? etag : ""),
		.modified = wire_find_number(bytes, head->size, "modified"),
		.date = wire_find_number(bytes, head->size, "date"),
		.is_http2 = g_strcmp0(http, "2") == 0,
		.has_ranges = g_strcmp0(wire_find(bytes, head->size, "ranges"), "no") != 0,
	};
	return true;
}

bool remote_helper_open(RemoteHelper *helper, RemoteInfo *info, uint64_t *size, GError **error)
{
	/* one that has ended is met when it is heard */
	wire_send(helper->process.fd, WIRE_OPEN, 0, helper->words->data, helper->words->len, NULL);
	for (;;) {
		WireHead head;
		g_autofree void *bytes = NULL;

		if (!remote_helper_receive(helper, &head, &bytes, error))
			return false;
		if (head.type == WIRE_OPENED) {
			helper->was_open = true;
			return take_opened(&head, bytes, info, size, error);
		}
		if (head.type == WIRE_FAILED) {
			helper->http = find_unsigned(&head, bytes, "http");
			g_propagate_error(error, remote_helper_failure(&head, bytes));
			return false;
		}
	}
}

void remote_helper_clear_info(RemoteInfo *info)
{
	g_clear_pointer(&info->url, g_free);
	g_clear_pointer(&info->etag, g_free);
}

bool remote_helper_is_same(const RemoteInfo *a, const RemoteInfo *b)
{
	return g_str_equal(a->etag, b->etag) && a->modified == b->modified &&
	       a->has_ranges == b->has_ranges;
}
