/* SPDX-License-Identifier: MIT */

#include "cli/progress_bar.h"

#include <string.h>

#include "cli/output.h"

#define MIN_WIDTH   50 /* of a terminal with room for a bar */
#define MAX_BAR     40
#define SECOND      G_USEC_PER_SEC
#define MIN_ELAPSED (SECOND / 2) /* before that a rate says nothing */

struct ProgressBar {
	unsigned width;
	bool is_drawn;
	/* what was last told */
	int percent;
	char *text;
	/* the step whose bytes are counted */
	char *step;
	uint64_t first_bytes, last_bytes;
	gint64 since;
	/* the network is awaited; NULL: it is not */
	char *reason;
	gint64 until;
	unsigned shown; /* seconds */
};

ProgressBar *progress_bar_new(unsigned width)
{
	ProgressBar *bar = g_new0(ProgressBar, 1);

	bar->width = width;
	bar->percent = -1;
	return bar;
}

void progress_bar_free(ProgressBar *bar)
{
	if (!bar)
		return;
	g_free(bar->text);
	g_free(bar->step);
	g_free(bar->reason);
	g_free(bar);
}

/* True when there is something new to show. */
static bool remember(ProgressBar *bar, int percent, const char *text)
{
	if (percent == bar->percent && g_strcmp0(text, bar->text) == 0)
		return false;
	bar->percent = percent;
	g_free(bar->text);
	bar->text = g_strdup(text);
	return true;
}

/* " 12.3 MB/s 0:42 left" for the step that is going on; "" as long as nobody can say. */
static char *describe_speed(ProgressBar *bar, gint64 now, const char *text, uint64_t bytes,
                            uint64_t total)
{
	if (!total)
		return g_strdup("");
	if (g_strcmp0(bar->step, text) != 0 || bytes < bar->last_bytes) {
		g_free(bar->step);
		bar->step = g_strdup(text);
		bar->first_bytes = bytes;
		bar->since = now;
	}
	bar->last_bytes = bytes;

	gint64 elapsed = now - bar->since;
	if (elapsed < MIN_ELAPSED || bytes <= bar->first_bytes)
		return g_strdup("");

	double rate = (double)(bytes - bar->first_bytes) * SECOND / (double)elapsed;
	double left = (double)(total - MIN(bytes, total)) / rate;
	unsigned seconds = (unsigned)MIN(left + 0.5, 359999.0);
	return g_strdup_printf(" %.1f MB/s %u:%02u left", rate / 1e6, seconds / 60, seconds % 60);
}

static void draw_bar(GString *to, unsigned width, int percent)
{
	unsigned filled = width * (unsigned)CLAMP(percent, 0, 100) / 100;

	g_string_append_c(to, '[');
	for (unsigned i = 0; i < width; i++)
		g_string_append_c(to, i < filled ? '#' : ' ');
	g_string_append(to, "] ");
}

/* As many characters as there is room for; the line must not wrap. */
static void append_cut(GString *to, const char *text, unsigned room)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *cut = g_utf8_substring(valid, 0, MIN(room, g_utf8_strlen(valid, -1)));

	output_append_safe(to, cut);
}

static char *describe_waiting(const ProgressBar *bar)
{
	g_autofree char *when = bar->shown ? g_strdup_printf("next try in %u s", bar->shown)
	                                   : g_strdup("trying again");

	return g_strconcat("waiting for network, ", when, *bar->reason ? ": " : "", bar->reason,
	                   NULL);
}

/* The bar comes first, so that it stays in its place while the text changes. */
static void draw(ProgressBar *bar, GString *to, const char *speed)
{
	g_autofree char *waiting = bar->reason ? describe_waiting(bar) : NULL;
	unsigned width = bar->width < MIN_WIDTH ? 0 : MIN(bar->width / 3, MAX_BAR);
	unsigned used = strlen("100% ") + (width ? width + strlen("[] ") : 0) + strlen(speed);
	unsigned room = bar->width > used + 1 ? bar->width - used - 1 : 0;

	g_string_append_printf(to, "\r\033[K%3d%% ", MAX(bar->percent, 0));
	if (width)
		draw_bar(to, width, bar->percent);
	append_cut(to, waiting ? waiting : bar->text ? bar->text : "", room);
	if (room)
		g_string_append(to, speed);
	bar->is_drawn = true;
}

void progress_bar_report(ProgressBar *bar, GString *to, gint64 now, int percent, const char *text,
                         uint64_t bytes, uint64_t total)
{
	bool is_new = remember(bar, percent, text);

	if (bar->width) {
		g_autofree char *speed = describe_speed(bar, now, text, bytes, total);

		if (is_new || total)
			draw(bar, to, bar->reason ? "" : speed);
	} else if (is_new) {
		g_string_append_printf(to, "%3d%% %s\n", percent, text);
	}
}

static unsigned seconds_left(const ProgressBar *bar, gint64 now)
{
	return (unsigned)((MAX(bar->until - now, 0) + SECOND - 1) / SECOND);
}

void progress_bar_wait(ProgressBar *bar, GString *to, gint64 now, const char *reason,
                       unsigned seconds)
{
	bool is_first = !bar->reason;
	char *kept = g_strdup(reason);

	g_free(bar->reason);
	bar->reason = kept;
	bar->until = now + seconds * (gint64)SECOND;
	bar->shown = seconds;
	if (bar->width) {
		draw(bar, to, "");
	} else if (is_first) {
		g_autofree char *text = describe_waiting(bar);

		g_string_append_printf(to, "%3d%% ", MAX(bar->percent, 0));
		output_append_safe(to, text);
		g_string_append_c(to, '\n');
	}
}

void progress_bar_tick(ProgressBar *bar, GString *to, gint64 now)
{
	if (!bar->reason || !bar->width || seconds_left(bar, now) == bar->shown)
		return;
	bar->shown = seconds_left(bar, now);
	draw(bar, to, "");
}

void progress_bar_go(ProgressBar *bar, GString *to)
{
	if (!bar->reason)
		return;
	g_clear_pointer(&bar->reason, g_free);
	if (bar->width)
		draw(bar, to, "");
}

void progress_bar_clear(ProgressBar *bar, GString *to)
{
	if (bar->is_drawn)
		g_string_append(to, "\r\033[K");
	bar->is_drawn = false;
}
