/* SPDX-License-Identifier: MIT */

#include "source/remote_streams.h"

#include "base/error.h"
#include "source/remote_plan.h"
#include "source/remote_store.h"

#define PIECE REMOTE_PIECE

/* In pieces. */
#define STORE     832 /* 3.25 MiB */
#define KEEP_READ 128 /* of them for what was read: blocks do not end where pieces do */
#define AHEAD     320
#define STEP      48   /* of credit: a message for each piece would be too many */
#define LAG       512  /* readers side by side are so far apart */
#define LEAP      2048 /* further on in a stream than this is another one */
#define WINDOW    8    /* what nobody announced is read in no less than that */
#define LEAD      64   /* what is waited for begins with that credit, whatever there is room for */
#define GAP       16   /* between two extents: taken along */
#define AT_ONCE   64   /* who waits is woken for so many */
#define TABLE     32   /* whole streams of so few are likely to be read again */

#define MOST_STREAMS 32

G_STATIC_ASSERT(REMOTE_MOST_PARTS == WIRE_MAX_DATA / PIECE + 1);

typedef struct {
	uint64_t id;
	uint64_t first, next, end; /* pieces: the first, what comes next, behind the last */
	uint64_t granted;          /* pieces: up to here there is credit */
	uint64_t floor;            /* pieces: nobody waits for those before */
	bool is_table;
	uint8_t *filling; /* number `next`, in part */
	size_t filled;
} Stream;

struct RemoteStreams {
	uint64_t size, last_id;
	RemoteStore *store;
	RemotePlan *plan;
	/* What somebody will read, to the piece: streams take more along, which nobody comes for. */
	RemotePlan *wanted;
	GPtrArray *streams; /* of Stream, in the order of their turns */
	GArray *words;      /* of RemoteWord, not said yet */
	uint64_t order_end; /* 0: in any order */
	unsigned n_begun;
};

RemoteStreams *remote_streams_new(uint64_t size)
{
	RemoteStreams *streams = g_new0(RemoteStreams, 1);

	streams->size = size;
	streams->store = remote_store_new(STORE);
	streams->plan = remote_plan_new();
	streams->wanted = remote_plan_new();
	streams->streams = g_ptr_array_new_with_free_func(g_free);
	streams->words = g_array_new(FALSE, FALSE, sizeof(RemoteWord));
	if (streams->store)
		return streams;
	remote_streams_free(streams);
	return NULL;
}

void remote_streams_free(RemoteStreams *streams)
{
	if (!streams)
		return;
	remote_store_free(streams->store);
	g_array_unref(streams->plan);
	g_array_unref(streams->wanted);
	g_ptr_array_unref(streams->streams);
	g_array_unref(streams->words);
	g_free(streams);
}

static uint64_t count_pieces(const RemoteStreams *streams)
{
	return (streams->size + PIECE - 1) / PIECE;
}

/* Bytes before piece `number`, which may be the one behind the last. */
static uint64_t bytes_before(const RemoteStreams *streams, uint64_t number)
{
	return MIN(number * PIECE, streams->size);
}

/* --- What is asked for ---------------------------------------------------------- */

/* How many pieces a stream will still put into the store for somebody to read. */
static uint64_t reserved(const Stream *stream)
{
	uint64_t from = MAX(stream->next, stream->floor > LAG ? stream->floor - LAG : 0);

	return stream->granted > from ? stream->granted - from : 0;
}

static uint64_t count_room(const RemoteStreams *streams)
{
	uint64_t used = KEEP_READ + remote_store_unread(streams->store);

	for (unsigned i = 0; i < streams->streams->len; i++)
		used += reserved(streams->streams->pdata[i]);
	return used < STORE ? STORE - used : 0;
}

/* The one that has `number` still to bring. */
static Stream *find_stream(const RemoteStreams *streams, uint64_t number, uint64_t leap)
{
	for (unsigned i = 0; i < streams->streams->len; i++) {
		Stream *stream = streams->streams->pdata[i];

		if (number >= stream->next && number < stream->end && number - stream->next <= leap)
			return stream;
	}
	return NULL;
}

