/* SPDX-License-Identifier: MIT */

/*
 * Two kinds of threads: readers, who look for their pieces and wait, and one that hears rauc-fetch and
 * puts down what comes. Between them one lock, around what source/remote_streams decides.
 *
 * A rauc-fetch that ends by itself, as when memory ran out and the kernel chose it, is as little a reason
 * to fail as a network that does: the listener starts another, which goes on with every stream where
 * the first one ended. What was to be said to the first is part of that, and stays unsaid.
 * `sending` is locked before `lock`, never after.
 */

#include "source/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "source/remote_helper.h"
#include "source/remote_store.h"
#include "source/remote_streams.h"

#define PIECE    REMOTE_PIECE
#define PATIENCE (100 * G_TIME_SPAN_MILLISECOND)

#define HEAD_SIZE  4096        /* the superblock of a squashfs */
#define TAIL_SIZE  (12 * 1024) /* a signature, and a bit of the hash tree */
#define LAST_WORDS 1000        /* ms */

/* Without ranges: of so many bytes one of the end is kept, hash tree and all, and so many besides. */
#define KEPT_OF    120
#define KEPT_MORE  (1024 * 1024)
#define KEPT_STEP  (64 * 1024)
#define MOST_BEGUN 8

/* One who waits for a piece, and is woken when it has come: not for each message, as that costs more than what it brings. */
typedef struct Waiter {
	uint64_t goal;
	GCond ready;
	struct Waiter *next;
} Waiter;

typedef struct {
	Source source;
	RemoteInfo info;
	Source *kept; /* what lies from `kept_at` on, on a server without ranges */
	uint64_t kept_at;
	GThread *listener;
	void (*fetched)(void *user_data, const RemoteStats *stats);
	void *user_data;
	Cancel *cancel;
	CancelWatch watch;

	GMutex sending;
	RemoteHelper helper; /* replaced under both locks */
	bool is_open;        /* the helper */

	GMutex lock;
	bool is_ending;         /* we */
	bool is_heard, is_over; /* there is a listener; it has ended */
	GCond ended;            /* is_over */
	Waiter *waiters;
	RemoteStreams *streams;
	RemoteStats stats, earlier; /* those of helpers that have ended are in both */
	GError *failed;             /* nothing will come any more */
} RemoteSource;

static void say_all(RemoteSource *remote, const GArray *words)
{
	for (unsigned i = 0; words && i < words->len; i++) {
		const RemoteWord *word = &g_array_index(words, RemoteWord, i);
		bool is_read = word->type == WIRE_READ;
		size_t size = is_read                     ? sizeof(word->read)
		              : word->type == WIRE_CREDIT ? sizeof(word->read.credit)
		                                          : 0;

		/* a failure is noticed by the listener */
		wire_send(remote->helper.process.fd, word->type, word->id,
		          is_read ? (const void *)&word->read : &word->read.credit, size, NULL);
	}
}

/* Locked, but not while it sends: a full socket must not keep the listener from emptying the other direction. */
static void say_words(RemoteSource *remote)
{
	g_mutex_unlock(&remote->lock);
	g_mutex_lock(&remote->sending); /* words go in the order they were taken in */
	g_mutex_lock(&remote->lock);
	g_autoptr(GArray) words = remote_streams_take_words(remote->streams);
	g_mutex_unlock(&remote->lock);
	if (remote->is_open)
		say_all(remote, words);
	g_mutex_unlock(&remote->sending);
	g_mutex_lock(&remote->lock);
}

/* Those who have, or will never get, what they wait for; locked. */
static void wake(RemoteSource *remote, bool all)
{
	for (Waiter *waiter = remote->waiters; waiter; waiter = waiter->next) {
		if (all || !remote_streams_awaits(remote->streams, waiter->goal))
			g_cond_signal(&waiter->ready);
	}
}

/* Locked. Was it in time? */
static bool wait_until(RemoteSource *remote, uint64_t goal, gint64 end)
{
	Waiter waiter = { .goal = goal, .next = remote->waiters }, **place = &remote->waiters;

	g_cond_init(&waiter.ready);
	remote->waiters = &waiter;
	bool in_time = g_cond_wait_until(&waiter.ready, &remote->lock, end);
	while (*place != &waiter)
		place = &(*place)->next;
	*place = waiter.next;
	g_cond_clear(&waiter.ready);
	return in_time;
}

