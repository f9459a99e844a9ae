/* SPDX-License-Identifier: MIT */

#include "source/remote.h"

#include <string.h>

#include "base/error.h"
#include "base/pool.h"
#include "remote_bytes.h"

static Source *open_mode(const char *mode, GError **error)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	RemoteRequest request = { .program = g_getenv("PEER"), .words = words };

	wire_add(words, "url", mode);
	return source_remote_open(&request, error);
}

static Source *open_good(void)
{
	g_autoptr(GError) error = NULL;
	Source *source = open_mode("good", &error);

	g_assert_no_error(error);
	g_assert_cmpuint(source->size, ==, REMOTE_SIZE);
	return source;
}

static void check_read(Source *source, uint64_t at, size_t size)
{
	g_autofree uint8_t *to = g_malloc(size + 1);
	g_autoptr(GError) error = NULL;

	g_assert_true(source_read_at(source, to, size, at, &error));
	g_assert_no_error(error);
	for (size_t i = 0; i < size; i++)
		if (to[i] != remote_byte(at + i))
			g_error("byte %" G_GUINT64_FORMAT " is wrong", at + i);
}

static void test_info(void)
{
	g_autoptr(Source) source = open_good();
	const RemoteInfo *info = source_remote_info(source);

	g_assert_cmpstr(info->url, ==, "http://elsewhere/");
	g_assert_cmpstr(info->etag, ==, "\"e\"");
	g_assert_true(info->is_http2);
	g_assert_cmpuint(info->date, ==, 5);
}

/* Ends, edges of pieces, back and forth. */
static void test_reads(void)
{
	g_autoptr(Source) source = open_good();
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);

	check_read(source, 0, 1);
	check_read(source, REMOTE_SIZE - 8, 8);
	check_read(source, REMOTE_SIZE - 1, 1);
	check_read(source, 65535, 2);
	check_read(source, 65536, 65536);
	for (unsigned i = 0; i < 60; i++) {
		uint64_t at = (uint64_t)g_rand_int_range(rand, 0, REMOTE_SIZE);
		size_t size = (size_t)g_rand_int_range(rand, 0, 300000);

		check_read(source, at, MIN(size, REMOTE_SIZE - at));
	}
	g_assert_false(source_read_at(source, NULL, 1, REMOTE_SIZE, NULL));
}

/* All of it in order, as a slot is written, with and without saying so before. */
static void test_in_order(void)
{
	for (unsigned told = 0; told < 2; told++) {
		g_autoptr(Source) source = open_good();

		if (told)
			source_prefetch(source, REMOTE_SIZE, 0);
		for (uint64_t at = 0; at < REMOTE_SIZE; at += 100000)
			check_read(source, at, MIN(100000, REMOTE_SIZE - at));
	}
}

/* In order but for holes larger than what may be ahead: credit must not run dry. */
static void test_holes(void)
{
	g_autoptr(Source) source = open_good();

	source_prefetch(source, REMOTE_SIZE, 0);
	for (uint64_t at = 0; at + 5000 < REMOTE_SIZE; at += 5 * 1024 * 1024)
		check_read(source, at, 5000);
	check_read(source, 100, 5000); /* and back */
	for (uint64_t at = 0; at + 5000 < REMOTE_SIZE; at += 12 * 1024 * 1024)
		check_read(source, at, 5000);
}

typedef struct {
	Source *source;
} Work;

#define PART 200000

static void *produce(void *user, uint64_t item, GError **error G_GNUC_UNUSED)
{
	Work *work = user;
	uint64_t at = item * PART;

	check_read(work->source, at, MIN(PART, REMOTE_SIZE - at));
	return work;
}

static bool consume(void *user G_GNUC_UNUSED, uint64_t item G_GNUC_UNUSED, void *made G_GNUC_UNUSED,
                    GError **error G_GNUC_UNUSED)
{
	return true;
}

/* Several readers, as the pool has them. */
static void test_pool(void)
{
	static const PoolWork work = { .produce = produce, .consume = consume };
	g_autoptr(Pool) pool = pool_new(4, 10);
	g_autoptr(Source) source = open_good();
	Work user = { source };

	source_prefetch(source, REMOTE_SIZE / 2, 0);
	g_assert_true(pool_run(pool, (REMOTE_SIZE + PART - 1) / PART, &work, &user, NULL));
}

