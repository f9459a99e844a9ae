/* SPDX-License-Identifier: MIT */

#include "cli/progress_bar.h"

#include <string.h>

#define SECOND G_USEC_PER_SEC

static const struct {
	int percent;
	const char *text;
	uint64_t bytes, total;
	const char *expected;
} lines[] = {
	{ 0, "Installing", 0, 0, "  0% Installing\n" },
	{ 0, "Installing", 0, 0, "" },
	{ 46, "Copying image to rootfs.1", 1, 100, " 46% Copying image to rootfs.1\n" },
	{ 46, "Copying image to rootfs.1", 2, 100, "" },
	{ 47, "Copying image to rootfs.1", 3, 100, " 47% Copying image to rootfs.1\n" },
	{ 47, "Copying image to rootfs.1 done.", 0, 0, " 47% Copying image to rootfs.1 done.\n" },
	{ 100, "Installing done.", 0, 0, "100% Installing done.\n" },
};

static void test_lines(void)
{
	g_autoptr(ProgressBar) bar = progress_bar_new(0);

	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(GString) out = g_string_new(NULL);

		progress_bar_report(bar, out, i * SECOND, lines[i].percent, lines[i].text,
		                    lines[i].bytes, lines[i].total);
		g_assert_cmpstr(out->str, ==, lines[i].expected);
		progress_bar_clear(bar, out);
		g_assert_cmpstr(out->str, ==, lines[i].expected);
	}
}

static void test_bar(void)
{
	g_autoptr(ProgressBar) bar = progress_bar_new(61);
	g_autoptr(GString) out = g_string_new(NULL);

	progress_bar_report(bar, out, 0, 50, "Copying", 0, 0);
	g_assert_cmpstr(out->str, ==, "\r\033[K 50% [##########          ] Copying");
	g_string_truncate(out, 0);
	progress_bar_clear(bar, out);
	g_assert_cmpstr(out->str, ==, "\r\033[K");
	g_string_truncate(out, 0);
	progress_bar_clear(bar, out);
	g_assert_cmpstr(out->str, ==, "");
}

static void test_speed(void)
{
	g_autoptr(ProgressBar) bar = progress_bar_new(80);
	g_autoptr(GString) out = g_string_new(NULL);
	const uint64_t mega = 1000 * 1000;

	progress_bar_report(bar, out, 10 * SECOND, 40, "Copying", 0, 1000 * mega);
	g_assert_null(strstr(out->str, "MB/s"));
	progress_bar_report(bar, out, 20 * SECOND, 45, "Copying", 100 * mega, 1000 * mega);
	g_assert_true(g_str_has_suffix(out->str, " 10.0 MB/s 1:30 left"));

	/* The next step counts anew, also when it has the same name. */
	g_string_truncate(out, 0);
	progress_bar_report(bar, out, 30 * SECOND, 70, "Copying", 0, 10 * mega);
	g_assert_null(strstr(out->str, "MB/s"));
	progress_bar_report(bar, out, 31 * SECOND, 75, "Copying", 5 * mega, 10 * mega);
	g_assert_true(g_str_has_suffix(out->str, " 5.0 MB/s 0:01 left"));
}

#define BAR "\r\033[K 50% [###########           ] "

