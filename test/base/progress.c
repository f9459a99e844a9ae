/* SPDX-License-Identifier: MIT */

#include "base/progress.h"

static void report(void *user, int percent, const char *text, int depth,
                   uint64_t bytes G_GNUC_UNUSED, uint64_t total G_GNUC_UNUSED)
{
	g_string_append_printf(user, "%d %d%% %s\n", depth, percent, text);
}

static void test_tree(void)
{
	g_autoptr(GString) told = g_string_new(NULL);
	Progress *root = progress_new("Installing", 10, report, told);
	Progress *one = progress_begin(root, 4, 2, "Checking %s", "bundle");

	progress_end(progress_begin(one, 1, 0, "Verifying signature"), true);
	progress_end(one, true);
	Progress *copy = progress_begin(root, 6, 0, "Copying");
	progress_bytes(copy, 0, 8);
	progress_bytes(copy, 4, 8);
	progress_bytes(copy, 4, 8);
	progress_bytes(copy, 3, 8);
	progress_bytes(copy, 8, 8);
	progress_end(copy, true);
	progress_end(root, true);
	g_assert_cmpstr(told->str, ==,
	                "1 0% Installing\n2 0% Checking bundle\n3 0% Verifying signature\n"
	                "3 20% Verifying signature done.\n2 40% Checking bundle done.\n"
	                "2 40% Copying\n2 40% Copying\n2 70% Copying\n2 99% Copying\n"
	                "2 99% Copying done.\n1 100% Installing done.\n");
}

static void test_failure(void)
{
	g_autoptr(GString) told = g_string_new(NULL);
	Progress *root = progress_new("Installing", 2, report, told);

	progress_end(progress_begin(root, 1, 0, "Checking"), false);
	progress_end(root, false);
	g_assert_cmpstr(told->str, ==,
	                "1 0% Installing\n2 0% Checking\n2 0% Checking failed.\n"
	                "1 100% Installing failed.\n");
}

static void test_miscounted(void)
{
	g_autoptr(GString) told = g_string_new(NULL);
	Progress *root = progress_new("r", 1, report, told);

	for (int i = 0; i < 3; i++)
		progress_end(progress_begin(root, 1, 0, "x"), true);
	progress_end(progress_begin(NULL, 1, 0, "nobody"), true);
	progress_bytes(NULL, 1, 2);
	progress_end(root, true);
	g_assert_null(g_strstr_len(told->str, -1, "101%"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/progress/tree", test_tree);
	g_test_add_func("/base/progress/failure", test_failure);
	g_test_add_func("/base/progress/miscounted", test_miscounted);
	return g_test_run();
}
