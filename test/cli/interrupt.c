/* SPDX-License-Identifier: MIT */

#include "cli/interrupt.h"

#include <glib.h>
#include <signal.h>
#include <unistd.h>

static void count(void *user)
{
	g_atomic_int_inc((gint *)user);
}

static void test_told_and_survived(void)
{
	gint n = 0;
	Interrupt *interrupt = interrupt_begin(false, count, &n);

	kill(getpid(), SIGINT);
	for (int i = 0; i < 500 && !g_atomic_int_get(&n); i++)
		g_usleep(10000);
	interrupt_end(interrupt);
	g_assert_cmpint(g_atomic_int_get(&n), ==, 1);
}

static void test_term(void)
{
	gint n = 0;
	Interrupt *interrupt = interrupt_begin(true, count, &n);

	kill(getpid(), SIGTERM);
	for (int i = 0; i < 500 && !g_atomic_int_get(&n); i++)
		g_usleep(10000);
	interrupt_end(interrupt);
	g_assert_cmpint(g_atomic_int_get(&n), ==, 1);
}

/* Programs that are started meanwhile must not be ended by Ctrl+C either. */
static void test_children(void)
{
	gint n = 0;
	int status = -1;
	char *argv[] = { "sh", "-c", "kill -INT $$; exit 7", NULL };
	Interrupt *interrupt = interrupt_begin(false, count, &n);

	g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
	                           &status, NULL));
	interrupt_end(interrupt);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 7);
}

static void test_mask_is_as_before(void)
{
	sigset_t before, after;
	gint n = 0;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	interrupt_end(interrupt_begin(false, count, &n));
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	g_assert_cmpint(sigismember(&before, SIGINT), ==, sigismember(&after, SIGINT));
	g_assert_cmpint(n, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/interrupt/told", test_told_and_survived);
	g_test_add_func("/cli/interrupt/term", test_term);
	g_test_add_func("/cli/interrupt/children", test_children);
	g_test_add_func("/cli/interrupt/mask", test_mask_is_as_before);
	return g_test_run();
}
