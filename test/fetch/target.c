/* SPDX-License-Identifier: MIT */

#include "fetch/target.h"

#include <string.h>

#include "base/error.h"

static const struct {
	const char *text, *url, *host, *port, *user, *password;
	Failure why; /* where there is no url */
} rows[] = {
	{ "http://x/b", "http://x/b", "x", "80", NULL, NULL, 0 },
	{ "HTTPS://Example.COM/B?q=1#there", "https://Example.COM/B?q=1", "example.com", "443",
	  NULL, NULL, 0 },
	{ "http://a:b@x:8080/", "http://x:8080/", "x", "8080", "a", "b", 0 },
	{ "http://a%40b:%3A%2F@x/", "http://x/", "x", "80", "a@b", ":/", 0 },
	{ "http://a@x/", "http://x/", "x", "80", "a", NULL, 0 },
	{ "http://[::1]:81/b", "http://[::1]:81/b", "[::1]", "81", NULL, NULL, 0 },
	{ "file:///etc/passwd", NULL, NULL, NULL, NULL, NULL, FAILURE_UNSUPPORTED },
	{ "ftp://x/b", NULL, NULL, NULL, NULL, NULL, FAILURE_UNSUPPORTED },
	{ "gopher://x/b", NULL, NULL, NULL, NULL, NULL, FAILURE_UNSUPPORTED },
	{ "", NULL, NULL, NULL, NULL, NULL, FAILURE_USAGE },
	{ "/path", NULL, NULL, NULL, NULL, NULL, FAILURE_USAGE },
	{ "http://", NULL, NULL, NULL, NULL, NULL, FAILURE_USAGE },
	{ "http://x:99999/", NULL, NULL, NULL, NULL, NULL, FAILURE_USAGE },
	{ "http://x/a b", NULL, NULL, NULL, NULL, NULL, FAILURE_USAGE },
	{ "http://x/a\r\nHost: y", NULL, NULL, NULL, NULL, NULL, FAILURE_USAGE },
};

static void test_parse(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Target) target = target_parse(rows[i].text, &error);

		g_test_message("%s", rows[i].text);
		if (!rows[i].url) {
			g_assert_null(target);
			g_assert_error(error, FAILURE, (int)rows[i].why);
			continue;
		}
		g_assert_no_error(error);
		g_autoptr(Target) copy = target_copy(target);
		g_assert_cmpstr(copy->url, ==, rows[i].url);
		g_assert_cmpstr(copy->host, ==, rows[i].host);
		g_assert_cmpstr(copy->port, ==, rows[i].port);
		g_assert_cmpstr(copy->user, ==, rows[i].user);
		g_assert_cmpstr(copy->password, ==, rows[i].password);
	}
}

/* A password is in no message. */
static void test_secret(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(target_parse("http://me:s3cret@x:99999/", &error));
	g_assert_null(strstr(error->message, "s3cret"));
}

static const struct {
	const char *from, *location, *url; /* NULL: not followed */
	bool is_same_origin, keeps_user;
} follow_rows[] = {
	{ "http://a:b@x/d/e", "/f", "http://x/f", true, false },
	{ "http://a:b@x/d/e", "f?g", "http://x/d/f?g", true, false },
	{ "http://x/", "http://x:80/f", "http://x:80/f", true, false },
	{ "http://x/", "http://X/f", "http://X/f", true, false },
	{ "http://x/", "https://x/f", "https://x/f", false, false },
	{ "http://x/", "http://x:81/f", "http://x:81/f", false, false },
	{ "http://x/", "//y/f", "http://y/f", false, false },
	{ "http://x/", "http://c:d@y/f", "http://y/f", false, true },
	{ "https://x/", "https://y/f", "https://y/f", false, false },
	{ "https://x/", "http://x/f", NULL, false, false },
	{ "https://x/", "//y:443/f", "https://y:443/f", false, false },
	{ "http://x/", "file:///etc/passwd", NULL, false, false },
	{ "http://x/", "ftp://x/f", NULL, false, false },
	{ "http://x/", "http://y:0x/", NULL, false, false },
	{ "http://x/", "javascript:alert(1)", NULL, false, false },
};

static void test_follow(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(follow_rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Target) from = target_parse(follow_rows[i].from, NULL);
		g_autoptr(Target) to = target_follow(from, follow_rows[i].location, &error);

		g_test_message("%s -> %s", follow_rows[i].from, follow_rows[i].location);
		if (!follow_rows[i].url) {
			g_assert_null(to);
			g_assert_nonnull(error);
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpstr(to->url, ==, follow_rows[i].url);
		g_assert_true(target_same_origin(from, to) == follow_rows[i].is_same_origin);
		g_assert_true((to->user != NULL) == follow_rows[i].keeps_user);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/target/parse", test_parse);
	g_test_add_func("/target/secret", test_secret);
	g_test_add_func("/target/follow", test_follow);
	return g_test_run();
}
