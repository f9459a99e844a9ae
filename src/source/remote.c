/* SPDX-License-Identifier: MIT */

/*
 * Two kinds of threads: readers, who look for their pieces and wait, and one that hears rauc-fetch and
 * puts down what comes. Between them one lock, around what source/remote_streams decides.
 */

#include "source/remote.h"

#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/process.h"
#include "source/remote_store.h"
#include "source/remote_streams.h"

#define PIECE    REMOTE_PIECE
#define PATIENCE (100 * G_TIME_SPAN_MILLISECOND)

#define HEAD_SIZE 4096        /* the superblock of a squashfs */
#define TAIL_SIZE (12 * 1024) /* a signature, and a bit of the hash tree */

typedef struct {
	Source source;
	RemoteInfo info;
	ProcessHelper helper;
	GThread *listener;
	void (*waiting)(void *user_data, const char *text);
	void *user_data;

	GMutex lock, sending;
	GCond changed;
	RemoteStreams *streams;
	RemoteStats stats;
	GError *failed; /* nothing will come any more */
} RemoteSource;

/* Locked, but not while it sends: a full socket must not keep the listener from emptying the other direction. */
static void say_words(RemoteSource *remote)
{
	g_mutex_unlock(&remote->lock);
	g_mutex_lock(&remote->sending); /* words go in the order they were taken in */
	g_mutex_lock(&remote->lock);
	g_autoptr(GArray) words = remote_streams_take_words(remote->streams);
	g_mutex_unlock(&remote->lock);
	for (unsigned i = 0; words && i < words->len; i++) {
		const RemoteWord *word = &g_array_index(words, RemoteWord, i);
		const void *bytes =
			word->type == WIRE_READ ? (const void *)&word->read : &word->read.credit;
		size_t size = word->type == WIRE_READ     ? sizeof(word->read)
		              : word->type == WIRE_CREDIT ? sizeof(word->read.credit)
		                                          : 0;

		/* a failure is noticed by the listener */
		wire_send(remote->helper.fd, word->type, word->id, bytes, size, NULL);
	}
	g_mutex_unlock(&remote->sending);
	g_mutex_lock(&remote->lock);
}

/* --- What comes ----------------------------------------------------------------- */

static bool throw_away(RemoteSource *remote, size_t size, GError **error)
{
	uint8_t bytes[PIECE];
	bool ok = true;

	while (ok && size > 0) {
		size_t n = MIN(size, sizeof(bytes));
		struct iovec part = { bytes, n };

		ok = wire_receive_parts(remote->helper.fd, &part, 1, error);
		size -= n;
	}
	return ok;
}

/* From the socket to where they stay. */
static bool take_data(RemoteSource *remote, const WireHead *head, GError **error)
{
	RemoteLanding landing;
	struct iovec parts[REMOTE_MOST_PARTS];

	g_mutex_lock(&remote->lock);
	bool ok = remote_streams_prepare(remote->streams, head->id, head->size, &landing, error);
	g_mutex_unlock(&remote->lock);
	if (!ok)
		return false;
	if (landing.n == 0)
		return throw_away(remote, head->size, error);
	memcpy(parts, landing.parts, sizeof(parts[0]) * landing.n);
	if (!wire_receive_parts(remote->helper.fd, parts, landing.n, error))
		return false;
	g_mutex_lock(&remote->lock);
	remote_streams_land(remote->streams, head->id, head->size, &landing);
	g_cond_broadcast(&remote->changed);
	g_mutex_unlock(&remote->lock);
	return true;
}

static GError *make_error(const WireHead *head, const void *bytes)
{
	const char *message = wire_find(bytes, head->size, "message");
	const char *name = wire_find(bytes, head->size, "code");
	Failure why = FAILURE_NETWORK;
	GError *error = NULL;

	failure_by_name(name ? name : "", &why);
	fail(&error, why, "%s", message ? message : "rauc-fetch does not say why it failed");
	return error;
}

static void take_stats(RemoteSource *remote, const WireHead *head, const void *bytes)
{
	remote->stats = (RemoteStats){
		.requests = wire_find_number(bytes, head->size, "requests"),
		.bytes = wire_find_number(bytes, head->size, "bytes"),
		.retries = wire_find_number(bytes, head->size, "retries"),
		.waited_ms = wire_find_number(bytes, head->size, "waited-ms"),
	};
}

