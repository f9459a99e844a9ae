/* SPDX-License-Identifier: MIT */

#include "source/remote_words.h"

#include "base/error.h"

/* A literal of words: "key=value" with a NUL behind each. */
#define WORDS(text) (text), sizeof(text)

static const struct {
	const char *bytes;
	size_t size;
	int why;
	const char *message;
} errors[] = {
	{ WORDS("code=not-found\0message=gone"), FAILURE_NOT_FOUND, "gone" },
	{ WORDS("code=no-such-code\0message=gone"), FAILURE_NETWORK, "gone" },
	{ WORDS("message=gone"), FAILURE_NETWORK, "gone" },
	{ WORDS("code=io"), FAILURE_IO, "rauc-fetch does not say why it failed" },
};

static void test_errors(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
		g_autoptr(GError) error = remote_words_error(errors[i].bytes, errors[i].size);

		g_assert_error(error, FAILURE, errors[i].why);
		g_assert_cmpstr(error->message, ==, errors[i].message);
	}
}

static const struct {
	const char *bytes;
	size_t size;
	RemoteWaiting waiting;
} waits[] = {
	{ WORDS("message=waiting: x, next try in 3 s\0reason=x\0seconds=3\0attempt=7"),
	  { "waiting: x, next try in 3 s", "x", 3, 7 } },
	{ WORDS("a=b"), { "waiting for network", "", 0, 0 } },
	{ WORDS("seconds=99999999999999\0attempt=-1"), { "waiting for network", "", G_MAXINT, 0 } },
};

static void test_waiting(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(waits); i++) {
		RemoteWaiting found = remote_words_waiting(waits[i].bytes, waits[i].size);

		g_assert_cmpstr(found.message, ==, waits[i].waiting.message);
		g_assert_cmpstr(found.reason, ==, waits[i].waiting.reason);
		g_assert_cmpuint(found.seconds, ==, waits[i].waiting.seconds);
		g_assert_cmpuint(found.attempt, ==, waits[i].waiting.attempt);
	}
}

static void test_stats(void)
{
	RemoteStats stats =
		remote_words_stats(WORDS("requests=1\0bytes=2\0retries=x\0waited-ms=4"));

	g_assert_cmpuint(stats.requests, ==, 1);
	g_assert_cmpuint(stats.bytes, ==, 2);
	g_assert_cmpuint(stats.retries, ==, 0);
	g_assert_cmpuint(stats.waited_ms, ==, 4);
}

static void test_check(void)
{
	static const WireType types[] = { WIRE_FAILED, WIRE_WAITING, WIRE_STATS, WIRE_OPENED };
	const WireHead data = { WIRE_DATA, 4, 1 };

	g_assert_true(remote_words_check(&data, "none", NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
		const WireHead head = { types[i], 4, 0 };
		g_autoptr(GError) error = NULL;

		g_assert_true(remote_words_check(&head, "a=b", NULL));
		g_assert_false(remote_words_check(&head, "none", &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/remote_words/errors", test_errors);
	g_test_add_func("/source/remote_words/waiting", test_waiting);
	g_test_add_func("/source/remote_words/stats", test_stats);
	g_test_add_func("/source/remote_words/check", test_check);
	return g_test_run();
}
