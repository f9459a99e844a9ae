/* SPDX-License-Identifier: MIT */

#include "system/clock.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

#include "model/window.h"

#define WHEN "%Y-%m-%dT%H:%M:%SZ"

/* What says when the image was built, in the order in which a draw is decided. */
static const char *const stamps[] = {
	"/usr/lib/clock-epoch", /* systemd's, made for this */
	"/usr/lib/os-release",
	"/etc/os-release",
};

int64_t clock_now(void)
{
	return time(NULL);
}

int clock_moment(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();

	return window_moment(g_date_time_get_day_of_week(now), g_date_time_get_hour(now),
	                     g_date_time_get_minute(now));
}

bool clock_is_synchronised(void)
{
	const char *instead = g_getenv("RAUC_TEST_CLOCK_SYNCHRONISED");
	struct timex state = { .modes = 0 };

	if (instead)
		return g_str_equal(instead, "yes");
	return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}

static int64_t latest_below(const char *root, const char **source)
{
	int64_t latest = 0;

	*source = NULL;
	for (unsigned i = 0; i < G_N_ELEMENTS(stamps); i++) {
		g_autofree char *path = g_strconcat(root, stamps[i], NULL);
		struct stat st;

		if (stat(path, &st) != 0 || st.st_mtime <= latest)
			continue;
		latest = st.st_mtime;
		*source = stamps[i];
	}
	return latest;
}

int64_t clock_build_time(const char **source)
{
	const char *instead = g_getenv("RAUC_TEST_IMAGE_ROOT");
	int64_t latest = latest_below(instead ? instead : "", source);

	if (!instead && BUILD_EPOCH > latest) {
		latest = BUILD_EPOCH;
		*source = "rauc itself";
	}
	return latest;
}

int64_t clock_build_time_below(const char *root, const char **source)
{
	return *root ? latest_below(root, source) : clock_build_time(source);
}

char *clock_format(int64_t time)
{
	g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(time);

	return when ? g_date_time_format(when, WHEN) : g_strdup("?");
}

int64_t clock_parse(const char *text)
{
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) when = text ? g_date_time_new_from_iso8601(text, utc) : NULL;

	return when ? g_date_time_to_unix(when) : 0;
}
