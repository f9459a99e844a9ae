/* SPDX-License-Identifier: MIT */

#include "source/remote_streams.h"

#include <string.h>

#include "base/error.h"
#include "remote_bytes.h"
#include "source/remote_store.h"

#define PIECE  REMOTE_PIECE
#define PIECES (REMOTE_SIZE / PIECE + 1)
#define STORE  960 /* pieces it may have in memory */

/* rauc-fetch as the streams know it: sends what it was granted, in order. */
typedef struct {
	RemoteStreams *streams;
	GArray *jobs; /* of Job */
	unsigned n_reads, n_cancels, n_insisted;
	uint64_t n_sent, in_flight_most;
} Peer;

typedef struct {
	uint64_t id, at, end, granted;
} Job;

static Peer *peer_new(void)
{
	Peer *peer = g_new0(Peer, 1);

	peer->streams = remote_streams_new(REMOTE_SIZE);
	peer->jobs = g_array_new(FALSE, FALSE, sizeof(Job));
	return peer;
}

static void peer_free(Peer *peer)
{
	remote_streams_free(peer->streams);
	g_array_unref(peer->jobs);
	g_free(peer);
}

static Job *job_at(const Peer *peer, unsigned index)
{
	return &g_array_index(peer->jobs, Job, index);
}

static void hear(Peer *peer)
{
	g_autoptr(GArray) words = remote_streams_take_words(peer->streams);
	uint64_t in_flight = 0;

	for (unsigned i = 0; words && i < words->len; i++) {
		const RemoteWord *word = &g_array_index(words, RemoteWord, i);
		Job job = { word->id, word->read.at, word->read.at + word->read.size,
			    word->read.at + word->read.credit };

		if (word->type == WIRE_READ) {
			g_assert_cmpuint(job.end, <=, REMOTE_SIZE);
			g_assert_cmpuint(job.at, <, job.end);
			g_array_append_val(peer->jobs, job);
			peer->n_reads++;
			continue;
		}
		for (unsigned j = peer->jobs->len; j-- > 0;) {
			if (job_at(peer, j)->id != word->id)
				continue;
			if (word->type == WIRE_CREDIT)
				job_at(peer, j)->granted += word->read.credit;
			else
				g_array_remove_index(peer->jobs, j);
		}
		peer->n_cancels += word->type == WIRE_CANCEL;
	}
	for (unsigned j = 0; j < peer->jobs->len; j++) {
		g_assert_cmpuint(job_at(peer, j)->granted, <=, job_at(peer, j)->end);
		in_flight += job_at(peer, j)->granted - job_at(peer, j)->at;
	}
	peer->in_flight_most = MAX(peer->in_flight_most, in_flight);
}

static void send(Peer *peer, uint64_t id, uint64_t at, size_t size)
{
	g_autoptr(GError) error = NULL;
	RemoteLanding landing;

	g_assert_true(remote_streams_prepare(peer->streams, id, size, &landing, &error));
	g_assert_no_error(error);
	for (unsigned i = 0; i < landing.n; i++) {
		uint8_t *to = landing.parts[i].iov_base;

		for (size_t j = 0; j < landing.parts[i].iov_len; j++)
			to[j] = remote_byte(at++);
	}
	remote_streams_land(peer->streams, id, size, &landing);
	peer->n_sent += size;
}

/* One message of every job that has credit, `most` bytes long. False: there is none. */
static bool serve(Peer *peer, size_t most)
{
	bool has_sent = false;

	for (unsigned i = 0; i < peer->jobs->len; i++) {
		Job *job = job_at(peer, i);
		size_t n = MIN(most, job->granted - job->at);

		if (n == 0)
			continue;
		has_sent = true;
		send(peer, job->id, job->at, n);
		job->at += n;
		if (job->at < job->end)
			continue;
		g_assert_true(remote_streams_end(peer->streams, job->id, NULL));
		g_array_remove_index(peer->jobs, i--);
	}
	hear(peer);
	return has_sent;
}

/* As source/remote reads, but for the waiting. */
static void check_piece(Peer *peer, uint64_t number)
{
	const uint8_t *piece;

	for (unsigned i = 0; !(piece = remote_streams_read(peer->streams, number)); i++) {
		g_assert_cmpuint(i, <, 100000);
		remote_streams_want(peer->streams, number, number);
		hear(peer);
		if (!serve(peer, 10000)) {
			remote_streams_insist(peer->streams, number);
			peer->n_insisted++;
		}
		hear(peer);
	}
	for (size_t i = 0; i < PIECE && number * PIECE + i < REMOTE_SIZE; i += 13)
		g_assert_cmpuint(piece[i], ==, remote_byte(number * PIECE + i));
	remote_streams_ask(peer->streams);
	hear(peer);
}

