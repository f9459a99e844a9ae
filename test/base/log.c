/* SPDX-License-Identifier: MIT */

#include "base/log.h"

#include <glib.h>

/* Each case runs in a process of its own: log settings are for a whole program. */
static void test_warning(void)
{
	if (g_test_subprocess()) {
		log_init(false);
		g_debug("hidden");
		g_message("plain");
		g_log_set_always_fatal(G_LOG_FATAL_MASK);
		g_warning("mind the gap");
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stderr("*plain\nwarning: mind the gap\n*");
	g_test_trap_assert_stderr_unmatched("*hidden*");
}

static void test_debug(void)
{
	if (g_test_subprocess()) {
		log_init(true);
		g_debug("shown");
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stderr("*debug: shown\n*");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/log/warning", test_warning);
	g_test_add_func("/base/log/debug", test_debug);
	return g_test_run();
}
