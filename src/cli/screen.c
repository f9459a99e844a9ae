/* SPDX-License-Identifier: MIT */

#include "cli/screen.h"

#include <signal.h>
#include <stdio.h>

#include "cli/output.h"
#include "cli/progress_bar.h"

struct Screen {
	ProgressBar *bar;
	GMutex lock;
	GCond changed;
	GThread *clock; /* NULL: nothing is drawn again */
	bool is_over;
};

/* Locked. */
static void print(const GString *text)
{
	if (!text->len)
		return;
	output_bytes(text);
	fflush(stdout);
}

static void *run_clock(void *user)
{
	Screen *screen = user;

	g_mutex_lock(&screen->lock);
	while (!screen->is_over) {
		g_autoptr(GString) out = g_string_new(NULL);
		gint64 now = g_get_monotonic_time();

		progress_bar_tick(screen->bar, out, now);
		print(out);
		g_cond_wait_until(&screen->changed, &screen->lock, now + G_USEC_PER_SEC / 4);
	}
	g_mutex_unlock(&screen->lock);
	return NULL;
}

/* Signals are for those who wait for them. */
static GThread *start_clock(Screen *screen)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	GThread *clock = g_thread_new("clock", run_clock, screen);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return clock;
}

Screen *screen_new(bool has_bar)
{
	Screen *screen = g_new0(Screen, 1);
	bool draws = has_bar && output_is_terminal();

	g_mutex_init(&screen->lock);
	g_cond_init(&screen->changed);
	screen->bar = progress_bar_new(draws ? output_width() : 0);
	if (draws)
		screen->clock = start_clock(screen);
	return screen;
}

void screen_free(Screen *screen)
{
	if (!screen)
		return;
	g_mutex_lock(&screen->lock);
	screen->is_over = true;
	g_cond_broadcast(&screen->changed);
	g_mutex_unlock(&screen->lock);
	if (screen->clock)
		g_thread_join(screen->clock);
	progress_bar_free(screen->bar);
	g_mutex_clear(&screen->lock);
	g_cond_clear(&screen->changed);
	g_free(screen);
}

void screen_report(Screen *screen, int percent, const char *text, uint64_t bytes, uint64_t total)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (!screen)
		return;
	g_mutex_lock(&screen->lock);
	progress_bar_report(screen->bar, out, g_get_monotonic_time(), percent, text, bytes, total);
	print(out);
	g_mutex_unlock(&screen->lock);
}

void screen_say(Screen *screen, const char *format, ...)
{
	g_autoptr(GString) out = g_string_new(NULL);
	va_list args;

	if (!screen)
		return;
	g_mutex_lock(&screen->lock);
	progress_bar_clear(screen->bar, out);
	va_start(args, format);
	g_string_append_vprintf(out, format, args);
	va_end(args);
	print(out);
	g_mutex_unlock(&screen->lock);
}

void screen_clear(Screen *screen)
{
	screen_say(screen, "%s", "");
}

void screen_wait(Screen *screen, const RemoteWaiting *waiting)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (!screen)
		return;
	g_mutex_lock(&screen->lock);
	if (waiting)
		progress_bar_wait(screen->bar, out, g_get_monotonic_time(), waiting->reason,
		                  waiting->seconds);
	else
		progress_bar_go(screen->bar, out);
	print(out);
	g_mutex_unlock(&screen->lock);
}
