/* SPDX-License-Identifier: MIT */

#include "fetch/link.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

typedef struct {
	int theirs, ours;
	Link *link;
} Pair;

static void setup(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	int ends[2];

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
	pair->theirs = ends[0];
	pair->ours = ends[1];
	pair->link = link_new(pair->ours, NULL);
	g_assert_nonnull(pair->link);
}

static void teardown(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	link_free(pair->link);
	if (pair->theirs >= 0)
		close(pair->theirs);
	close(pair->ours);
}

/* Byte by byte, and two in one piece. */
static void test_pieces(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	WireHead sent = { WIRE_CREDIT, 8, 77 }, got;
	char message[sizeof(sent) + 8], twice[2 * sizeof(message)];
	g_autoptr(GError) error = NULL;

	memcpy(message, &sent, sizeof(sent));
	memcpy(message + sizeof(sent), "12345678", 8);
	for (unsigned i = 0; i < sizeof(message); i++) {
		void *none = NULL;

		g_assert_cmpint(link_receive(pair->link, &got, &none, &error), ==, LINK_NOTHING);
		g_assert_cmpint(send(pair->theirs, message + i, 1, 0), ==, 1);
	}
	memcpy(twice, message, sizeof(message));
	memcpy(twice + sizeof(message), message, sizeof(message));
	g_assert_cmpint(send(pair->theirs, twice, sizeof(twice), 0), ==, sizeof(twice));
	for (unsigned i = 0; i < 3; i++) {
		g_autofree char *bytes = NULL;

		g_assert_cmpint(link_receive(pair->link, &got, (void **)&bytes, &error), ==,
		                LINK_MESSAGE);
		g_assert_cmpuint(got.id, ==, 77);
		g_assert_cmpint(memcmp(bytes, "12345678", 8), ==, 0);
	}
	close(pair->theirs);
	pair->theirs = -1;
	g_assert_cmpint(link_receive(pair->link, &got, (void **)&data, &error), ==, LINK_END);
}

static void test_nonsense(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	WireHead sent = { WIRE_CREDIT, G_MAXUINT32, 1 }, got;
	g_autoptr(GError) error = NULL;
	void *bytes = NULL;

	g_assert_cmpint(send(pair->theirs, &sent, sizeof(sent), 0), ==, sizeof(sent));
	g_assert_cmpint(link_receive(pair->link, &got, &bytes, &error), ==, LINK_ERROR);
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
}

/* What does not fit waits, and comes in order. */
static void test_full(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *piece = g_malloc0(65536);
	g_autoptr(GError) error = NULL;
	unsigned n = 0;

	while (!link_is_full(pair->link)) {
		piece[0] = (char)n;
		link_send(pair->link, WIRE_DATA, n++, piece, 65536);
	}
	g_assert_true(link_has_rest(pair->link));
	for (unsigned i = 0; i < n; i++) {
		WireHead head;
		g_autofree char *bytes = NULL;

		/* The other end is patient; this one has to be asked now and then. */
		for (char one; recv(pair->theirs, &one, 1, MSG_PEEK | MSG_DONTWAIT) != 1;)
			link_flush(pair->link);
		link_flush(pair->link);
		g_assert_true(wire_receive(pair->theirs, &head, (void **)&bytes, &error));
		g_assert_cmpuint(head.id, ==, i);
		g_assert_cmpint(bytes[0], ==, (char)i);
		link_flush(pair->link);
	}
	g_assert_false(link_has_rest(pair->link) || link_is_full(pair->link));
}

static void check_message(Pair *pair, WireType type, uint64_t id, size_t size, char first)
{
	WireHead head;
	g_autoptr(GError) error = NULL;
	g_autofree char *bytes = NULL;

	g_assert_true(wire_receive(pair->theirs, &head, (void **)&bytes, &error));
	g_assert_cmpuint(head.type, ==, type);
	g_assert_cmpuint(head.id, ==, id);
	g_assert_cmpuint(head.size, ==, size);
	for (size_t i = 0; i < size; i++)
		g_assert_cmpint(bytes[i], ==, (char)(first + (char)(i / 100)));
}