/* Hundreds of ranges that were announced before, read by several. */
static void *produce_range(void *user, uint64_t item, GError **error G_GNUC_UNUSED)
{
	Work *work = user;

	check_read(work->source, item * PART / 2, 5000);
	return work;
}

static void test_ranges(void)
{
	static const PoolWork work = { .produce = produce_range, .consume = consume };
	g_autoptr(Pool) pool = pool_new(4, 10);
	g_autoptr(Source) source = open_good();
	uint64_t n = REMOTE_SIZE / (PART / 2);
	Work user = { source };

	for (uint64_t i = 0; i < n; i++)
		source_prefetch(source, 5000, i * PART / 2);
	g_assert_true(pool_run(pool, n, &work, &user, NULL));
}

/* A helper that ends in the middle of a request, or of several: another one brings the rest. */
static void test_another_helper(void)
{
	static const PoolWork work = { .produce = produce, .consume = consume };

	for (unsigned told = 0; told < 2; told++) {
		g_autoptr(Pool) pool = pool_new(4, 10);
		g_autoptr(Source) source = open_mode("die-once", NULL);
		Work user = { source };

		check_read(source, 100, 5000);
		if (told)
			source_prefetch(source, REMOTE_SIZE - 2 * 1024 * 1024, 2 * 1024 * 1024);
		else
			check_read(source, 3 * 1024 * 1024, 5000000);
		source_prefetch(source, REMOTE_SIZE, 0);
		g_assert_true(pool_run(pool, (REMOTE_SIZE + PART - 1) / PART, &work, &user, NULL));
	}
}

/* Closed just when a helper has ended. */
static void test_closed_meanwhile(void)
{
	for (unsigned i = 0; i < 20; i++) {
		g_autoptr(Source) source = open_mode("die", NULL);

		source_prefetch(source, 1024 * 1024, 2 * 1024 * 1024);
		g_usleep(i * 500);
	}
}

static const struct {
	const char *mode;
	bool opens;
	int why;
	const char *part;
} bad[] = {
	{ "refuse", false, FAILURE_NOT_FOUND, "no such bundle" },
	{ "end", false, FAILURE_TOOL, "rauc-fetch has ended 6 times: the other process has ended" },
	{ "no-size", false, FAILURE_FORMAT, "neither address nor size" },
	{ "fail", true, FAILURE_INTEGRITY, "has changed on the server" },
	{ "die", true, FAILURE_TOOL, "rauc-fetch has ended 6 times: " },
	{ "die-changed", true, FAILURE_INTEGRITY, "has changed on the server" },
	{ "die-refuse", true, FAILURE_NETWORK, "forbidden" },
	{ "too-much", true, FAILURE_FORMAT, "more than was asked for" },
};

static void test_bad(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		uint8_t to[16];
		g_autoptr(GError) error = NULL;
		g_autoptr(Source) source = open_mode(bad[i].mode, &error);

		g_test_message("%s", bad[i].mode);
		g_assert_true((source != NULL) == bad[i].opens);
		for (unsigned n = 0; source && !error && n < 50; n++)
			source_read_at(source, to, sizeof(to), 2000000 + n * 700000, &error);
		g_assert_error(error, FAILURE, bad[i].why);
		g_assert_nonnull(strstr(error->message, bad[i].part));
	}
}

/* Its end is read first, then the rest in order, by several; going back begins anew, but not for ever. */
static void test_no_ranges(void)
{
	static const PoolWork work = { .produce = produce, .consume = consume };
	g_autoptr(Pool) pool = pool_new(3, 8);
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) source = open_mode("no-ranges", &error);
	Work user = { source };
	uint8_t to[16];
	unsigned n = 0;

	g_assert_no_error(error);
	g_assert_false(source_remote_info(source)->has_ranges);
	check_read(source, REMOTE_SIZE - 8, 8);
	check_read(source, REMOTE_SIZE - 1500000, 1500000); /* also across where the kept begins */
	check_read(source, 0, 100);
	source_prefetch(source, REMOTE_SIZE / 2, REMOTE_SIZE / 2);
	g_assert_true(pool_run(pool, (REMOTE_SIZE + PART - 1) / PART, &work, &user, NULL));
	for (; n < 20 && !error; n++)
		source_read_at(source, to, sizeof(to), 30000000 - n * 1000000, &error);
	g_assert_error(error, FAILURE, FAILURE_UNSUPPORTED);
	g_assert_cmpuint(n, >, 4);
	g_assert_nonnull(strstr(error->message, "range requests not supported by server"));
	check_read(source, REMOTE_SIZE - 100, 100);
}