/* --- What comes ----------------------------------------------------------------- */

static bool throw_away(RemoteSource *remote, size_t size, GError **error)
{
	uint8_t bytes[PIECE];
	bool ok = true;

	while (ok && size > 0) {
		size_t n = MIN(size, sizeof(bytes));
		struct iovec part = { bytes, n };

		ok = remote_helper_receive_parts(&remote->helper, &part, 1, error);
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
	ok = remote_helper_receive_parts(&remote->helper, parts, landing.n, error);
	g_mutex_lock(&remote->lock);
	if (ok)
		remote_streams_land(remote->streams, head->id, head->size, &landing);
	else
		remote_streams_abandon(remote->streams, head->id, &landing);
	wake(remote, false);
	g_mutex_unlock(&remote->lock);
	return ok;
}

/* Locked. */
static bool take(RemoteSource *remote, const WireHead *head, const void *bytes, GError **error)
{
	switch (head->type) {
	case WIRE_DONE:
		if (!remote_streams_end(remote->streams, head->id, error))
			return false;
		wake(remote, false);
		return true;
	case WIRE_FAILED:
		g_propagate_error(error, remote_helper_failure(head, bytes));
		return false;
	case WIRE_STATS:
		remote->stats = remote_helper_stats(head, bytes, &remote->earlier);
		remote->stats.size = remote->source.size;
		return true;
	case WIRE_WAITING:
	case WIRE_GOING:
		return true;
	default:
		return fail(error, FAILURE_FORMAT, "rauc-fetch sent a message of type %u",
		            head->type);
	}
}

/* Every stream goes on with the new helper. */
static void resume_streams(RemoteSource *remote)
{
	g_mutex_lock(&remote->sending);
	g_mutex_lock(&remote->lock);
	remote->is_open = true;
	remote->earlier = remote->stats;
	remote_streams_resume(remote->streams);
	g_autoptr(GArray) words = remote_streams_take_words(remote->streams);
	g_mutex_unlock(&remote->lock);
	say_all(remote, words); /* should this one have ended too, that will be heard */
	g_mutex_unlock(&remote->sending);
}

/* Another process for one that has ended; it is open to nobody yet. */
static bool replace_helper(RemoteSource *remote, const GError *why, GError **error)
{
	g_mutex_lock(&remote->sending);
	g_mutex_lock(&remote->lock);
	remote->is_open = false;
	bool ok = remote->is_ending ? fail(error, FAILURE_IO, "the bundle is closed")
	                            : remote_helper_start_again(&remote->helper, why, error);
	g_mutex_unlock(&remote->lock);
	g_mutex_unlock(&remote->sending);
	return ok;
}

/* By this process or another one. */
static bool open_helper(RemoteSource *remote, RemoteInfo *info, uint64_t *size, GError **error)
{
	for (;;) {
		g_autoptr(GError) why = NULL;

		if (remote_helper_open(&remote->helper, info, size, &why))
			return true;
		if (!remote->helper.has_ended) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		if (!replace_helper(remote, why, error))
			return false;
	}
}

static bool start_again(RemoteSource *remote, const GError *why, GError **error)
{
	g_auto(RemoteInfo) info = { 0 };
	uint64_t size;

	if (!replace_helper(remote, why, error) || !open_helper(remote, &info, &size, error))
		return false;
	if (size != remote->source.size || !remote_helper_is_same(&info, &remote->info))
		return fail(error, FAILURE_INTEGRITY,
		            "the bundle has changed on the server while it was read");
	resume_streams(remote);
	return true;
}

/* The next message, and what it brings. */
static bool hear(RemoteSource *remote, GError **error)
{
	WireHead head;
	g_autofree void *bytes = NULL;

	if (!remote_helper_receive_head(&remote->helper, &head, error))
		return false;
	if (head.type == WIRE_DATA)
		return take_data(remote, &head, error);
	if (!remote_helper_receive_rest(&remote->helper, &head, &bytes, error))
		return false;
	g_mutex_lock(&remote->lock);
	bool ok = take(remote, &head, bytes, error);
	if (remote_streams_has_words(remote->streams))
		say_words(remote);
	g_mutex_unlock(&remote->lock);
	if (head.type == WIRE_STATS && remote->fetched)
		remote->fetched(remote->user_data, &remote->stats); /* nobody else changes them */
	return ok;
}

static gpointer listen_to(gpointer user)
{
	RemoteSource *remote = user;
	GError *error = NULL;

	while (!error) {
		g_autoptr(GError) why = NULL;

		if (hear(remote, &why))
			continue;
		if (remote->helper.has_ended)
			start_again(remote, why, &error);
		else
			error = g_steal_pointer(&why);
	}
	g_mutex_lock(&remote->lock);
	if (!remote->failed)
		remote->failed = g_steal_pointer(&error);
	g_clear_error(&error);
	remote->is_over = true;
	wake(remote, true);
	g_cond_signal(&remote->ended);
	g_mutex_unlock(&remote->lock);
	return NULL;
}

/* From any thread: who reads is told why, who hears meets the end of the socket; a listener hears what
 * the other side says last. */
static void give_up(void *user, const GError *why)
{
	RemoteSource *remote = user;

	g_mutex_lock(&remote->lock);
	if (!remote->failed)
		remote->failed = g_error_copy(why);
	remote->is_ending = true;
	shutdown(remote->helper.process.fd, remote->is_heard ? SHUT_WR : SHUT_RDWR);
	wake(remote, true);
	g_mutex_unlock(&remote->lock);
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
		if (remote_streams_begun(remote->streams) > MOST_BEGUN) {
			fail(error, FAILURE_UNSUPPORTED,
			     "range requests not supported by server, and the bundle would have to be "
			     "fetched from its beginning more than %d times",
			     MOST_BEGUN);
			return NULL;
		}
		if (is_late)
			remote_streams_insist(remote->streams, number);
		if (remote_streams_has_words(remote->streams)) {
			say_words(remote); /* meanwhile it may have come */
			continue;
		}
		is_late = !wait_until(remote, remote_streams_goal(remote->streams, number, last),
		                      g_get_monotonic_time() + PATIENCE);
	}
}

