/* SPDX-License-Identifier: MIT */

#include "system/stream.h"

#include <string.h>

#include "base/error.h"

static void test_is_url(void)
{
	const struct {
		const char *location;
		bool is_url;
	} rows[] = {
		{ "http://x/y", true },  { "HTTPS://x", true }, { "https:", true },
		{ "/http://x", false },  { "http", false },     { "file:///x", false },
		{ "sftp://x/y", false }, { "", false },         { "x.raucb", false },
		{ "httpx://x", false },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_true(stream_is_url(rows[i].location) == rows[i].is_url);
}

/* Said before anything is started. */
static void test_headers(void)
{
	const char *const bad[] = { "no colon", "X: a\r\nY: b", "X: a\nb" };

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		const char *headers[] = { bad[i], NULL };
		StreamAccess access = { .headers = headers };
		g_autoptr(Config) config = config_new_default(NULL, NULL);
		g_autoptr(GError) error = NULL;

		g_assert_null(stream_open(config, &access, "http://127.0.0.1:1/x", &error));
		g_assert_error(error, FAILURE, FAILURE_USAGE);
		g_assert_nonnull(
			strstr(error->message, "Failed to stream bundle http://127.0.0.1:1/x: "));
	}
}

static void test_no_user(void)
{
	g_autoptr(Config) config = config_new_default(NULL, NULL);
	g_autoptr(GError) error = NULL;

	g_free(config->streaming.sandbox_user);
	config->streaming.sandbox_user = g_strdup("nobody-at-all");
	g_setenv("RAUC_FETCH", "/nowhere/rauc-fetch", TRUE);
	g_assert_null(stream_open(config, NULL, "http://127.0.0.1:1/x", &error));
	g_test_message("%s", error->message);
	g_assert_nonnull(strstr(error->message, "not found in user database"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/stream/is-url", test_is_url);
	g_test_add_func("/system/stream/headers", test_headers);
	g_test_add_func("/system/stream/no-user", test_no_user);
	return g_test_run();
}