/* On a terminal the seconds run down in the place of the text, which comes back. */
static void test_waiting(void)
{
	static const struct {
		double at;
		const char *expected;
	} ticks[] = {
		{ 10, "" },
		{ 10.9, "" },
		{ 11, BAR "waiting for network, next try in 2 s" }, /* cut */
		{ 11.5, "" },
		{ 14, BAR "waiting for network, trying again: n" },
		{ 99, "" },
	};
	g_autoptr(ProgressBar) bar = progress_bar_new(67);
	g_autoptr(GString) out = g_string_new(NULL);

	progress_bar_tick(bar, out, 0);
	progress_bar_go(bar, out);
	g_assert_cmpstr(out->str, ==, "");
	progress_bar_report(bar, out, 0, 50, "Copying", 0, 0);
	g_string_truncate(out, 0);
	progress_bar_wait(bar, out, 10 * SECOND, "no net", 3);
	g_assert_cmpstr(out->str, ==, BAR "waiting for network, next try in 3 s");
	for (unsigned i = 0; i < G_N_ELEMENTS(ticks); i++) {
		g_string_truncate(out, 0);
		progress_bar_tick(bar, out, (gint64)(ticks[i].at * SECOND));
		g_assert_cmpstr(out->str, ==, ticks[i].expected);
	}
	g_string_truncate(out, 0);
	progress_bar_report(bar, out, 99 * SECOND, 50, "Copying more", 5, 10);
	g_assert_cmpstr(out->str, ==, BAR "waiting for network, trying again: n");
	g_string_truncate(out, 0);
	progress_bar_go(bar, out);
	g_assert_cmpstr(out->str, ==, BAR "Copying more");
}

static void test_waiting_wide(void)
{
	g_autoptr(ProgressBar) bar = progress_bar_new(200);
	g_autoptr(GString) out = g_string_new(NULL);

	progress_bar_wait(bar, out, 0, "no\033net", 12);
	g_assert_true(g_str_has_prefix(out->str, "\r\033[K  0% ["));
	g_assert_nonnull(strstr(out->str, "] waiting for network, next try in 12 s: no"));
	g_string_truncate(out, 0);
	progress_bar_tick(bar, out, SECOND + 1);
	g_assert_nonnull(strstr(out->str, "next try in 11 s: no"));
	g_assert_null(strstr(out->str + 4, "\033"));
}

/* Elsewhere one line an outage. */
static void test_waiting_lines(void)
{
	g_autoptr(ProgressBar) bar = progress_bar_new(0);
	g_autoptr(GString) out = g_string_new(NULL);

	for (unsigned outage = 0; outage < 2; outage++) {
		for (unsigned i = 0; i < 3; i++) {
			progress_bar_wait(bar, out, 0, outage ? "no server" : "no net", 5 + i);
			progress_bar_tick(bar, out, SECOND);
		}
		progress_bar_go(bar, out);
	}
	g_assert_cmpstr(out->str, ==,
	                "  0% waiting for network, next try in 5 s: no net\n"
	                "  0% waiting for network, next try in 5 s: no server\n");
}

/* Nothing that comes in may break the line or the terminal. */
static void test_hostile(void)
{
	static const char *const texts[] = { "", "\xff\xfe", "a\033[2Jb",
		                             "ääääääääääääääääääääääää",
		                             "a very long text that is longer than any terminal "
		                             "could ever be, so that it has to be cut somewhere" };

	for (unsigned width = 1; width < 100; width++) {
		for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
			g_autoptr(ProgressBar) bar = progress_bar_new(width);
			g_autoptr(GString) out = g_string_new(NULL);

			progress_bar_report(bar, out, 0, 5, texts[i], 0, UINT64_MAX);
			progress_bar_report(bar, out, SECOND, 6, texts[i], 1, UINT64_MAX);
			g_assert_true(g_utf8_validate(out->str, -1, NULL));
			g_assert_null(strstr(out->str, "[2J]"));
			g_assert_null(strstr(out->str, "\033[2J"));
			if (i == 0 || i > 2) { /* the others are shown longer than they are */
				const char *last = strstr(out->str + 1, "\r") + strlen("\r\033[K");

				g_assert_cmpint(g_utf8_strlen(last, -1), <=, MAX(width, 8u));
			}
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/progress_bar/lines", test_lines);
	g_test_add_func("/cli/progress_bar/bar", test_bar);
	g_test_add_func("/cli/progress_bar/speed", test_speed);
	g_test_add_func("/cli/progress_bar/hostile", test_hostile);
	g_test_add_func("/cli/progress_bar/waiting", test_waiting);
	g_test_add_func("/cli/progress_bar/waiting-wide", test_waiting_wide);
	g_test_add_func("/cli/progress_bar/waiting-lines", test_waiting_lines);
	return g_test_run();
}