static bool read_streams(RemoteSource *remote, void *to, size_t size, uint64_t at, GError **error)
{
	uint8_t *out = to;

	g_mutex_lock(&remote->lock);
	while (size > 0) {
		const uint8_t *piece = wait_for(remote, at / PIECE, (at + size - 1) / PIECE, error);

		if (!piece)
			break;
		size_t offset = at % PIECE, n = MIN(size, PIECE - offset);
		memcpy(out, piece + offset, n);
		if (n == size)
			remote_streams_keep(remote->streams, at / PIECE);
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

static bool remote_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	RemoteSource *remote = (RemoteSource *)source;
	size_t n = size;

	if (remote->kept && at + size > remote->kept_at)
		n = at < remote->kept_at ? (size_t)(remote->kept_at - at) : 0;
	return (n == 0 || read_streams(remote, to, n, at, error)) &&
	       (n == size || source_read_at(remote->kept, (uint8_t *)to + n, size - n,
	                                    at + n - remote->kept_at, error));
}

/* Asked for when somebody reads next, so that what belongs together comes together. */
static void remote_prefetch(Source *source, uint64_t size, uint64_t at)
{
	RemoteSource *remote = (RemoteSource *)source;

	g_mutex_lock(&remote->lock);
	remote_streams_plan(remote->streams, size, at);
	g_mutex_unlock(&remote->lock);
}

/* The other side says at the end what it has done, if it does so at once. */
static void end_listener(RemoteSource *remote)
{
	gint64 end = g_get_monotonic_time() + LAST_WORDS * G_TIME_SPAN_MILLISECOND;

	g_mutex_lock(&remote->lock);
	remote->is_ending = true;
	shutdown(remote->helper.process.fd, SHUT_WR);
	while (!remote->is_over && g_cond_wait_until(&remote->ended, &remote->lock, end))
		;
	/* the listener meets the end of the socket */
	shutdown(remote->helper.process.fd, SHUT_RDWR);
	g_mutex_unlock(&remote->lock);
	g_thread_join(remote->listener);
}

static void remote_free(Source *source)
{
	RemoteSource *remote = (RemoteSource *)source;

	cancel_unwatch(remote->cancel, &remote->watch);
	if (remote->listener)
		end_listener(remote);
	remote_helper_clear(&remote->helper);
	remote_streams_free(remote->streams);
	source_unref(remote->kept);
	g_clear_error(&remote->failed);
	g_mutex_clear(&remote->lock);
	g_mutex_clear(&remote->sending);
	g_cond_clear(&remote->ended);
	remote_helper_clear_info(&remote->info);
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
	remote->fetched = request->fetched;
	remote->user_data = request->user_data;
	remote->cancel = request->cancel;
	remote->watch = (CancelWatch){ give_up, remote };
	remote_helper_init(&remote->helper, request);
	g_mutex_init(&remote->lock);
	g_mutex_init(&remote->sending);
	g_cond_init(&remote->ended);
	return remote;
}

/* What is read first of all, in the order it is read: one round trip instead of five. */
static void plan_ends(RemoteSource *remote)
{
	uint64_t size = remote->source.size;

	if (size > TAIL_SIZE)
		source_prefetch(&remote->source, TAIL_SIZE, size - TAIL_SIZE);
	source_prefetch(&remote->source, MIN(HEAD_SIZE, size), 0);
}

/* A file without a name. */
static int make_file(const char *folder, GError **error)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) {
		g_autofree char *path = g_build_filename(folder, ".rauc-XXXXXX", NULL);

		fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		fail_errno(error, "cannot make a file in %s", folder);
	return fd;
}

