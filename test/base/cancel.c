/* SPDX-License-Identifier: MIT */

#include "base/cancel.h"

#include <poll.h>

#include "base/error.h"

static bool is_readable(const Cancel *cancel)
{
	struct pollfd polled = { cancel_fd(cancel), POLLIN, 0 };

	return poll(&polled, 1, 0) == 1;
}

static void test_ask(void)
{
	g_autoptr(Cancel) cancel = cancel_new();
	g_autoptr(GError) error = NULL, again = NULL;

	g_assert_true(cancel_check(cancel, &error));
	g_assert_no_error(error);
	g_assert_false(is_readable(cancel));
	g_assert_true(cancel_ask(cancel, "by me"));
	g_assert_true(cancel_ask(cancel, "by you"));
	g_assert_true(is_readable(cancel));
	g_assert_false(cancel_check(cancel, &error));
	g_assert_error(error, FAILURE, FAILURE_CANCELLED);
	g_assert_cmpstr(error->message, ==, "cancelled by me");
	g_assert_false(cancel_close(cancel, &again));
	g_assert_error(again, FAILURE, FAILURE_CANCELLED);
}

static void test_blame(void)
{
	g_autoptr(Cancel) cancel = cancel_new();
	g_autoptr(GError) error = NULL;

	fail(&error, FAILURE_IO, "broken");
	cancel_blame(cancel, &error);
	g_assert_error(error, FAILURE, FAILURE_IO);
	cancel_ask(cancel, "by me");
	cancel_blame(cancel, &error);
	g_assert_error(error, FAILURE, FAILURE_CANCELLED);
	cancel_blame(cancel, NULL);
}

static void test_closed(void)
{
	g_autoptr(Cancel) cancel = cancel_new();

	g_assert_true(cancel_close(cancel, NULL));
	g_assert_false(cancel_ask(cancel, "too late"));
	g_assert_true(cancel_check(cancel, NULL));
	g_assert_false(is_readable(cancel));
}

static void test_none(void)
{
	const CancelWatch watch = { NULL, NULL };

	g_assert_false(cancel_ask(NULL, "by me"));
	g_assert_true(cancel_check(NULL, NULL));
	g_assert_true(cancel_close(NULL, NULL));
	g_assert_cmpint(cancel_fd(NULL), ==, -1);
	g_assert_null(cancel_ref(NULL));
	cancel_watch(NULL, &watch);
	cancel_unwatch(NULL, &watch);
	cancel_unref(NULL);
}

static void count(void *user, const GError *why)
{
	g_assert_error(why, FAILURE, FAILURE_CANCELLED);
	++*(unsigned *)user;
}

static void test_watches(void)
{
	g_autoptr(Cancel) cancel = cancel_new();
	unsigned calls[3] = { 0 };
	const CancelWatch watches[] = { { count, &calls[0] },
		                        { count, &calls[1] },
		                        { count, &calls[2] } };

	cancel_watch(cancel, &watches[0]);
	cancel_watch(cancel, &watches[1]);
	cancel_unwatch(cancel, &watches[1]);
	cancel_ask(cancel, "by me");
	cancel_ask(cancel, "by me");
	cancel_watch(cancel, &watches[2]); /* too late to be told later */
	cancel_unwatch(cancel, &watches[0]);
	cancel_unwatch(cancel, &watches[2]);
	g_assert_cmpuint(calls[0], ==, 1);
	g_assert_cmpuint(calls[1], ==, 0);
	g_assert_cmpuint(calls[2], ==, 1);
}

/* However they meet: either it was cancelled, or it was too late. */
static void *ask(void *user)
{
	return GINT_TO_POINTER(cancel_ask(user, "by another thread"));
}

static void test_race(void)
{
	unsigned n_asked = 0;

	for (unsigned i = 0; i < 500; i++) {
		g_autoptr(Cancel) cancel = cancel_new();
		GThread *thread = g_thread_new("ask", ask, cancel_ref(cancel));
		bool is_closed = cancel_close(cancel, NULL);
		bool is_asked = GPOINTER_TO_INT(g_thread_join(thread));

		g_assert_true(is_closed != is_asked);
		n_asked += is_asked;
		cancel_unref(cancel);
	}
	g_test_message("%u of 500 came in time", n_asked);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/cancel/ask", test_ask);
	g_test_add_func("/base/cancel/blame", test_blame);
	g_test_add_func("/base/cancel/closed", test_closed);
	g_test_add_func("/base/cancel/none", test_none);
	g_test_add_func("/base/cancel/watches", test_watches);
	g_test_add_func("/base/cancel/race", test_race);
	return g_test_run();
}