static bool is_coming(const RemoteStreams *streams, uint64_t number)
{
	return remote_store_has(streams->store, number) || find_stream(streams, number, LEAP);
}

static void cut_ends(const RemoteStreams *streams, uint64_t *first, uint64_t *end)
{
	while (*first < *end && is_coming(streams, *first))
		(*first)++;
	while (*first < *end && is_coming(streams, *end - 1))
		(*end)--;
}

/* All that a stream has not got yet. */
static void say_read(RemoteStreams *streams, const Stream *stream)
{
	RemoteWord word = { WIRE_READ, stream->id, { 0 } };

	word.read.at = bytes_before(streams, stream->next) + stream->filled;
	word.read.size = bytes_before(streams, stream->end) - word.read.at;
	word.read.credit = bytes_before(streams, stream->granted) - word.read.at;
	g_array_append_val(streams->words, word);
}

/* Pieces [first, end) in one request, without what is there or coming. NULL: that is all of it. */
static Stream *start(RemoteStreams *streams, uint64_t first, uint64_t end, uint64_t credit)
{
	cut_ends(streams, &first, &end);
	if (first == end)
		return NULL;

	Stream *stream = g_new0(Stream, 1);
	stream->id = ++streams->last_id;
	stream->first = stream->next = stream->floor = first;
	stream->end = end;
	stream->granted = MIN(end, first + credit);
	stream->is_table = end - first <= TABLE;
	g_ptr_array_add(streams->streams, stream);

	say_read(streams, stream);
	return stream;
}

static void drop(RemoteStreams *streams, Stream *stream)
{
	if (stream->filling)
		remote_store_drop(streams->store, stream->filling);
	g_ptr_array_remove(streams->streams, stream);
}

static void grant(RemoteStreams *streams, Stream *stream, uint64_t to)
{
	RemoteWord word = { WIRE_CREDIT, stream->id, { 0 } };

	to = MIN(to, stream->end);
	if (to <= stream->granted)
		return;
	word.read.credit = bytes_before(streams, to) - bytes_before(streams, stream->granted);
	stream->granted = to;
	g_array_append_val(streams->words, word);
}

static void grant_ahead(RemoteStreams *streams, Stream *stream)
{
	uint64_t wanted = MIN(stream->end, stream->floor + AHEAD), to = wanted;

	if (to > stream->granted)
		to = MIN(to, stream->granted + count_room(streams));
	if (to >= stream->granted + STEP || to == stream->end)
		grant(streams, stream, to);
}

void remote_streams_ask(RemoteStreams *streams)
{
	RemoteExtent extent;

	for (unsigned i = 0; i < streams->streams->len; i++)
		grant_ahead(streams, streams->streams->pdata[i]);
	while (streams->streams->len < MOST_STREAMS) {
		uint64_t room = count_room(streams);

		if (room < LEAD || !remote_plan_take_next(streams->plan, &extent))
			break;
		start(streams, extent.first, extent.end, MIN(room, AHEAD));
	}
}

/* What lies beside it is there already: nothing is to be taken along, and what comes behind that may be for others,
 * at their own pace, as the hash tree behind the data. */
static bool has_neighbour(const RemoteStreams *streams, uint64_t first, uint64_t end)
{
	return (first > 0 && remote_store_has(streams->store, first - 1)) ||
	       remote_store_has(streams->store, end);
}

void remote_streams_plan(RemoteStreams *streams, uint64_t size, uint64_t at)
{
	uint64_t first = at / PIECE, end = (at + size + PIECE - 1) / PIECE;

	if (size == 0 || at >= streams->size || streams->order_end)
		return;
	end = MIN(end, count_pieces(streams));
	remote_plan_add(streams->wanted, first, end, 0);
	cut_ends(streams, &first, &end);
	if (first < end)
		remote_plan_add(streams->plan, first, end,
		                has_neighbour(streams, first, end) ? 0 : GAP);
}

