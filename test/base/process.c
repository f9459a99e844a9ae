/* SPDX-License-Identifier: MIT */

#include "base/process.h"

#include "base/error.h"

static void test_capture(void)
{
	g_autofree char *out = process_capture(NULL, "printf", "%s\\n\\n", "a b", NULL);

	g_assert_cmpstr(out, ==, "a b");
	g_assert_true(process_run(NULL, "true", NULL));
}

static void test_failures(void)
{
	g_autoptr(GError) status = NULL, missing = NULL;

	g_assert_false(
		process_run(&status, "sh", "-c", "echo one >&2; echo two >&2; exit 3", NULL));
	g_assert_error(status, FAILURE, FAILURE_TOOL);
	g_assert_cmpstr(status->message, ==, "sh: Child process exited with code 3 (two)");
	g_assert_false(process_run(&missing, "no-such-program-here", NULL));
	g_assert_error(missing, FAILURE, FAILURE_TOOL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/process/capture", test_capture);
	g_test_add_func("/base/process/failures", test_failures);
	return g_test_run();
}
