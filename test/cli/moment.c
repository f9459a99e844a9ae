/* SPDX-License-Identifier: MIT */

#include "cli/moment.h"

#include <string.h>

#include "base/error.h"

static void test_dates(void)
{
	const struct {
		const char *text, *back;
	} rows[] = {
		{ "2031-06-30", "2031-06-30T23:59:59Z" },
		{ "2028-02-29", "2028-02-29T23:59:59Z" },
		{ "2031-06-30T12:00:00Z", "2031-06-30T12:00:00Z" },
		{ "2031-06-30T12:00:00+02:00", "2031-06-30T10:00:00Z" },
		{ "2031-06-30T12:00:00-00:30", "2031-06-30T12:30:00Z" },
		{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z" },
		{ "9999-12-31", "9999-12-31T23:59:59Z" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		gint64 at = -1;

		g_assert_true(moment_parse(rows[i].text, "--x", &at, NULL));
		g_autofree char *back = moment_format(at);
		g_assert_cmpstr(back, ==, rows[i].back);
	}
}

static void test_refused(void)
{
	static const char *const texts[] = {
		"",
		"tomorrow",
		"2031",
		"2031-06",
		"2031-6-30",
		"2031-02-30",
		"2031-13-01",
		"2029-02-29",
		"2031-06-30T12:00:00",
		"31-06-30",
		"2031-06-30 ",
		" 2031-06-30",
		"2031-W26-1",
		"20310630",
		"2031-06-30T25:00:00Z",
		"2031-06-30x",
		"-031-06-30",
		"2031-06-30T12:00Z",
		"2031-06-30 12:00:00Z",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		gint64 at = 7;

		g_assert_false(moment_parse(texts[i], "--accepted-until", &at, &error));
		g_assert_error(error, FAILURE, FAILURE_USAGE);
		g_assert_true(g_str_has_prefix(error->message, "--accepted-until: '"));
		g_assert_nonnull(strstr(error->message, "is not a date"));
		g_assert_cmpint(at, ==, 7);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/moment/dates", test_dates);
	g_test_add_func("/cli/moment/refused", test_refused);
	return g_test_run();
}
