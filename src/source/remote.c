/* SPDX-License-Identifier: MIT */

/*
 * Two kinds of threads: readers, who look for their bytes in pieces of 64 KiB and wait, and one that
 * hears rauc-fetch and puts down what comes. Between them one lock.
 *
 *     a stream: one READ                            credit ends here
 *     first         next (arrives)                   v
 *     |--- read ----|=== unread, in memory ===|......|            end
 *                                                                  |
 *
 * A stream may have AHEAD bytes that nobody has read yet, in memory or on their way; as they are
 * read, or passed by, it gets more credit. What was read is kept as long as there is room, because
 * blocks do not end where pieces do and several readers come to a piece one after the other.
 *
 * A rauc-fetch that ends by itself, as when memory ran out and the kernel chose it, is as little a reason
 * to fail as a network that does: the listener starts another, which goes on with every stream where
 * the first one ended. What was to be said to the first is of an earlier era then, and stays unsaid.
 * `sending` is locked before `lock`, never after.
 */

#include "source/remote.h"

#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "source/remote_helper.h"

#define PIECE     (64 * 1024)
#define AHEAD     (4 * 1024 * 1024)
#define MOST_KEPT 192               /* pieces: 12 MiB */
#define MOST_LEAP (8 * 1024 * 1024) /* further on in a stream than this is another request */
#define HEAD_SIZE (64 * 1024)       /* what is fetched first of all: the squashfs' superblock */
#define TAIL_SIZE (128 * 1024)      /* and signature, hash tree, tables of the squashfs */

#define LAST_WORDS 1000 /* ms */

typedef struct {
	uint64_t number;
	uint64_t used; /* a clock of uses: the least was used longest ago */
	bool is_read;
	uint8_t data[];
} Piece;

typedef struct {
	uint64_t id;
	uint64_t next, end; /* pieces: what comes next, behind the last */
	uint64_t granted;   /* pieces: up to here there is credit */
	uint64_t floor;     /* pieces: nobody waits for those before */
	Piece *filling;     /* number `next`, in part */
	size_t filled;
} Stream;

typedef struct {
	Source source;
	RemoteInfo info;
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
	GCond changed;
	GHashTable *pieces; /* number -> Piece */
	GPtrArray *streams;
	uint64_t last_id, clock;
	uint64_t era;               /* changes under both locks */
	RemoteStats stats, earlier; /* those of helpers that have ended are in both */
	GError *failed;             /* nothing will come any more */
} RemoteSource;

static uint64_t count_pieces(const RemoteSource *remote)
{
	return (remote->source.size + PIECE - 1) / PIECE;
}

static size_t piece_size(const RemoteSource *remote, uint64_t number)
{
	return (size_t)MIN(PIECE, remote->source.size - number * PIECE);
}

static void stream_free(void *data)
{
	Stream *stream = data;

	g_free(stream->filling);
	g_free(stream);
}

/* --- What is asked for ---------------------------------------------------------- */

/* Unlocks while it sends: a full socket must not keep the listener from emptying the other direction. */
static void ask(RemoteSource *remote, WireType type, uint64_t id, const void *bytes, size_t size)
{
	uint64_t era = remote->era;

	g_mutex_unlock(&remote->lock);
	g_mutex_lock(&remote->sending);
	if (remote->is_open && era == remote->era) /* a failure is noticed by the listener */
		wire_send(remote->helper.process.fd, type, id, bytes, size, NULL);
	g_mutex_unlock(&remote->sending);
	g_mutex_lock(&remote->lock);
}

static Stream *find_stream(const RemoteSource *remote, uint64_t number)
{
	for (unsigned i = 0; i < remote->streams->len; i++) {
		Stream *stream = remote->streams->pdata[i];

		if (number >= stream->next && number < stream->end &&
		    number - stream->next <= MOST_LEAP / PIECE)
			return stream;
	}
	return NULL;
}

/* Pieces [first, end), in one request. Locked; unlocks while it sends. */
static void start_stream(RemoteSource *remote, uint64_t first, uint64_t end)
{
	Stream *stream = g_new0(Stream, 1);

	stream->id = ++remote->last_id;
	stream->next = stream->floor = first;
	stream->end = end;
	stream->granted = MIN(end, first + AHEAD / PIECE);
	g_ptr_array_add(remote->streams, stream);

	WireRead read = { .at = first * PIECE };
	read.size = MIN(end * PIECE, remote->source.size) - read.at;
	read.credit = MIN(stream->granted * PIECE, remote->source.size) - read.at;
	ask(remote, WIRE_READ, stream->id, &read, sizeof(read));
}