static void note(void *user, const RemoteWaiting *waiting)
{
	GString *heard = user;

	if (waiting)
		g_string_append_printf(heard, "[%s|%s|%u|%u]", waiting->message, waiting->reason,
		                       waiting->seconds, waiting->attempt);
	else
		g_string_append(heard, "[going]");
}

static void test_waiting(void)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	g_autoptr(GString) heard = g_string_new(NULL);
	RemoteRequest request = {
		.program = g_getenv("PEER"), .words = words, .waiting = note, .user_data = heard
	};

	wire_add(words, "url", "wait");
	g_autoptr(Source) source = source_remote_open(&request, NULL);
	g_assert_nonnull(source);
	g_assert_cmpstr(heard->str, ==, "[waiting for network|gone|1|3][going]");
}

static void take_stats(void *user, const RemoteStats *stats)
{
	*(RemoteStats *)user = *stats;
}

/* What the other side says last of all is heard, whether it ends or has to be ended. */
static void test_last_words(void)
{
	static const char *const modes[] = { "good", "stay" };

	for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
		g_autoptr(GByteArray) words = g_byte_array_new();
		RemoteStats stats = { 0 };
		RemoteRequest request = { .program = g_getenv("PEER"),
			                  .words = words,
			                  .fetched = take_stats,
			                  .user_data = &stats };

		wire_add(words, "url", modes[i]);
		Source *source = source_remote_open(&request, NULL);
		check_read(source, 1000, 5000);
		source_unref(source);
		g_assert_cmpuint(stats.size, ==, REMOTE_SIZE);
		g_assert_cmpuint(stats.requests, ==, 7);
		g_assert_cmpuint(stats.bytes, ==, 8);
		g_assert_cmpuint(stats.retries, ==, 9);
		g_assert_cmpuint(stats.waited_ms, ==, 10);
	}
}

static void *ask(void *user)
{
	g_usleep(200 * 1000);
	g_assert_true(cancel_ask(user, "by another thread"));
	return NULL;
}

/* Who waits for a server, or for bytes that do not come, is told. */
static void test_cancelled(void)
{
	static const char *const modes[] = { "never", "mute" };

	for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
		g_autoptr(GByteArray) words = g_byte_array_new();
		g_autoptr(Cancel) cancel = cancel_new();
		g_autoptr(GError) error = NULL;
		RemoteRequest request = { .program = g_getenv("PEER"),
			                  .words = words,
			                  .cancel = cancel };
		uint8_t byte;

		wire_add(words, "url", modes[i]);
		GThread *thread = g_thread_new("ask", ask, cancel);
		g_autoptr(Source) source = source_remote_open(&request, &error);
		g_assert_true(!source == (i == 0));
		g_assert_false(source && source_read_at(source, &byte, 1, 5000000, &error));
		g_thread_join(thread);
		g_assert_error(error, FAILURE, FAILURE_CANCELLED);
		g_assert_cmpstr(error->message, ==, "cancelled by another thread");
	}
}

static void test_no_program(void)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	RemoteRequest request = { .program = "/nowhere/rauc-fetch", .words = words };
	g_autoptr(GError) error = NULL;

	wire_add(words, "url", "x");
	g_assert_null(source_remote_open(&request, &error));
	g_assert_error(error, FAILURE, FAILURE_TOOL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* that a helper ended is a warning, and here it is meant to */
	g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
	g_test_add_func("/source/remote/info", test_info);
	g_test_add_func("/source/remote/reads", test_reads);
	g_test_add_func("/source/remote/in-order", test_in_order);
	g_test_add_func("/source/remote/holes", test_holes);
	g_test_add_func("/source/remote/pool", test_pool);
	g_test_add_func("/source/remote/ranges", test_ranges);
	g_test_add_func("/source/remote/another-helper", test_another_helper);
	g_test_add_func("/source/remote/closed-meanwhile", test_closed_meanwhile);
	g_test_add_func("/source/remote/bad", test_bad);
	g_test_add_func("/source/remote/no-ranges", test_no_ranges);
	g_test_add_func("/source/remote/waiting", test_waiting);
	g_test_add_func("/source/remote/last-words", test_last_words);
	g_test_add_func("/source/remote/cancelled", test_cancelled);
	g_test_add_func("/source/remote/no-program", test_no_program);
	return g_test_run();
}
