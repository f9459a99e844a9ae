/* SPDX-License-Identifier: MIT */

#include "cli/location.h"

#include "base/error.h"
#include "run.h"

static const struct {
	const char *argument, *error;
} refused[] = {
	{ "/none/there.raucb", "No such file: /none/there.raucb" },
	{ "", NULL }, /* the current folder: is there; opening it is refused later */
	{ "file:x", "Conversion error: *" },
	{ "file://host/x", "file URI with hostname detected. Did you forget to add a leading / ?" },
	{ "file:///none", "No such file: /none" },
	{ "file:///a%2", "Conversion error: *" },
	{ "sftp://x/y.raucb", "'sftp://x/y.raucb': bundles are taken from http, https and file*" },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *path = location_resolve(refused[i].argument, &error);

		g_assert_true(!path == !!refused[i].error);
		if (refused[i].error && !g_pattern_match_simple(refused[i].error, error->message))
			g_error("%s: %s", refused[i].argument, error->message);
	}
}

static void test_found(void)
{
	g_autofree char *here = g_get_current_dir();
	g_autofree char *expected = g_build_filename(here, "a b", NULL);
	g_autofree char *url = g_filename_to_uri(expected, NULL, NULL);
	const char *const arguments[] = { "a b", expected, url };

	run_shell("touch 'a b'");
	for (unsigned i = 0; i < G_N_ELEMENTS(arguments); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *path = location_resolve(arguments[i], &error);

		g_assert_no_error(error);
		g_assert_cmpstr(path, ==, expected);
	}
}

/* A server is asked later. */
static void test_urls(void)
{
	static const char *const urls[] = { "http://x/y.raucb", "HTTPS://x" };

	for (unsigned i = 0; i < G_N_ELEMENTS(urls); i++) {
		g_autofree char *same = location_resolve(urls[i], NULL);

		g_assert_cmpstr(same, ==, urls[i]);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	g_test_add_func("/cli/location/refused", test_refused);
	g_test_add_func("/cli/location/found", test_found);
	g_test_add_func("/cli/location/urls", test_urls);
	int code = g_test_run();
	run_leave();
	return code;
}