static bool keep_bytes(RemoteSource *remote, int fd, GError **error)
{
	uint64_t end = remote->source.size;
	g_autofree uint8_t *bytes = g_malloc(KEPT_STEP);

	for (uint64_t at = remote->kept_at; at < end; at += KEPT_STEP) {
		size_t n = (size_t)MIN(KEPT_STEP, end - at);

		if (!read_streams(remote, bytes, n, at, error))
			return false;
		if (!fd_write(fd, bytes, n, "a file for the end of the bundle", error))
			return false;
	}
	return true;
}

/* The server knows no ranges: the first time through the bundle is for its end. */
static bool keep_end(RemoteSource *remote, const char *folder, GError **error)
{
	uint64_t size = remote->source.size, n = size / KEPT_OF + KEPT_MORE;
	const char *place = folder && access(folder, W_OK) == 0 ? folder : g_get_tmp_dir();
	fd_auto int fd = make_file(place, error);

	if (fd < 0)
		return false;
	remote->kept_at = size > n ? (size - n) / PIECE * PIECE : 0;
	g_message("%s knows no range requests: the bundle is fetched from beginning to end%s; "
	          "%" G_GUINT64_FORMAT " KiB of it are kept in %s meanwhile",
	          remote->info.url, remote->kept_at ? ", twice" : "",
	          (size - remote->kept_at + 1023) / 1024, place);
	remote_streams_go_in_order(remote->streams, (size + PIECE - 1) / PIECE);
	if (!keep_bytes(remote, fd, error))
		return false;
	remote_streams_go_in_order(remote->streams, remote->kept_at / PIECE);
	remote->kept = source_file_take(fd_steal(&fd), place, error);
	return remote->kept != NULL;
}

Source *source_remote_open(const RemoteRequest *request, GError **error)
{
	RemoteSource *remote = remote_new(request);
	g_autoptr(Source) source = &remote->source;

	if (!remote_helper_start(&remote->helper, error))
		return NULL;
	cancel_watch(remote->cancel, &remote->watch);
	if (!open_helper(remote, &remote->info, &remote->source.size, error)) {
		cancel_blame(remote->cancel, error); /* who shut the socket down */
		if (request->http)
			*request->http = remote->helper.http;
		return NULL;
	}
	remote->streams = remote_streams_new(remote->source.size);
	if (!remote->streams)
		return fail_null(error, FAILURE_IO, "not enough memory to stream");
	remote->is_open = true;
	g_mutex_lock(&remote->lock);
	remote->is_heard = true;
	g_mutex_unlock(&remote->lock);
	remote->listener = g_thread_new("remote", listen_to, remote);
	if (!remote->info.has_ranges && !keep_end(remote, request->folder, error))
		return NULL;
	if (remote->info.has_ranges)
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
