/* SPDX-License-Identifier: MIT */

#include "cli/moment.h"

#include <string.h>

#include "base/error.h"

/* '0' is a digit, anything else is itself. */
static bool looks_like(const char *text, const char *form)
{
	for (; *form; text++, form++) {
		if (*form == '0' ? !g_ascii_isdigit(*text) : *text != *form)
			return false;
	}
	return !*text;
}

static GDateTime *parse(const char *text)
{
	static const char *const forms[] = { "0000-00-00T00:00:00Z", "0000-00-00T00:00:00+00:00",
		                             "0000-00-00T00:00:00-00:00" };

	if (looks_like(text, "0000-00-00")) {
		g_autofree char *end = g_strconcat(text, "T23:59:59Z", NULL);

		return g_date_time_new_from_iso8601(end, NULL);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
		if (looks_like(text, forms[i]))
			return g_date_time_new_from_iso8601(text, NULL);
	}
	return NULL;
}

bool moment_parse(const char *text, const char *option, gint64 *at, GError **error)
{
	g_autoptr(GDateTime) moment = parse(text);

	if (!moment)
		return fail(error, FAILURE_USAGE,
		            "%s: '%s' is not a date: write it as 2031-06-30 or "
		            "2031-06-30T12:00:00Z",
		            option, text);
	*at = g_date_time_to_unix(moment);
	return true;
}

char *moment_format(gint64 at)
{
	g_autoptr(GDateTime) moment = g_date_time_new_from_unix_utc(at);

	return moment ? g_date_time_format(moment, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("?");
}
