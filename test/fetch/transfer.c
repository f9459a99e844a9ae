/* SPDX-License-Identifier: MIT */

/*
 * The whole of it over a socket, against a web server in a thread that answers as a row says. What needs a real
 * server, TLS or a process of its own is in test_fetch.py.
 */

#include "fetch/transfer.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define SIZE 100000

/* How the server answers, request by request; the last one again and again. */
typedef struct {
	const char *head;  /* NULL: a good one */
	unsigned body_max; /* then it hangs up; 0: no limit */
} Answer;

typedef struct {
	int listener, theirs, ours;
	unsigned port, n_requests;
	const Answer *answers;
	uint8_t content[SIZE];
	GThread *server, *runner;
	GMutex lock;       /* of the connections' threads */
	GPtrArray *ranges; /* of the requests */
	GError *error;     /* of the transfer */
	bool is_ok;
} World;

/* --- The server --------------------------------------------------------------- */

static bool read_request(int fd, GString *text)
{
	g_string_truncate(text, 0);
	for (char one; !g_str_has_suffix(text->str, "\r\n\r\n");) {
		if (recv(fd, &one, 1, 0) != 1)
			return false;
		g_string_append_c(text, one);
	}
	return true;
}

static bool send_text(int fd, const void *bytes, size_t size)
{
	return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* True: the connection goes on. */
static bool answer(World *world, int fd, const GString *request)
{
	const Answer *how = world->answers;
	const char *range = strstr(request->str, "Range: bytes=");
	unsigned first = 0, last = 0;

	g_assert_nonnull(range);
	g_assert_cmpint(sscanf(range, "Range: bytes=%u-%u", &first, &last), ==, 2);
	g_ptr_array_add(world->ranges, g_strdup_printf("%u-%u", first, last));
	world->n_requests++;
	if (how[1].head || how[1].body_max)
		world->answers++;
	if (how->head)
		return send_text(fd, how->head, strlen(how->head));

	g_autofree char *head =
		g_strdup_printf("HTTP/1.1 206 x\r\nContent-Range: bytes %u-%u/%u\r\n"
	                        "Content-Length: %u\r\nETag: \"a\"\r\n\r\n",
	                        first, last, SIZE, last - first + 1);
	unsigned size = last - first + 1;
	unsigned n = how->body_max && how->body_max < size ? how->body_max : size;
	return send_text(fd, head, strlen(head)) && send_text(fd, world->content + first, n) &&
	       n == size;
}

typedef struct {
	World *world;
	int fd;
} Connection;

static void *serve_one(void *user)
{
	Connection *connection = user;
	g_autoptr(GString) request = g_string_new(NULL);

	while (read_request(connection->fd, request)) {
		bool goes_on;

		g_mutex_lock(&connection->world->lock);
		goes_on = answer(connection->world, connection->fd, request);
		g_mutex_unlock(&connection->world->lock);
		if (!goes_on)
			break;
	}
	close(connection->fd);
	g_free(connection);
	return NULL;
}

/* A new connection may come before the old one is let go. */
static void *serve(void *user)
{
	World *world = user;
	g_autoptr(GPtrArray) threads = g_ptr_array_new();

	for (int fd; (fd = accept(world->listener, NULL, NULL)) >= 0;) {
		Connection *connection = g_new(Connection, 1);

		*connection = (Connection){ world, fd };
		g_ptr_array_add(threads, g_thread_new("connection", serve_one, connection));
	}
	for (unsigned i = 0; i < threads->len; i++)
		g_thread_join(g_ptr_array_index(threads, i));
	return NULL;
}

/* --- The world ---------------------------------------------------------------- */

static void *transfer(void *user)
{
	World *world = user;
	g_autoptr(GByteArray) words = g_byte_array_new();
	g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/b", world->port);

	wire_add(words, "url", url);
	wire_add(words, "header", "X-Mine: 1");
	wire_add(words, "retry-max-sec", "1");
	wire_add(words, "open-tries", "2");
	wire_add(words, "connections", "1");

	g_autoptr(Order) order = order_parse(words->data, words->len, &world->error);
	g_autoptr(Link) link = link_new(world->ours, NULL);
	world->is_ok = order && transfer_run(link, order, &world->error);
	shutdown(world->ours, SHUT_RDWR);
	return NULL;
}

static void start(World *world, const Answer *answers)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int ends[2];

	for (unsigned i = 0; i < SIZE; i++)
		world->content[i] = (uint8_t)(i * 7 + (i >> 8));
	world->answers = answers;
	g_mutex_init(&world->lock);
	world->ranges = g_ptr_array_new_with_free_func(g_free);
	world->listener = socket(AF_INET, SOCK_STREAM, 0);
	g_assert_cmpint(bind(world->listener, (struct sockaddr *)&address, size), ==, 0);
	g_assert_cmpint(listen(world->listener, 16), ==, 0);
	g_assert_cmpint(getsockname(world->listener, (struct sockaddr *)&address, &size), ==, 0);
	world->port = ntohs(address.sin_port);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
	world->theirs = ends[0];
	world->ours = ends[1];
	world->server = g_thread_new("server", serve, world);
	world->runner = g_thread_new("transfer", transfer, world);
}