/* A little of a range waits for more of it; not for ever, not for another range, and nothing overtakes it. */
static void test_batch(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	char piece[100], one;

	for (unsigned i = 0; i < 5; i++) {
		memset(piece, 'a' + (int)i, sizeof(piece));
		link_send(pair->link, WIRE_DATA, 1, piece, sizeof(piece));
	}
	memset(piece, 'x', sizeof(piece));
	link_send(pair->link, WIRE_DATA, 2, piece, sizeof(piece));
	g_assert_cmpint(recv(pair->theirs, &one, 1, MSG_DONTWAIT), <, 0);
	link_send(pair->link, WIRE_DONE, 2, NULL, 0);
	check_message(pair, WIRE_DATA, 1, 500, 'a');
	check_message(pair, WIRE_DATA, 2, 100, 'x');
	check_message(pair, WIRE_DONE, 2, 0, 0);
	link_send(pair->link, WIRE_DATA, 2, piece, sizeof(piece));
	g_assert_true(link_has_rest(pair->link));
	link_flush(pair->link);
	link_send(pair->link, WIRE_DATA, 2, piece, sizeof(piece));
	link_flush(pair->link);
	check_message(pair, WIRE_DATA, 2, 100, 'x');
	check_message(pair, WIRE_DATA, 2, 100, 'x');
}

/* Pieces of all sizes, one range after the other, to one who reads slowly: all of it, in order, in messages that may be. */
static void test_batch_full(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree uint8_t *piece = g_malloc(40000);
	uint64_t n_sent = 0, n_got = 0;

	for (unsigned i = 0; i < 4000 || link_has_rest(pair->link); i++) {
		size_t size = i < 4000 ? 1 + i * 7919 % 39999 : 0;
		WireHead head;
		g_autofree uint8_t *bytes = NULL;

		while (!link_is_full(pair->link) && size) {
			for (size_t j = 0; j < size; j++)
				piece[j] = (uint8_t)((n_sent + j) % 251);
			link_send(pair->link, WIRE_DATA, 5, piece, size);
			n_sent += size;
			size = 0;
		}
		link_flush(pair->link);
		if (recv(pair->theirs, &head, sizeof(head), MSG_PEEK | MSG_DONTWAIT) !=
		    sizeof(head))
			continue;
		g_assert_cmpuint(head.size, <=, WIRE_MAX_DATA);
		bytes = g_malloc(sizeof(head) + head.size);
		for (size_t have = 0; have < sizeof(head) + head.size;) {
			ssize_t n = recv(pair->theirs, bytes + have,
			                 sizeof(head) + head.size - have, MSG_DONTWAIT);

			if (n > 0)
				have += (size_t)n;
			else
				link_flush(pair->link);
		}
		for (size_t j = 0; j < head.size; j++)
			g_assert_cmpuint(bytes[sizeof(head) + j], ==, (n_got + j) % 251);
		n_got += head.size;
	}
	for (WireHead head; n_got < n_sent; n_got += head.size) {
		g_autofree void *bytes = NULL;

		g_assert_true(wire_receive(pair->theirs, &head, &bytes, NULL));
	}
	g_assert_cmpuint(n_got, ==, n_sent);
	g_assert_cmpuint(n_sent, >, 4 * LINK_FULL);
}

/* Nobody is there any more: nothing piles up. */
static void test_gone(Pair *pair, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *piece = g_malloc0(65536);

	close(pair->theirs);
	pair->theirs = -1;
	for (unsigned i = 0; i < 100; i++)
		link_send(pair->link, WIRE_DATA, 1, piece, 65536);
	g_assert_false(link_is_full(pair->link));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/link/pieces", Pair, NULL, setup, test_pieces, teardown);
	g_test_add("/link/nonsense", Pair, NULL, setup, test_nonsense, teardown);
	g_test_add("/link/full", Pair, NULL, setup, test_full, teardown);
	g_test_add("/link/batch", Pair, NULL, setup, test_batch, teardown);
	g_test_add("/link/batch-full", Pair, NULL, setup, test_batch_full, teardown);
	g_test_add("/link/gone", Pair, NULL, setup, test_gone, teardown);
	return g_test_run();
}
