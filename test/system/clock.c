/* SPDX-License-Identifier: MIT */

#include "system/clock.h"

#include <time.h>
#include <utime.h>

#include "base/file.h"

static char *root;

static void stamp(const char *name, int64_t when)
{
	g_autofree char *path = g_build_filename(root, name, NULL);
	g_autofree char *folder = g_path_get_dirname(path);
	struct utimbuf times = { when, when };

	g_assert_true(file_make_folders(folder, 0755, NULL));
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
	g_assert_cmpint(utime(path, &times), ==, 0);
}

static const struct {
	int64_t epoch, usr, etc; /* 0: not there */
	int64_t build;
	const char *source;
} builds[] = {
	{ 0, 0, 0, 0, NULL },
	{ 1000, 0, 0, 1000, "/usr/lib/clock-epoch" },
	{ 0, 2000, 0, 2000, "/usr/lib/os-release" },
	{ 0, 0, 3000, 3000, "/etc/os-release" },
	{ 1000, 2000, 1500, 2000, "/usr/lib/os-release" },
	{ 5000, 5000, 5000, 5000, "/usr/lib/clock-epoch" },
};

static void test_build(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(builds); i++) {
		const char *source = "untouched";

		root = g_dir_make_tmp("clock-XXXXXX", NULL);
		g_setenv("RAUC_TEST_IMAGE_ROOT", root, TRUE);
		if (builds[i].epoch)
			stamp("usr/lib/clock-epoch", builds[i].epoch);
		if (builds[i].usr)
			stamp("usr/lib/os-release", builds[i].usr);
		if (builds[i].etc)
			stamp("etc/os-release", builds[i].etc);
		g_assert_cmpint(clock_build_time(&source), ==, builds[i].build);
		g_assert_cmpstr(source, ==, builds[i].source);
		g_assert_cmpint(clock_build_time_below(root, &source), ==, builds[i].build);
		g_assert_cmpint(clock_build_time_below("", &source), ==, builds[i].build);
		g_assert_true(file_remove_tree(root, NULL));
		g_free(root);
	}
}

/* Of this machine: later than the program was thought of, and not from the future. */
static void test_here(void)
{
	const char *source;

	g_unsetenv("RAUC_TEST_IMAGE_ROOT");
	if (!clock_build_time(&source)) {
		g_test_skip("this machine has no os-release");
		return;
	}
	g_assert_nonnull(source);
	g_assert_cmpint(clock_build_time(&source), <=, clock_now() + 24 * 60 * 60);
	g_assert_cmpint(clock_now() - time(NULL), <=, 1);
}

static void test_synchronised(void)
{
	g_setenv("RAUC_TEST_CLOCK_SYNCHRONISED", "yes", TRUE);
	g_assert_true(clock_is_synchronised());
	g_setenv("RAUC_TEST_CLOCK_SYNCHRONISED", "no", TRUE);
	g_assert_false(clock_is_synchronised());
	g_unsetenv("RAUC_TEST_CLOCK_SYNCHRONISED");
	/* The kernel's word; twice the same. */
	g_assert_true(clock_is_synchronised() == clock_is_synchronised());
}

static void test_text(void)
{
	g_autofree char *text = clock_format(1772409600), *none = clock_format(G_MAXINT64);

	g_assert_cmpstr(text, ==, "2026-03-02T00:00:00Z");
	g_assert_cmpstr(none, ==, "?");
	g_assert_cmpint(clock_parse(text), ==, 1772409600);
	g_assert_cmpint(clock_parse("2026-03-02T01:00:00+01:00"), ==, 1772409600);
	g_assert_cmpint(clock_parse(NULL), ==, 0);
	g_assert_cmpint(clock_parse("?"), ==, 0);
}

/* Twice around, as a minute may end in between. */
static void test_moment(void)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		time_t before = time(NULL);
		struct tm local;
		int found = clock_moment();

		localtime_r(&before, &local);
		if (found == (local.tm_wday + 6) % 7 * 24 * 60 + local.tm_hour * 60 + local.tm_min)
			return;
	}
	g_test_fail_printf("the moment is not that of the local clock");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/clock/build", test_build);
	g_test_add_func("/system/clock/here", test_here);
	g_test_add_func("/system/clock/moment", test_moment);
	g_test_add_func("/system/clock/synchronised", test_synchronised);
	g_test_add_func("/system/clock/text", test_text);
	return g_test_run();
}