/* As rauc does it: closing the socket is the end. */
static void stop(World *world)
{
	shutdown(world->theirs, SHUT_RDWR);
	if (world->runner)
		g_thread_join(world->runner);
	shutdown(world->listener, SHUT_RDWR);
	g_thread_join(world->server);
	close(world->listener);
	close(world->theirs);
	close(world->ours);
	g_ptr_array_unref(world->ranges);
	g_mutex_clear(&world->lock);
	g_clear_error(&world->error);
}

static void ask(World *world, uint64_t id, uint64_t at, uint64_t size, uint64_t credit)
{
	WireRead read = { at, size, credit };

	g_assert_true(wire_send(world->theirs, WIRE_READ, id, &read, sizeof(read), NULL));
}

/* The next message but STATS. */
static char *receive(World *world, WireHead *head)
{
	for (;;) {
		char *bytes = NULL;

		if (!wire_receive(world->theirs, head, (void **)&bytes, NULL)) {
			head->type = 0; /* the end */
			return NULL;
		}
		if (head->type != WIRE_STATS)
			return bytes;
		g_free(bytes);
	}
}

static void expect(World *world, WireType type, uint64_t id)
{
	WireHead head;
	g_autofree char *bytes = receive(world, &head);

	g_assert_cmpuint(head.type, ==, type);
	g_assert_cmpuint(head.id, ==, id);
}

/* `size` bytes of `id`, which are those at `at`; what else comes between is counted. */
static unsigned expect_data(World *world, uint64_t id, uint64_t at, uint64_t size)
{
	unsigned n_others = 0;

	for (uint64_t done = 0; done < size;) {
		WireHead head;
		g_autofree char *bytes = receive(world, &head);

		g_assert_cmpuint(head.type, !=, 0);
		if (head.type != WIRE_DATA) {
			n_others++;
			continue;
		}
		g_assert_cmpuint(head.id, ==, id);
		g_assert_cmpuint(head.size, <=, size - done);
		g_assert_cmpmem(bytes, head.size, world->content + at + done, head.size);
		done += head.size;
	}
	return n_others;
}

static const Answer good[] = { { NULL, SIZE }, { NULL, 0 } };

/* --- The tests ---------------------------------------------------------------- */

static void test_read(void)
{
	g_autofree World *world = g_new0(World, 1);

	start(world, good);
	expect(world, WIRE_OPENED, 0);
	ask(world, 1, 10, 5000, 5000);
	g_assert_cmpuint(expect_data(world, 1, 10, 5000), ==, 0);
	expect(world, WIRE_DONE, 1);
	ask(world, 2, 0, SIZE, SIZE);
	expect_data(world, 2, 0, SIZE);
	expect(world, WIRE_DONE, 2);
	ask(world, 1, SIZE, 0, 0); /* nothing, at the very end; and the number is free again */
	expect(world, WIRE_DONE, 1);
	ask(world, 3, SIZE - 1, 2, 2);
	expect(world, WIRE_FAILED, 3);
	ask(world, 4, G_MAXUINT64, 2, 2);
	expect(world, WIRE_FAILED, 4);
	g_assert_cmpuint(world->n_requests, ==, 3);
	stop(world);
	g_assert_true(world->is_ok);
}

/* It is cut twice; what came is not asked for again. */
static void test_resume(void)
{
	static const Answer cut[] = {
		{ NULL, SIZE }, { NULL, 700 }, { NULL, 900 }, { NULL, SIZE }, { NULL, 0 }
	};
	static const char *const wanted[] = { "0-3", "100-3099", "800-3099", "1700-3099" };
	g_autofree World *world = g_new0(World, 1);

	start(world, cut);
	expect(world, WIRE_OPENED, 0);
	ask(world, 9, 100, 3000, 3000);
	g_assert_cmpuint(expect_data(world, 9, 100, 3000), ==, 4); /* WAITING and GOING, twice */
	expect(world, WIRE_DONE, 9);
	g_assert_cmpuint(world->ranges->len, ==, G_N_ELEMENTS(wanted));
	for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++)
		g_assert_cmpstr(g_ptr_array_index(world->ranges, i), ==, wanted[i]);
	stop(world);
}

