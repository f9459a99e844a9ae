/* SPDX-License-Identifier: MIT */

#include "model/window.h"

#include <string.h>

#include "base/error.h"

#define EXAMPLE \
	"expected HH:MM-HH:MM, or days before it, as in 'Mon..Fri 22:00-04:00' or 'Sat,Sun 00:00-24:00'"

enum { ALL_DAYS = 0x7f };

/* The number of a day from 0, or -1. */
static int find_day(const char *name)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

	for (int i = 0; i < (int)G_N_ELEMENTS(days); i++) {
		if (g_ascii_strcasecmp(days[i], name) == 0)
			return i;
	}
	return -1;
}

/* "Mon" or "Fri..Mon". */
static bool add_days(const char *text, unsigned *days)
{
	g_auto(GStrv) ends = g_strsplit(text, "..", 2);
	int first = ends[0] ? find_day(ends[0]) : -1;
	int last = ends[0] && ends[1] ? find_day(ends[1]) : first;

	if (first < 0 || last < 0)
		return false;
	for (int day = first;; day = (day + 1) % 7) {
		*days |= 1U << day;
		if (day == last)
			return true;
	}
}

static bool parse_days(const char *text, unsigned *days)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	*days = 0;
	for (char **part = parts; *part; part++) {
		if (!add_days(*part, days))
			return false;
	}
	return *days != 0;
}

/* "HH:MM", up to 24:00. */
static bool parse_time(const char *text, int *minutes)
{
	if (strlen(text) != 5 || text[2] != ':' || !g_ascii_isdigit(text[0]) ||
	    !g_ascii_isdigit(text[1]) || !g_ascii_isdigit(text[3]) || !g_ascii_isdigit(text[4]))
		return false;

	int hour = (text[0] - '0') * 10 + text[1] - '0',
	    minute = (text[3] - '0') * 10 + text[4] - '0';
	*minutes = hour * 60 + minute;
	return minute < 60 && *minutes <= WINDOW_DAY;
}

static bool parse_times(const char *text, UpdateWindow *window)
{
	g_auto(GStrv) ends = g_strsplit(text, "-", -1);

	return g_strv_length(ends) == 2 && parse_time(ends[0], &window->from) &&
	       parse_time(ends[1], &window->to) && window->from < WINDOW_DAY &&
	       window->from != window->to;
}

bool window_parse(const char *text, UpdateWindow *window, GError **error)
{
	g_autofree char *copy = g_strstrip(g_strdup(text));
	char *times = strrchr(copy, ' ');

	window->days = ALL_DAYS;
	if (times) {
		*times++ = '\0';
		g_strchomp(copy);
	}
	if ((times && !parse_days(copy, &window->days)) ||
	    !parse_times(times ? times : copy, window))
		return fail(error, FAILURE_CONFIG, "Invalid maintenance window '%s': " EXAMPLE,
		            text);
	return true;
}

int window_moment(int weekday, int hour, int minute)
{
	return (weekday - 1) * WINDOW_DAY + hour * 60 + minute;
}

/* Until this one opens, 0: it is open. */
static int wait_for(const UpdateWindow *window, int moment)
{
	int length = window->to - window->from, least = WINDOW_WEEK;

	if (length <= 0)
		length += WINDOW_DAY;
	for (int day = 0; day < 7; day++) {
		int begin = day * WINDOW_DAY + window->from;
		int since = (moment - begin + WINDOW_WEEK) % WINDOW_WEEK;

		if (!(window->days & 1U << day))
			continue;
		if (since < length)
			return 0;
		least = MIN(least, WINDOW_WEEK - since);
	}
	return least;
}

int window_wait(const char *const *texts, int moment)
{
	int least = texts && *texts ? WINDOW_WEEK : 0;

	for (; texts && *texts; texts++) {
		UpdateWindow window;

		if (window_parse(*texts, &window, NULL))
			least = MIN(least, wait_for(&window, moment));
	}
	return least;
}
