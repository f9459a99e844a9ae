/* SPDX-License-Identifier: MIT */

#include "source/source.h"

#include "base/error.h"

static void test_read(void)
{
	GBytes *bytes = g_bytes_new("0123456789", 10);
	g_autoptr(Source) source = source_memory_new(bytes);
	g_autoptr(GError) error = NULL;
	char to[4] = "";

	g_bytes_unref(bytes); /* the source has its own reference */
	g_assert_cmpuint(source->size, ==, 10);
	g_assert_true(source_read_at(source, to, 3, 7, &error));
	g_assert_cmpmem(to, 3, "789", 3);
	g_assert_false(source_read_at(source, to, 4, 7, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
}

static void test_empty(void)
{
	g_autoptr(GBytes) bytes = g_bytes_new(NULL, 0);
	g_autoptr(Source) source = source_memory_new(bytes);
	g_autoptr(GError) error = NULL;

	g_assert_true(source_read_at(source, NULL, 0, 0, &error));
	g_assert_no_error(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/memory/read", test_read);
	g_test_add_func("/source/memory/empty", test_empty);
	return g_test_run();
}