/* Far on in a stream, whose way there nobody waits for. */
static Stream *leap(RemoteStreams *streams, Stream *stream, uint64_t number)
{
	RemoteWord word = { WIRE_CANCEL, stream->id, { 0 } };
	uint64_t end = stream->end;

	g_array_append_val(streams->words, word);
	drop(streams, stream);
	return start(streams, number, end, LEAD);
}

void remote_streams_go_in_order(RemoteStreams *streams, uint64_t end)
{
	streams->order_end = end;
	g_array_set_size(streams->plan, 0);
}

unsigned remote_streams_begun(const RemoteStreams *streams)
{
	return streams->n_begun;
}

/* Back: all that was on its way is left. */
static Stream *begin_again(RemoteStreams *streams, uint64_t number)
{
	while (streams->streams->len > 0) {
		Stream *stream = streams->streams->pdata[0];
		RemoteWord word = { WIRE_CANCEL, stream->id, { 0 } };

		g_array_append_val(streams->words, word);
		drop(streams, stream);
	}
	streams->n_begun++;
	return start(streams, number, streams->order_end, LEAD);
}

/* What is not on its way yet, from `number` on; with all of its extent where that was announced. */
static Stream *start_at(RemoteStreams *streams, uint64_t number, uint64_t last)
{
	RemoteExtent extent;
	uint64_t end = MIN((last / WINDOW + 1) * WINDOW, count_pieces(streams));

	if (remote_plan_take_at(streams->plan, number, LAG, &extent))
		return start(streams, extent.first, extent.end, LEAD);
	return start(streams, number / WINDOW * WINDOW, end, LEAD);
}

void remote_streams_want(RemoteStreams *streams, uint64_t number, uint64_t last)
{
	Stream *stream = find_stream(streams, number, G_MAXUINT64);

	if (!remote_plan_has(streams->wanted, number) || !remote_plan_has(streams->wanted, last))
		remote_plan_add(streams->wanted, number, last + 1, 0);
	if (!stream && streams->order_end)
		stream = begin_again(streams, number);
	else if (!stream)
		stream = start_at(streams, number, last);
	else if (number - stream->next > LEAP && !streams->order_end)
		stream = leap(streams, stream, number);
	if (stream)
		stream->floor = MAX(stream->floor, number);
	remote_streams_ask(streams);
}

void remote_streams_insist(RemoteStreams *streams, uint64_t number)
{
	Stream *stream = find_stream(streams, number, G_MAXUINT64);

	if (stream && number >= stream->granted)
		grant(streams, stream, number + LEAD);
}

uint64_t remote_streams_goal(const RemoteStreams *streams, uint64_t number, uint64_t last)
{
	const Stream *stream = find_stream(streams, number, G_MAXUINT64);

	if (!stream || stream->granted <= number)
		return number;
	return MIN(MIN(last, number + AT_ONCE - 1), stream->granted - 1);
}

bool remote_streams_awaits(const RemoteStreams *streams, uint64_t number)
{
	return !remote_store_has(streams->store, number) &&
	       find_stream(streams, number, G_MAXUINT64);
}

const uint8_t *remote_streams_read(RemoteStreams *streams, uint64_t number)
{
	const uint8_t *piece = remote_store_read(streams->store, number);

	for (unsigned i = 0; piece && i < streams->streams->len; i++) {
		Stream *stream = streams->streams->pdata[i];

		if (number >= stream->floor && number < stream->next)
			stream->floor = number + 1;
	}
	return piece;
}

void remote_streams_keep(RemoteStreams *streams, uint64_t number)
{
	remote_store_keep(streams->store, number);
}

bool remote_streams_has_words(const RemoteStreams *streams)
{
	return streams->words->len > 0;
}

GArray *remote_streams_take_words(RemoteStreams *streams)
{
	GArray *words = streams->words;

	if (words->len == 0)
		return NULL;
	streams->words = g_array_new(FALSE, FALSE, sizeof(RemoteWord));
	return words;
}