/* One connection: who has no credit gives it to who has. */
static void test_credit(void)
{
	g_autofree World *world = g_new0(World, 1);
	uint64_t more = 40000;

	start(world, good);
	expect(world, WIRE_OPENED, 0);
	ask(world, 1, 0, SIZE, 0);
	ask(world, 2, 0, SIZE, 30000);
	expect_data(world, 2, 0, 30000);
	ask(world, 3, 500, 600, 600);
	expect_data(world, 3, 500, 600);
	expect(world, WIRE_DONE, 3);
	for (unsigned at = 30000; at < SIZE; at += more) {
		more = MIN(more, SIZE - at);
		g_assert_true(wire_send(world->theirs, WIRE_CREDIT, 2, &more, sizeof(more), NULL));
		g_assert_cmpuint(expect_data(world, 2, at, more), ==, 0);
	}
	expect(world, WIRE_DONE, 2);
	g_assert_true(wire_send(world->theirs, WIRE_CANCEL, 1, NULL, 0, NULL));
	g_assert_true(wire_send(world->theirs, WIRE_CREDIT, 1, &more, sizeof(more), NULL));
	ask(world, 4, 1, 1, 1);
	expect_data(world, 4, 1, 1);
	expect(world, WIRE_DONE, 4);
	stop(world);
	g_assert_true(world->is_ok);
}

/* What RAUC says when the bundle cannot be opened. */
static const struct {
	const char *head, *code, *message;
	uint64_t http;
} refusals[] = {
	{ "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n", "not-found",
	  "not found: unexpected HTTP response code 404", 404 },
	{ "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n", "network",
	  "unauthorized: unexpected HTTP response code 401", 401 },
	{ "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n", "network",
	  "failed to configure streaming: unexpected HTTP response code 403", 403 },
	{ "HTTP/1.1 204 x\r\n\r\n", "network", "no content: no content", 204 },
	{ "HTTP/1.1 304 x\r\n\r\n", "network", "not modified: not modified", 304 },
	{ "HTTP/1.1 200 x\r\nContent-Length: 5\r\n\r\nhello", "unsupported",
	  "failed to configure streaming: range requests not supported by server", 200 },
	{ "HTTP/1.1 206 x\r\nContent-Length: 4\r\n\r\nhsqs", "unsupported",
	  "failed to configure streaming: server did not send bundle size", 206 },
	{ "HTTP/1.1 206 x\r\nContent-Range: bytes 0-3/*\r\nContent-Length: 4\r\n\r\nhsqs",
	  "unsupported", "failed to configure streaming: server did not send bundle size", 206 },
	{ "HTTP/1.1 206 x\r\nContent-Range: bytes 1-4/9\r\nContent-Length: 4\r\n\r\nhsqs",
	  "unsupported",
	  "failed to configure streaming: server sent another range than was asked for", 206 },
	{ "HTTP/1.1 206 x\r\nContent-Range: bytes 0-3/9\r\nContent-Length: 2\r\n\r\nhs", "network",
	  "failed to configure streaming: incomplete HTTP response (2 tries)", 206 },
	{ "HTTP/1.1 302 x\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", "network",
	  "failed to configure streaming: more than 8 redirects, the last one from 127.0.0.1",
	  302 },
	{ "HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
	  "unsupported",
	  "failed to configure streaming: 127.0.0.1 redirects: only http and https can be streamed, not 'file'",
	  302 },
	{ "HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n", "network",
	  "failed to configure streaming: unexpected HTTP response code 503 (2 tries)", 503 },
	{ "nonsense\r\n\r\n", "network", NULL, 0 },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		Answer answers[] = { { refusals[i].head, 1 }, { NULL, 0 } };
		g_autofree World *world = g_new0(World, 1);
		WireHead head;

		g_test_message("%s", refusals[i].head);
		start(world, answers);
		for (;;) {
			g_autofree char *bytes = receive(world, &head);
			const char *message;

			if (head.type == WIRE_WAITING || head.type == WIRE_GOING)
				continue;
			g_assert_cmpuint(head.type, ==, WIRE_FAILED);
			g_assert_true(wire_words_check(bytes, head.size, NULL));
			message = wire_find(bytes, head.size, "message");
			g_test_message("%s", message);
			if (refusals[i].message)
				g_assert_cmpstr(message, ==, refusals[i].message);
			g_assert_cmpstr(wire_find(bytes, head.size, "code"), ==, refusals[i].code);
			g_assert_cmpuint(wire_find_number(bytes, head.size, "http"), ==,
			                 refusals[i].http);
			break;
		}
		stop(world);
		g_assert_true(world->is_ok);
	}
}

