/* SPDX-License-Identifier: MIT */

#include "model/window.h"

#include <string.h>

#include "base/error.h"

static const struct {
	const char *text;
	unsigned days;
	int from, to;
} good[] = {
	{ "02:00-05:00", 0x7f, 120, 300 },
	{ "00:00-24:00", 0x7f, 0, 1440 },
	{ "  Mon 02:00-05:00 ", 0x01, 120, 300 },
	{ "mon..fri 22:00-04:00", 0x1f, 1320, 240 },
	{ "Sat,Sun 00:00-24:00", 0x60, 0, 1440 },
	{ "Fri..Mon 01:00-02:00", 0x71, 60, 120 },
	{ "Mon..Wed,Sat 23:59-00:00", 0x27, 1439, 0 },
};

static void test_parse(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
		UpdateWindow window;

		g_assert_true(window_parse(good[i].text, &window, NULL));
		g_assert_cmpuint(window.days, ==, good[i].days);
		g_assert_cmpint(window.from, ==, good[i].from);
		g_assert_cmpint(window.to, ==, good[i].to);
	}
}

static void test_refuse(void)
{
	static const char *const bad[] = { "",
		                           "always",
		                           "2:00-5:00",
		                           "02:00",
		                           "02:00-",
		                           "02:00-03:00-04:00",
		                           "02:60-03:00",
		                           "24:00-24:00",
		                           "24:01-25:00",
		                           "24:00-01:00",
		                           "02:00-02:00",
		                           "Mo 02:00-03:00",
		                           "Mon.. 02:00-03:00",
		                           "Mon, 02:00-03:00",
		                           "Mon..Tue..Wed 02:00-03:00",
		                           "Mon Tue 02:00-03:00",
		                           "02:00-05:00 Mon",
		                           "-2:00-03:00" };

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		UpdateWindow window;

		g_assert_false(window_parse(bad[i], &window, &error));
		g_assert_error(error, FAILURE, FAILURE_CONFIG);
		g_assert_nonnull(strstr(error->message, bad[i]));
	}
}

static const struct {
	const char *texts; /* separated by ; */
	int weekday, hour, minute, wait;
} waits[] = {
	{ "", 3, 12, 0, 0 },
	{ "02:00-05:00", 3, 2, 0, 0 },
	{ "02:00-05:00", 3, 4, 59, 0 },
	{ "02:00-05:00", 3, 5, 0, 21 * 60 },
	{ "02:00-05:00", 3, 1, 59, 1 },
	{ "22:00-04:00", 3, 23, 0, 0 },
	{ "22:00-04:00", 3, 3, 59, 0 },
	{ "22:00-04:00", 3, 4, 0, 18 * 60 },
	{ "Fri 22:00-04:00", 6, 3, 0, 0 },             /* of Friday */
	{ "Fri 22:00-04:00", 5, 3, 0, 19 * 60 },       /* not of Thursday */
	{ "Sun 22:00-04:00", 1, 3, 0, 0 },             /* over the end of the week */
	{ "Mon 02:00-03:00", 1, 3, 0, 7 * 1440 - 60 }, /* a week, but for its length */
	{ "Mon 02:00-03:00", 7, 23, 0, 3 * 60 },
	{ "Sat,Sun 00:00-24:00", 7, 23, 59, 0 },
	{ "Sat,Sun 00:00-24:00", 1, 0, 0, 5 * 1440 },
	{ "Mon 02:00-03:00;12:00-13:00", 3, 12, 30, 0 },
	{ "Mon 02:00-03:00;12:00-13:00", 3, 11, 30, 30 },
	{ "00:00-24:00", 2, 0, 0, 0 },
};

static void test_wait(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(waits); i++) {
		g_auto(GStrv) texts = g_strsplit(waits[i].texts, ";", -1);
		int moment = window_moment(waits[i].weekday, waits[i].hour, waits[i].minute);

		g_test_message("%s at %d", waits[i].texts, moment);
		g_assert_cmpint(window_wait((const char *const *)texts, moment), ==, waits[i].wait);
	}
	g_assert_cmpint(window_wait(NULL, 0), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/window/parse", test_parse);
	g_test_add_func("/model/window/refuse", test_refuse);
	g_test_add_func("/model/window/wait", test_wait);
	return g_test_run();
}
