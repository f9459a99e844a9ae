/* SPDX-License-Identifier: MIT */

/* rauc install: the installation in this process, and its progress on stdout. */

#include "install/install.h"

#include <stdio.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/interrupt.h"
#include "cli/location.h"
#include "cli/output.h"
#include "cli/progress_bar.h"

/* Reports may come from any thread of the installation. */
typedef struct {
	const char *path;
	ProgressBar *bar;
	GMutex lock;
} Screen;

static void print(const GString *text)
{
	output_bytes(text);
	fflush(stdout);
}

static void show_progress(void *user, int percent, const char *text, int depth G_GNUC_UNUSED,
                          uint64_t bytes, uint64_t total)
{
	Screen *screen = user;
	g_autoptr(GString) out = g_string_new(NULL);

	g_mutex_lock(&screen->lock);
	progress_bar_report(screen->bar, out, g_get_monotonic_time(), percent, text, bytes, total);
	print(out);
	g_mutex_unlock(&screen->lock);
}

/* Anything else that has to be said, on a line of its own. */
static void say(Screen *screen, const char *format, const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);

	g_mutex_lock(&screen->lock);
	progress_bar_clear(screen->bar, out);
	g_string_append_printf(out, format, text);
	print(out);
	g_mutex_unlock(&screen->lock);
}

static void show_message(void *user, const char *text)
{
	Screen *screen = user;

	say(screen, "%s", "");
	g_message("installing %s: %s", screen->path, text);
}

static void show_interrupt(void *user)
{
	say(user, "%s\n", "Ctrl+C is not supported.");
}

static int install(System *system, const Options *options, const char *path)
{
	ProgressBar *bar = progress_bar_new(output_is_terminal() ? output_width() : 0);
	Screen screen = { .path = path, .bar = bar };
	InstallEvents events = { show_message, show_progress, &screen };
	InstallRequest request = {
		.bundle = path,
		.transaction = options->transaction_id,
		.require_manifest_hash = options->require_manifest_hash,
		.handler_args = options->handler_args,
		.ignore_compatible = options->ignore_compatible,
		.ignore_version_limit = options->ignore_version_limit,
	};
	g_autoptr(GError) error = NULL;

	g_mutex_init(&screen.lock);
	say(&screen, "%s\n", "installing");
	Interrupt *interrupt = interrupt_begin(show_interrupt, &screen);
	bool is_ok = install_run(system, &request, &events, &error);
	interrupt_end(interrupt);
	if (!is_ok)
		say(&screen, "LastError: %s\n", error->message);
	say(&screen, "%s\n", "idle");
	if (is_ok) {
		say(&screen, "Installing `%s` succeeded\n", path);
	} else {
		output_complain("Installing `%s` failed", path);
		output_hint(error);
	}
	progress_bar_free(bar);
	g_mutex_clear(&screen.lock);
	return is_ok ? 0 : 1;
}

int command_install(const Options *options)
{
	g_autoptr(GError) error = NULL;

	g_autofree char *path = location_resolve(options->arguments[2], &error);
	g_autoptr(System) system = path ? conf_open_system(options, &error) : NULL;
	if (!system) {
		output_complain("%s", error->message);
		return 1;
	}
	return install(system, options, path);
}
