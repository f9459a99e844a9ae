/* SPDX-License-Identifier: MIT */

#include "source/remote_helper.h"

#include <string.h>

#include "base/error.h"
#include "remote_bytes.h"

typedef struct {
	RemoteHelper helper;
	RemoteInfo info;
	uint64_t size;
	GString *heard;
} World;

static void note(void *user, const RemoteWaiting *waiting)
{
	GString *heard = user;

	if (waiting)
		g_string_append_printf(heard, "[%s|%s|%u|%u]", waiting->message, waiting->reason,
		                       waiting->seconds, waiting->attempt);
	else
		g_string_append(heard, "[going]");
}

static void init(World *world, const char *mode, const char *tries)
{
	g_autoptr(GByteArray) words = g_byte_array_new();

	*world = (World){ .heard = g_string_new(NULL) };
	RemoteRequest request = { .program = g_getenv("PEER"),
		                  .words = words,
		                  .waiting = note,
		                  .user_data = world->heard };

	wire_add(words, "url", mode);
	if (tries)
		wire_add(words, "open-tries", tries);
	remote_helper_init(&world->helper, &request);
	g_assert_true(remote_helper_start(&world->helper, NULL));
}

static void clear(World *world)
{
	remote_helper_clear(&world->helper);
	remote_helper_clear_info(&world->info);
	g_string_free(world->heard, TRUE);
}

static void test_open(void)
{
	World world;

	init(&world, "wait", NULL);
	g_assert_true(remote_helper_open(&world.helper, &world.info, &world.size, NULL));
	g_assert_cmpuint(world.size, ==, REMOTE_SIZE);
	g_assert_cmpstr(world.info.url, ==, "http://elsewhere/");
	g_assert_cmpstr(world.info.etag, ==, "\"e\"");
	g_assert_true(world.info.is_http2);
	g_assert_cmpuint(world.info.date, ==, 5);
	g_assert_cmpstr(world.heard->str, ==, "[waiting for network|gone|1|3][going]");
	clear(&world);
}

static void test_refused(void)
{
	static const struct {
		const char *mode;
		int why;
		unsigned http;
	} rows[] = { { "refuse", FAILURE_NOT_FOUND, 404 },
		     { "no-size", FAILURE_FORMAT, 0 },
		     { "end", FAILURE_IO, 0 } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		World world;

		init(&world, rows[i].mode, NULL);
		g_assert_false(remote_helper_open(&world.helper, &world.info, &world.size, &error));
		g_assert_error(error, FAILURE, rows[i].why);
		g_assert_cmpuint(world.helper.http, ==, rows[i].http);
		g_assert_true(world.helper.has_ended == g_str_equal(rows[i].mode, "end"));
		clear(&world);
	}
}

/* Some times, and then no more; who is impatient stays so. */
static void test_started_again(void)
{
	for (unsigned is_impatient = 0; is_impatient < 2; is_impatient++) {
		g_autoptr(GError) why = NULL, error = NULL;
		World world;

		init(&world, "good", is_impatient ? "1" : NULL);
		g_assert_true(remote_helper_open(&world.helper, &world.info, &world.size, NULL));
		remote_helper_clear_info(&world.info);
		fail(&why, FAILURE_IO, "it was heard no more");
		for (unsigned i = 0; i < 5; i++) {
			g_assert_true(remote_helper_start_again(&world.helper, why, NULL));
			g_assert_true(
				remote_helper_open(&world.helper, &world.info, &world.size, NULL));
			remote_helper_clear_info(&world.info);
		}
		const char *tries =
			wire_find(world.helper.words->data, world.helper.words->len, "open-tries");
		g_assert_cmpstr(tries, ==, is_impatient ? "1" : "2147483647");
		g_assert_false(remote_helper_start_again(&world.helper, why, &error));
		g_assert_error(error, FAILURE, FAILURE_TOOL);
		g_assert_cmpint(world.helper.process.fd, ==, -1);
		clear(&world);
	}
}

static void test_same(void)
{
	char one[] = "\"1\"", two[] = "\"2\"", none[] = "";
	const RemoteInfo a = { .etag = one, .modified = 5 };
	static const struct {
		unsigned etag;
		uint64_t modified;
		bool is_same;
	} rows[] = { { 0, 5, true }, { 1, 5, false }, { 0, 6, false }, { 2, 5, false } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		char *etags[] = { one, two, none };
		RemoteInfo b = { .etag = etags[rows[i].etag], .modified = rows[i].modified };

		g_assert_true(remote_helper_is_same(&a, &b) == rows[i].is_same);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* that it ended is a warning, and here it is meant to */
	g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
	g_test_add_func("/source/remote_helper/open", test_open);
	g_test_add_func("/source/remote_helper/refused", test_refused);
	g_test_add_func("/source/remote_helper/started-again", test_started_again);
	g_test_add_func("/source/remote_helper/same", test_same);
	return g_test_run();
}