/* Nobody waits for pieces before `floor`: more may come. Locked; unlocks while it sends. */
static void move_on(RemoteSource *remote, Stream *stream, uint64_t floor)
{
	stream->floor = MAX(stream->floor, floor);

	uint64_t granted = MIN(stream->end, stream->floor + AHEAD / PIECE);
	/* in steps: a message for each piece would be one for each 64 KiB */
	if (granted < stream->granted + AHEAD / PIECE / 4 && granted != stream->end)
		return;
	if (granted <= stream->granted)
		return;

	uint64_t more = MIN(granted * PIECE, remote->source.size) - stream->granted * PIECE;
	stream->granted = granted;
	ask(remote, WIRE_CREDIT, stream->id, &more, sizeof(more));
}

/* --- What comes ----------------------------------------------------------------- */

static void drop_oldest(RemoteSource *remote)
{
	GHashTableIter iter;
	gpointer value;
	const Piece *oldest = NULL;

	g_hash_table_iter_init(&iter, remote->pieces);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Piece *piece = value;

		if (!oldest || (piece->is_read && !oldest->is_read) ||
		    (piece->is_read == oldest->is_read && piece->used < oldest->used))
			oldest = piece;
	}
	if (oldest)
		g_hash_table_remove(remote->pieces, &oldest->number);
}

static void keep(RemoteSource *remote, Piece *piece)
{
	while (g_hash_table_size(remote->pieces) >= MOST_KEPT)
		drop_oldest(remote);
	piece->used = ++remote->clock;
	g_hash_table_replace(remote->pieces, &piece->number, piece);
}

static Stream *stream_by_id(const RemoteSource *remote, uint64_t id, unsigned *index)
{
	for (unsigned i = 0; i < remote->streams->len; i++) {
		Stream *stream = remote->streams->pdata[i];

		if (stream->id == id) {
			*index = i;
			return stream;
		}
	}
	return NULL;
}

static bool take_data(RemoteSource *remote, const WireHead *head, const uint8_t *bytes,
                      GError **error)
{
	unsigned index;
	size_t left = head->size;
	Stream *stream = stream_by_id(remote, head->id, &index);

	while (stream && left > 0) {
		if (stream->next >= stream->end)
			return fail(error, FAILURE_FORMAT,
			            "rauc-fetch sent more than was asked for");
		if (!stream->filling) {
			stream->filling = g_malloc0(sizeof(Piece) + PIECE);
			stream->filling->number = stream->next;
		}
		size_t size = piece_size(remote, stream->next),
		       n = MIN(left, size - stream->filled);

		memcpy(stream->filling->data + stream->filled, bytes, n);
		bytes += n;
		left -= n;
		stream->filled += n;
		if (stream->filled < size)
			continue;
		keep(remote, g_steal_pointer(&stream->filling));
		stream->filled = 0;
		stream->next++;
		g_cond_broadcast(&remote->changed);
	}
	return true;
}