/* Locked. What is for the person who waits is told by the caller, without the lock. */
static bool take(RemoteSource *remote, const WireHead *head, const void *bytes, GError **error)
{
	switch (head->type) {
	case WIRE_DONE:
		if (!remote_streams_end(remote->streams, head->id, error))
			return false;
		g_cond_broadcast(&remote->changed);
		return true;
	case WIRE_FAILED:
		g_propagate_error(error, make_error(head, bytes));
		return false;
	case WIRE_STATS:
		take_stats(remote, head, bytes);
		return true;
	case WIRE_WAITING:
	case WIRE_GOING:
		return true;
	default:
		return fail(error, FAILURE_FORMAT, "rauc-fetch sent a message of type %u",
		            head->type);
	}
}

static bool has_words(const WireHead *head)
{
	return head->type == WIRE_FAILED || head->type == WIRE_WAITING ||
	       head->type == WIRE_STATS || head->type == WIRE_OPENED;
}

static void tell(const RemoteSource *remote, const WireHead *head, const void *bytes)
{
	if (!remote->waiting)
		return;
	if (head->type == WIRE_WAITING) {
		const char *text = wire_find(bytes, head->size, "message");

		remote->waiting(remote->user_data, text ? text : "waiting for network");
	} else if (head->type == WIRE_GOING) {
		remote->waiting(remote->user_data, NULL);
	}
}

/* All but DATA. */
static bool take_message(RemoteSource *remote, const WireHead *head, GError **error)
{
	g_autofree char *bytes = head->size ? g_malloc(head->size) : NULL;
	struct iovec part = { bytes, head->size };

	if ((bytes && !wire_receive_parts(remote->helper.fd, &part, 1, error)) ||
	    (has_words(head) && !wire_words_check(bytes, head->size, error)))
		return false;
	g_mutex_lock(&remote->lock);
	bool ok = take(remote, head, bytes, error);
	if (remote_streams_has_words(remote->streams))
		say_words(remote);
	g_mutex_unlock(&remote->lock);
	tell(remote, head, bytes);
	return ok;
}

static gpointer listen_to(gpointer user)
{
	RemoteSource *remote = user;
	g_autoptr(GError) error = NULL;
	WireHead head;

	while (wire_receive_head(remote->helper.fd, &head, &error) &&
	       (head.type == WIRE_DATA ? take_data(remote, &head, &error)
	                               : take_message(remote, &head, &error)))
		;
	g_mutex_lock(&remote->lock);
	remote->failed = g_steal_pointer(&error);
	g_cond_broadcast(&remote->changed);
	g_mutex_unlock(&remote->lock);
	return NULL;
}

/* --- Reading -------------------------------------------------------------------- */

/* The piece, or NULL after something has failed. Locked. */
static const uint8_t *wait_for(RemoteSource *remote, uint64_t number, uint64_t last, GError **error)
{
	for (bool is_late = false;;) {
		const uint8_t *piece = remote_streams_read(remote->streams, number);

		if (piece)
			return piece;
		if (remote->failed) {
			g_propagate_error(error, g_error_copy(remote->failed));
			return NULL;
		}
		remote_streams_want(remote->streams, number, last);
		if (is_late)
			remote_streams_insist(remote->streams, number);
		if (remote_streams_has_words(remote->streams)) {
			say_words(remote); /* meanwhile it may have come */
			continue;
		}
		is_late = !g_cond_wait_until(&remote->changed, &remote->lock,
		                             g_get_monotonic_time() + PATIENCE);
	}
}

static bool remote_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	RemoteSource *remote = (RemoteSource *)source;
	uint8_t *out = to;

	g_mutex_lock(&remote->lock);
	while (size > 0) {
		const uint8_t *piece = wait_for(remote, at / PIECE, (at + size - 1) / PIECE, error);

		if (!piece)
			break;
		size_t offset = at % PIECE, n = MIN(size, PIECE - offset);
		memcpy(out, piece + offset, n);
		out += n;
		at += n;
		size -= n;
	}
	remote_streams_ask(remote->streams);
	if (remote_streams_has_words(remote->streams))
		say_words(remote);
	g_mutex_unlock(&remote->lock);
	return size == 0;
}

/* Asked for when somebody reads next, so that what belongs together comes together. */
static void remote_prefetch(Source *source, uint64_t size, uint64_t at)
{
	RemoteSource *remote = (RemoteSource *)source;

	g_mutex_lock(&remote->lock);
	remote_streams_plan(remote->streams, size, at);
	g_mutex_unlock(&remote->lock);
}