/* Another file under the same name, or one that cannot be trusted to be the same. What is only another part
 * of it is tried once more. */
static void test_changed(void)
{
	static const char *const heads[] = {
		"HTTP/1.1 206 x\r\nContent-Range: bytes 4-7/100000\r\nETag: \"b\"\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 206 x\r\nContent-Range: bytes 4-7/100001\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 416 x\r\nContent-Range: bytes */3\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 206 x\r\nContent-Range: bytes 3-6/100000\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 206 x\r\nContent-Range: bytes 4-8/100000\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nabcd",
		"HTTP/1.1 206 x\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nabcd",
	};
	const unsigned first_astray = 3;

	for (unsigned i = 0; i < G_N_ELEMENTS(heads); i++) {
		Answer answers[] = { { NULL, SIZE }, { heads[i], 1 }, { NULL, 0 } };
		g_autofree World *world = g_new0(World, 1);
		WireHead head;

		start(world, answers);
		expect(world, WIRE_OPENED, 0);
		ask(world, 1, 4, 4, 4);
		if (i >= first_astray)
			expect(world, WIRE_WAITING, 0);
		g_autofree char *bytes = receive(world, &head);
		g_assert_cmpuint(head.type, ==, WIRE_FAILED);
		g_assert_cmpuint(head.id, ==, 1);
		g_assert_cmpstr(wire_find(bytes, head.size, "code"), ==, "integrity");
		stop(world);
	}
}

/* Who does not keep to the protocol is left; READ in `type` is sent after OPENED, once and again. */
static void test_protocol(void)
{
	for (unsigned i = 0; i < 3; i++) {
		g_autofree World *world = g_new0(World, 1);
		WireHead head = { .type = 1 };

		start(world, good);
		expect(world, WIRE_OPENED, 0);
		if (i == 0) {
			ask(world, 0, 0, 1, 1);
		} else if (i == 1) {
			ask(world, 5, 0, 100, 0);
			ask(world, 5, 0, 100, 0);
		} else {
			g_assert_true(wire_send(world->theirs, WIRE_OPEN, 0, "url=x", 6, NULL));
		}
		while (head.type)
			g_free(receive(world, &head));
		g_thread_join(g_steal_pointer(&world->runner));
		g_assert_false(world->is_ok);
		g_assert_error(world->error, FAILURE, FAILURE_FORMAT);
		g_clear_error(&world->error);
		stop(world);
	}
}

static const struct {
	const char *key, *value;
	Failure why;
} bad_words[] = {
	{ "url", "file:///x", FAILURE_UNSUPPORTED },
	{ "none", "http://x/", FAILURE_FORMAT },
	{ "url", "", FAILURE_USAGE },
	{ "header", "no colon", FAILURE_CONFIG },
	{ "header", ": no name", FAILURE_CONFIG },
	{ "header", "A: b\r\nC: d", FAILURE_CONFIG },
	{ "info-header", "A: b\n", FAILURE_CONFIG },
};

static void test_order(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bad_words); i++) {
		g_autoptr(GByteArray) words = g_byte_array_new();
		g_autoptr(GError) error = NULL;

		wire_add(words, bad_words[i].key, bad_words[i].value);
		if (bad_words[i].why == FAILURE_CONFIG)
			wire_add(words, "url", "http://x/");
		g_assert_null(order_parse(words->data, words->len, &error));
		g_assert_error(error, FAILURE, (int)bad_words[i].why);
	}
}

int main(int argc, char **argv)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	g_setenv("no_proxy", "*", TRUE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/transfer/read", test_read);
	g_test_add_func("/transfer/resume", test_resume);
	g_test_add_func("/transfer/credit", test_credit);
	g_test_add_func("/transfer/refusals", test_refusals);
	g_test_add_func("/transfer/changed", test_changed);
	g_test_add_func("/transfer/protocol", test_protocol);
	g_test_add_func("/transfer/order", test_order);
	return g_test_run();
}