/* Locked. */
static bool take(RemoteSource *remote, const WireHead *head, const void *bytes, GError **error)
{
	unsigned index;

	switch (head->type) {
	case WIRE_DATA:
		return take_data(remote, head, bytes, error);
	case WIRE_DONE:
		if (stream_by_id(remote, head->id, &index))
			g_ptr_array_remove_index(remote->streams, index);
		g_cond_broadcast(&remote->changed);
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

/* What a stream has not got yet, as a request of its own. */
static WireRead rest_of(const RemoteSource *remote, const Stream *stream)
{
	uint64_t size = remote->source.size, at = MIN(stream->next * PIECE + stream->filled, size);

	return (WireRead){ .at = at,
		           .size = MIN(stream->end * PIECE, size) - at,
		           .credit = MIN(stream->granted * PIECE, size) - at };
}

/* Every stream goes on with the new helper. What readers still want to tell the old one is part of it. */
static void resume_streams(RemoteSource *remote)
{
	g_mutex_lock(&remote->sending);
	g_mutex_lock(&remote->lock);
	remote->era++;
	remote->is_open = true;
	remote->earlier = remote->stats;
	for (unsigned i = 0; i < remote->streams->len; i++) {
		const Stream *stream = remote->streams->pdata[i];
		WireRead rest = rest_of(remote, stream);

		/* should this one have ended too, that will be heard */
		wire_send(remote->helper.process.fd, WIRE_READ, stream->id, &rest, sizeof(rest),
		          NULL);
	}
	g_mutex_unlock(&remote->lock);
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

/* The next message, by whichever helper. */
static bool hear(RemoteSource *remote, WireHead *head, void **bytes, GError **error)
{
	for (;;) {
		g_autoptr(GError) why = NULL;

		if (remote_helper_receive(&remote->helper, head, bytes, &why))
			return true;
		if (!remote->helper.has_ended) {
			g_propagate_error(error, g_steal_pointer(&why));
			return false;
		}
		if (!start_again(remote, why, error))
			return false;
	}
}

static gpointer listen_to(gpointer user)
{
	RemoteSource *remote = user;
	g_autoptr(GError) error = NULL;
	bool ok = true;

	while (ok) {
		WireHead head;
		g_autofree void *bytes = NULL;

		ok = hear(remote, &head, &bytes, &error);
		if (!ok)
			break;
		g_mutex_lock(&remote->lock);
		ok = take(remote, &head, bytes, &error);
		g_mutex_unlock(&remote->lock);
		/* nobody else changes them */
		if (head.type == WIRE_STATS && remote->fetched)
			remote->fetched(remote->user_data, &remote->stats);
	}
	g_mutex_lock(&remote->lock);
	if (!remote->failed)
		remote->failed = g_steal_pointer(&error);
	remote->is_over = true;
	g_cond_broadcast(&remote->changed);
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
	g_cond_broadcast(&remote->changed);
	g_mutex_unlock(&remote->lock);
}

/* --- Reading -------------------------------------------------------------------- */

/* The piece, or NULL after something has changed or failed. Locked. */
static Piece *wait_for(RemoteSource *remote, uint64_t number, uint64_t last, GError **error)
{
	for (;;) {
		Piece *piece = g_hash_table_lookup(remote->pieces, &number);

		if (piece)
			return piece;
		if (remote->failed) {
			g_propagate_error(error, g_error_copy(remote->failed));
			return NULL;
		}

		Stream *stream = find_stream(remote, number);
		if (stream)
			move_on(remote, stream, number);
		else
			start_stream(remote, number, last + 1);
		if (!g_hash_table_contains(remote->pieces, &number) && !remote->failed)
			g_cond_wait(&remote->changed, &remote->lock);
	}
}

static void was_read(RemoteSource *remote, Piece *piece)
{
	piece->used = ++remote->clock;
	piece->is_read = true;
}

static bool remote_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	RemoteSource *remote = (RemoteSource *)source;
	uint8_t *out = to;

	g_mutex_lock(&remote->lock);
	while (size > 0) {
		uint64_t number = at / PIECE, last = (at + size - 1) / PIECE;
		Piece *piece = wait_for(remote, number, last, error);

		if (!piece)
			break;
		size_t offset = at % PIECE, n = MIN(size, PIECE - offset);
		memcpy(out, piece->data + offset, n);
		was_read(remote, piece);
		out += n;
		at += n;
		size -= n;

		Stream *stream = NULL;
		for (unsigned i = 0; i < remote->streams->len && !stream; i++) {
			Stream *each = remote->streams->pdata[i];

			if (number >= each->floor && number < each->next)
				stream = each;
		}
		if (stream)
			move_on(remote, stream, number);
	}
	g_mutex_unlock(&remote->lock);
	return size == 0;
}

static bool is_coming(RemoteSource *remote, uint64_t number)
{
	return g_hash_table_contains(remote->pieces, &number) || find_stream(remote, number);
}

/* One request for all of it that nobody has asked for yet. */
static void remote_prefetch(Source *source, uint64_t size, uint64_t at)
{
	RemoteSource *remote = (RemoteSource *)source;
	uint64_t first = at / PIECE, end = (at + size + PIECE - 1) / PIECE;

	if (size < PIECE || at >= source->size)
		return; /* comes soon enough when it is read */
	end = MIN(end, count_pieces(remote));
	g_mutex_lock(&remote->lock);
	while (first < end && is_coming(remote, first))
		first++;
	while (first < end && is_coming(remote, end - 1))
		end--;
	if (first < end && !remote->failed)
		start_stream(remote, first, end);
	g_mutex_unlock(&remote->lock);
}

/* The other side says at the end what it has done, if it does so at once. */
static void end_listener(RemoteSource *remote)
{
	gint64 end = g_get_monotonic_time() + LAST_WORDS * G_TIME_SPAN_MILLISECOND;

	g_mutex_lock(&remote->lock);
	remote->is_ending = true;
	shutdown(remote->helper.process.fd, SHUT_WR);
	while (!remote->is_over && g_cond_wait_until(&remote->changed, &remote->lock, end))
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
	g_ptr_array_unref(remote->streams);
	g_hash_table_unref(remote->pieces);
	g_clear_error(&remote->failed);
	g_mutex_clear(&remote->lock);
	g_mutex_clear(&remote->sending);
	g_cond_clear(&remote->changed);
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
	remote->pieces = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
	remote->streams = g_ptr_array_new_with_free_func(stream_free);
	g_mutex_init(&remote->lock);
	g_mutex_init(&remote->sending);
	g_cond_init(&remote->changed);
	return remote;
}

/* What is read first of all, while nobody has asked for it yet: one round trip instead of five. */
static void fetch_ends(RemoteSource *remote)
{
	uint64_t size = remote->source.size;

	source_prefetch(&remote->source, MIN(HEAD_SIZE, size), 0);
	if (size > TAIL_SIZE)
		source_prefetch(&remote->source, TAIL_SIZE, size - TAIL_SIZE);
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
		return NULL;
	}
	remote->is_open = true;
	g_mutex_lock(&remote->lock);
	remote->is_heard = true;
	g_mutex_unlock(&remote->lock);
	remote->listener = g_thread_new("remote", listen_to, remote);
	fetch_ends(remote);
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