static void remote_free(Source *source)
{
	RemoteSource *remote = (RemoteSource *)source;

	shutdown(remote->helper.fd, SHUT_RDWR); /* the listener meets the end of the socket */
	if (remote->listener)
		g_thread_join(remote->listener);
	process_helper_end(&remote->helper);
	remote_streams_free(remote->streams);
	g_clear_error(&remote->failed);
	g_mutex_clear(&remote->lock);
	g_mutex_clear(&remote->sending);
	g_cond_clear(&remote->changed);
	g_free(remote->info.url);
	g_free(remote->info.etag);
	g_free(remote);
}

static const SourceOps remote_ops = {
	.kind = "remote",
	.read_at = remote_read_at,
	.prefetch = remote_prefetch,
	.free = remote_free,
};

/* --- Opening -------------------------------------------------------------------- */

static RemoteSource *remote_new(const RemoteRequest *request)
{
	RemoteSource *remote = g_new0(RemoteSource, 1);

	source_init(&remote->source, &remote_ops, 0);
	remote->helper.fd = -1;
	remote->waiting = request->waiting;
	remote->user_data = request->user_data;
	g_mutex_init(&remote->lock);
	g_mutex_init(&remote->sending);
	g_cond_init(&remote->changed);
	return remote;
}

static bool take_opened(RemoteSource *remote, const WireHead *head, const void *bytes,
                        GError **error)
{
	const char *url = wire_find(bytes, head->size, "url");
	const char *etag = wire_find(bytes, head->size, "etag");
	const char *http = wire_find(bytes, head->size, "http");
	uint64_t size = wire_find_number(bytes, head->size, "size");

	if (!url || !size || size > G_MAXINT64)
		return fail(error, FAILURE_FORMAT, "rauc-fetch tells neither address nor size");
	remote->source.size = size;
	remote->info = (RemoteInfo){
		.url = g_strdup(url),
		.etag = g_strdup(etag ? etag : ""),
		.modified = wire_find_number(bytes, head->size, "modified"),
		.date = wire_find_number(bytes, head->size, "date"),
		.is_http2 = g_strcmp0(http, "2") == 0,
	};
	return true;
}

/* Until the server has answered, or will not. */
static bool wait_opened(RemoteSource *remote, GError **error)
{
	for (;;) {
		WireHead head;
		g_autofree void *bytes = NULL;

		if (!wire_receive(remote->helper.fd, &head, &bytes, error) ||
		    (has_words(&head) && !wire_words_check(bytes, head.size, error)))
			return false;
		tell(remote, &head, bytes);
		if (head.type == WIRE_OPENED)
			return take_opened(remote, &head, bytes, error);
		if (head.type == WIRE_FAILED) {
			g_propagate_error(error, make_error(&head, bytes));
			return false;
		}
	}
}

/* What is read first of all, in the order it is read: one round trip instead of five. */
static void plan_ends(RemoteSource *remote)
{
	uint64_t size = remote->source.size;

	if (size > TAIL_SIZE)
		source_prefetch(&remote->source, TAIL_SIZE, size - TAIL_SIZE);
	source_prefetch(&remote->source, MIN(HEAD_SIZE, size), 0);
}

Source *source_remote_open(const RemoteRequest *request, GError **error)
{
	const char *argv[] = { request->program, NULL };
	RemoteSource *remote = remote_new(request);
	g_autoptr(Source) source = &remote->source;

	if (!process_helper_start(argv, request->user, &remote->helper, error) ||
	    !wire_send(remote->helper.fd, WIRE_OPEN, 0, request->words->data, request->words->len,
	               error) ||
	    !wait_opened(remote, error))
		return NULL;
	remote->streams = remote_streams_new(remote->source.size);
	if (!remote->streams)
		return fail_null(error, FAILURE_IO, "not enough memory to stream");
	remote->listener = g_thread_new("remote", listen_to, remote);
	plan_ends(remote);
	return g_steal_pointer(&source);
}

const RemoteInfo *source_remote_info(const Source *source)
{
	g_assert(source->ops == &remote_ops);
	return &((const RemoteSource *)source)->info;
}

RemoteStats source_remote_stats(Source *source)
{
	RemoteSource *remote = (RemoteSource *)source;

	g_assert(source->ops == &remote_ops);
	g_mutex_lock(&remote->lock);
	RemoteStats stats = remote->stats;
	g_mutex_unlock(&remote->lock);
	return stats;
}