/* One request, nothing twice, and no more on its way than there is memory for. */
static void test_in_order(void)
{
	Peer *peer = peer_new();

	remote_streams_plan(peer->streams, REMOTE_SIZE, 0);
	g_assert_false(remote_streams_has_words(peer->streams)); /* until somebody reads */
	for (uint64_t i = 0; i < PIECES; i++)
		check_piece(peer, i);
	g_assert_cmpuint(peer->n_reads, ==, 1);
	g_assert_cmpuint(peer->n_sent, ==, REMOTE_SIZE);
	g_assert_cmpuint(peer->in_flight_most, <, STORE * PIECE / 2);
	peer_free(peer);
}

/* Several readers, each in a part of its own, as a pool has them: nothing is lost before it is read. */
static void test_side_by_side(void)
{
	enum { PART = 250, READERS = 3 };
	Peer *peer = peer_new();

	remote_streams_plan(peer->streams, REMOTE_SIZE, 0);
	for (uint64_t first = 0; first < PIECES; first += READERS * PART) {
		for (uint64_t i = 0; i < PART; i++) {
			for (uint64_t reader = READERS; reader-- > 0;) {
				if (first + reader * PART + i < PIECES)
					check_piece(peer, first + reader * PART + i);
			}
		}
	}
	g_assert_cmpuint(peer->n_sent, ==, REMOTE_SIZE);
	g_assert_cmpuint(peer->n_reads, ==, 1);
	peer_free(peer);
}

/* Hundreds of separate ranges, all announced before the first is read: asked for in their order, several at
 * once, never more than there is memory for; close ones in one request. */
static void test_many_ranges(void)
{
	enum { N = 400, APART = 24, SIZE = 3 };
	Peer *peer = peer_new();

	for (uint64_t i = 0; i < N; i++) {
		remote_streams_plan(peer->streams, SIZE * PIECE, i * APART * PIECE);
		if (i % 2) /* the other half of them close by */
			remote_streams_plan(peer->streams, PIECE, (i * APART + 5) * PIECE);
	}
	remote_streams_want(peer->streams, 0, 0);
	hear(peer);
	g_assert_cmpuint(peer->jobs->len, >, 8);
	g_assert_cmpuint(peer->jobs->len, <=, 32);
	for (unsigned i = 1; i < peer->jobs->len; i++)
		g_assert_cmpuint(job_at(peer, i)->at, >, job_at(peer, i - 1)->at);
	for (uint64_t i = 0; i < N; i++) {
		for (uint64_t j = 0; j < SIZE; j++)
			check_piece(peer, i * APART + j);
		if (i % 2)
			check_piece(peer, i * APART + 5);
		g_assert_cmpuint(peer->jobs->len, <=, 33);
	}
	g_assert_cmpuint(peer->n_reads, ==, N);
	g_assert_cmpuint(peer->n_sent, ==, N / 2 * (3 + 6) * PIECE);
	g_assert_cmpuint(peer->in_flight_most, <, STORE * PIECE);
	peer_free(peer);
}

/* Wanted here and there, and fetched with what lies between, far more than there is memory for: nobody
 * has to wait for room that is taken by what nobody comes for. */
static void test_gaps(void)
{
	enum { N = 500, APART = 12 };
	Peer *peer = peer_new();

	for (uint64_t i = 0; i < N; i++)
		remote_streams_plan(peer->streams, PIECE, i * APART * PIECE);
	for (uint64_t i = 0; i < N; i++)
		check_piece(peer, i * APART);
	g_assert_cmpuint(peer->n_reads, ==, 1);
	g_assert_cmpuint(peer->n_insisted, ==, 0);
	g_assert_cmpuint(peer->n_sent, ==, ((N - 1) * APART + 1) * PIECE);
	peer_free(peer);
}

/* What nobody comes for does not stop those who do. */
static void test_unread(void)
{
	Peer *peer = peer_new();

	for (uint64_t i = 0; i < 100; i++)
		remote_streams_plan(peer->streams, 32 * PIECE, i * 100 * PIECE);
	remote_streams_want(peer->streams, 0, 0);
	hear(peer);
	while (serve(peer, 100000))
		;
	for (uint64_t i = 0; i < 100; i++)
		check_piece(peer, i * 100 + 50);
	check_piece(peer, 0);
	peer_free(peer);
}

