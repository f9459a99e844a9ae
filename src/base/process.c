/* SPDX-License-Identifier: MIT */

#include "base/process.h"

#include <string.h>

#include "base/error.h"

static GStrv collect(const char *program, va_list args)
{
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

	for (const char *arg = program; arg; arg = va_arg(args, const char *))
		g_strv_builder_add(argv, arg);
	return g_strv_builder_end(argv);
}

static bool run(GStrv argv, char **out, GError **error)
{
	g_autofree char *complaint = NULL;
	g_autofree char *line = g_strjoinv(" ", argv);
	g_autoptr(GError) reason = NULL;
	GSpawnFlags flags = G_SPAWN_SEARCH_PATH | (out ? 0 : G_SPAWN_STDOUT_TO_DEV_NULL);
	int status;

	g_debug("run: %s", line);
	if (!g_spawn_sync(NULL, argv, NULL, flags, NULL, NULL, out, &complaint, &status, &reason))
		return fail(error, FAILURE_TOOL, "%s: %s", argv[0], reason->message);
	if (!g_spawn_check_wait_status(status, &reason)) {
		const char *last = strrchr(g_strchomp(complaint), '\n');

		return fail(error, FAILURE_TOOL, "%s: %s (%s)", argv[0], reason->message,
		            last ? last + 1 : complaint);
	}
	return true;
}

bool process_run(GError **error, const char *program, ...)
{
	va_list args;

	va_start(args, program);
	g_auto(GStrv) argv = collect(program, args);
	va_end(args);
	return run(argv, NULL, error);
}

bool process_run_argv(GStrv argv, GError **error)
{
	return run(argv, NULL, error);
}

char *process_capture(GError **error, const char *program, ...)
{
	va_list args;

	va_start(args, program);
	g_auto(GStrv) argv = collect(program, args);
	va_end(args);
	return process_capture_argv(argv, error);
}

char *process_capture_argv(GStrv argv, GError **error)
{
	g_autofree char *out = NULL;

	if (!run(argv, &out, error))
		return NULL;
	return g_strchomp(g_steal_pointer(&out));
}
