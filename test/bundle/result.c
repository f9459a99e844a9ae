/* SPDX-License-Identifier: MIT */

#include "bundle/result.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "bundle/maker.h"

static Maker *maker;

static unsigned count_entries(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	unsigned n = 0;

	while (g_dir_read_name(dir))
		n++;
	return n;
}

static void test_name_appears_last(void)
{
	g_autofree char *folder = maker_path(maker, "out");
	g_autofree char *name = g_build_filename(folder, "x.raucb", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(mkdir(folder, 0700), ==, 0);
	{
		g_auto(Result) result = RESULT_NONE;

		g_assert_true(result_open(&result, name, &error));
		g_assert_true(fd_write(result.fd, "abc", 3, name, &error));
		g_assert_false(g_file_test(name, G_FILE_TEST_EXISTS));
	}
	g_assert_cmpuint(count_entries(folder), ==, 0);
	{
		g_auto(Result) result = RESULT_NONE;

		g_assert_true(result_open(&result, name, &error));
		g_assert_true(fd_write(result.fd, "abc", 3, name, &error));
		g_assert_true(result_publish(&result, &error));
	}
	g_assert_no_error(error);
	g_assert_cmpuint(count_entries(folder), ==, 1);
}

static void test_taken(void)
{
	g_autofree char *name = maker_path(maker, "taken.raucb");
	g_auto(Result) early = RESULT_NONE, late = RESULT_NONE;
	g_autoptr(GError) error = NULL;

	g_assert_true(result_open(&early, name, &error));
	g_assert_no_error(error);
	g_assert_true(g_file_set_contents(name, "mine", -1, NULL));
	g_assert_false(result_publish(&early, &error));
	g_assert_nonnull(strstr(error->message, "already exists"));
	g_clear_error(&error);
	g_assert_false(result_open(&late, name, &error));
	g_assert_nonnull(strstr(error->message, "already exists"));

	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(name, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "mine");
}

static void test_verify(void)
{
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	g_autofree char *name = maker_path(maker, "junk.raucb");
	ResultCheck nobody = { 0 }, somebody = { .keyring = keyring };
	g_auto(Result) result = RESULT_NONE;
	g_autoptr(GError) error = NULL;

	g_assert_true(result_open(&result, name, &error));
	g_assert_true(fd_write(result.fd, "this is no bundle", 17, name, &error));
	g_assert_true(result_verify(&result, &nobody, &error));
	g_assert_no_error(error);
	g_assert_false(result_verify(&result, &somebody, &error));
	g_assert_nonnull(strstr(error->message, "verifying the new bundle"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/result/name-appears-last", test_name_appears_last);
	g_test_add_func("/bundle/result/taken", test_taken);
	g_test_add_func("/bundle/result/verify", test_verify);

	int status = g_test_run();
	maker_free(maker);
	return status;
}