/* Far on in a stream: the way there is not gone. What was on its way is no error. */
static void test_leap(void)
{
	RemoteLanding landing;
	Peer *peer = peer_new();

	remote_streams_plan(peer->streams, REMOTE_SIZE, 0);
	check_piece(peer, 0);
	uint64_t id = job_at(peer, 0)->id;
	check_piece(peer, PIECES - 100);
	g_assert_cmpuint(peer->n_cancels, ==, 1);
	g_assert_cmpuint(peer->n_reads, ==, 2);
	g_assert_cmpuint(peer->n_sent, <, 3 * STORE * PIECE);
	g_assert_true(remote_streams_prepare(peer->streams, id, 5000, &landing, NULL));
	g_assert_cmpuint(landing.n, ==, 0);
	g_assert_true(remote_streams_end(peer->streams, id, NULL));
	for (uint64_t i = PIECES - 99; i < PIECES; i++)
		check_piece(peer, i);
	g_assert_cmpuint(peer->n_reads, ==, 2);
	peer_free(peer);
}

/* A peer that does not keep to it. */
static void test_refused(void)
{
	Peer *peer = peer_new();
	RemoteLanding landing;
	g_autoptr(GError) none = NULL, more = NULL, early = NULL;

	g_assert_false(remote_streams_prepare(peer->streams, 1, 5, &landing, &none));
	g_assert_error(none, FAILURE, FAILURE_FORMAT);
	g_assert_false(remote_streams_end(peer->streams, 7, NULL));
	remote_streams_plan(peer->streams, REMOTE_SIZE, 0);
	remote_streams_want(peer->streams, 0, 0);
	hear(peer);
	const Job *job = job_at(peer, 0);
	g_assert_cmpuint(job->granted - job->at, >, WIRE_MAX_DATA);
	send(peer, job->id, 0, WIRE_MAX_DATA);
	for (uint64_t at = WIRE_MAX_DATA; at < job->granted; at++)
		send(peer, job->id, at, MIN(65536, job->granted - at)), at += 65535;
	g_assert_false(remote_streams_prepare(peer->streams, job->id, 1, &landing, &more));
	g_assert_error(more, FAILURE, FAILURE_FORMAT);
	g_assert_false(remote_streams_end(peer->streams, job->id, &early));
	g_assert_error(early, FAILURE, FAILURE_FORMAT);
	peer_free(peer);
}

/* Who waits is woken when several pieces are there, but never waits for what was not let in, or by nobody brought. */
static void test_goal(void)
{
	Peer *peer = peer_new();

	g_assert_cmpuint(remote_streams_goal(peer->streams, 7, 99), ==, 7);
	g_assert_false(remote_streams_awaits(peer->streams, 7));
	remote_streams_plan(peer->streams, REMOTE_SIZE, 0);
	remote_streams_want(peer->streams, 0, 9);
	hear(peer);
	uint64_t granted = job_at(peer, 0)->granted / PIECE;
	g_assert_cmpuint(remote_streams_goal(peer->streams, 0, 0), ==, 0);
	g_assert_cmpuint(remote_streams_goal(peer->streams, 0, 9), ==, 9);
	g_assert_cmpuint(remote_streams_goal(peer->streams, 0, PIECES), <, granted);
	g_assert_cmpuint(remote_streams_goal(peer->streams, granted - 1, PIECES), ==, granted - 1);
	g_assert_cmpuint(remote_streams_goal(peer->streams, granted + 5, PIECES), ==, granted + 5);
	g_assert_true(remote_streams_awaits(peer->streams, 9));
	send(peer, job_at(peer, 0)->id, 0, 10 * PIECE - 1);
	g_assert_true(remote_streams_awaits(peer->streams, 9));
	g_assert_false(remote_streams_awaits(peer->streams, 8));
	send(peer, job_at(peer, 0)->id, 10 * PIECE - 1, 1);
	g_assert_false(remote_streams_awaits(peer->streams, 9));
	peer_free(peer);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/remote-streams/in-order", test_in_order);
	g_test_add_func("/source/remote-streams/side-by-side", test_side_by_side);
	g_test_add_func("/source/remote-streams/many-ranges", test_many_ranges);
	g_test_add_func("/source/remote-streams/unread", test_unread);
	g_test_add_func("/source/remote-streams/gaps", test_gaps);
	g_test_add_func("/source/remote-streams/leap", test_leap);
	g_test_add_func("/source/remote-streams/goal", test_goal);
	g_test_add_func("/source/remote-streams/refused", test_refused);
	return g_test_run();
}
