/* SPDX-License-Identifier: MIT */

#include "cli/screen.h"

#include <string.h>

static const RemoteWaiting waiting = { "no net, next try in 4 s", "no net", 4, 1 };

/* In a process of its own, whose stdout is no terminal. */
static void test_lines(void)
{
	if (g_test_subprocess()) {
		g_autoptr(Screen) screen = screen_new(true);

		screen_report(screen, 10, "Copying", 0, 0);
		screen_wait(screen, &waiting);
		screen_wait(screen, &waiting);
		screen_wait(screen, NULL);
		screen_report(screen, 11, "Copying", 0, 0);
		screen_clear(screen);
		screen_say(screen, "%s: %u\n", "said", 7u);
		return;
	}
	g_test_trap_subprocess(NULL, 0, 0);
	g_test_trap_assert_passed();
	g_test_trap_assert_stdout("* 10% Copying\n"
	                          " 10% waiting for network, next try in 4 s: no net\n"
	                          " 11% Copying\n"
	                          "said: 7\n*");
}

static void test_none(void)
{
	screen_report(NULL, 10, "Copying", 0, 0);
	screen_wait(NULL, &waiting);
	screen_say(NULL, "said\n");
	screen_clear(NULL);
	screen_free(NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/screen/lines", test_lines);
	g_test_add_func("/cli/screen/none", test_none);
	return g_test_run();
}