/* --- What comes ----------------------------------------------------------------- */

static Stream *stream_by_id(const RemoteStreams *streams, uint64_t id)
{
	for (unsigned i = 0; i < streams->streams->len; i++) {
		Stream *stream = streams->streams->pdata[i];

		if (stream->id == id)
			return stream;
	}
	return NULL;
}

/* What was on its way when we gave the stream up. */
static bool is_over(const RemoteStreams *streams, uint64_t id)
{
	return id > 0 && id <= streams->last_id;
}

bool remote_streams_prepare(RemoteStreams *streams, uint64_t id, size_t size,
                            RemoteLanding *landing, GError **error)
{
	Stream *stream = stream_by_id(streams, id);

	landing->n = 0;
	if (!stream)
		return is_over(streams, id) ||
		       fail(error, FAILURE_FORMAT, "rauc-fetch sent what nobody asked for");

	uint64_t at = bytes_before(streams, stream->next) + stream->filled;
	if (size > bytes_before(streams, stream->granted) - at)
		return fail(error, FAILURE_FORMAT, "rauc-fetch sent more than was asked for");
	for (; size > 0; landing->n++) {
		size_t offset = at % PIECE, n = MIN(size, PIECE - offset);
		uint8_t *place = offset ? stream->filling : remote_store_take(streams->store);

		landing->places[landing->n] = place;
		landing->parts[landing->n] = (struct iovec){ place + offset, n };
		at += n;
		size -= n;
	}
	stream->filling = NULL;
	return true;
}

/* Will somebody come for the next piece? */
static bool is_wanted(const RemoteStreams *streams, const Stream *stream)
{
	return stream->next + LAG >= stream->floor &&
	       (streams->order_end || remote_plan_has(streams->wanted, stream->next));
}

void remote_streams_land(RemoteStreams *streams, uint64_t id, size_t size,
                         const RemoteLanding *landing)
{
	Stream *stream = stream_by_id(streams, id);
	uint64_t end;

	if (!stream) { /* given up meanwhile */
		for (unsigned i = 0; i < landing->n; i++)
			remote_store_drop(streams->store, landing->places[i]);
		return;
	}
	end = stream->next * PIECE + stream->filled + size;
	for (unsigned i = 0; i < landing->n; i++) {
		if (end < bytes_before(streams, stream->next + 1)) {
			stream->filling = landing->places[i];
			break;
		}
		remote_store_put(streams->store, landing->places[i], stream->next, stream->is_table,
		                 !is_wanted(streams, stream));
		stream->next++;
	}
	stream->filled = stream->filling ? end % PIECE : 0;
}

void remote_streams_abandon(RemoteStreams *streams, uint64_t id, const RemoteLanding *landing)
{
	Stream *stream = stream_by_id(streams, id);

	for (unsigned i = 0; i < landing->n; i++) {
		if (i == 0 && stream && stream->filled > 0)
			stream->filling = landing->places[i];
		else
			remote_store_drop(streams->store, landing->places[i]);
	}
}

/* One whose end was not heard any more has nothing to get: a READ of nothing is ended at once. */
void remote_streams_resume(RemoteStreams *streams)
{
	g_array_set_size(streams->words, 0);
	for (unsigned i = 0; i < streams->streams->len; i++)
		say_read(streams, streams->streams->pdata[i]);
}

bool remote_streams_end(RemoteStreams *streams, uint64_t id, GError **error)
{
	Stream *stream = stream_by_id(streams, id);

	if (!stream)
		return is_over(streams, id) ||
		       fail(error, FAILURE_FORMAT, "rauc-fetch ended what nobody asked for");
	if (stream->next < stream->end)
		return fail(error, FAILURE_FORMAT, "rauc-fetch ended what it had not sent");
	remote_plan_remove(streams->wanted, stream->first, stream->end);
	drop(streams, stream);
	remote_streams_ask(streams);
	return true;
}
