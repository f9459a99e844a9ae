/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Programs we run.
 *
 * The only place that spawns. Arguments are NULL-terminated and never pass
 * through a shell; a program that exits non-zero is an error with its name,
 * its status and the last line it wrote to stderr.
 */

#include <glib.h>
#include <stdbool.h>

bool process_run(GError **error, const char *program, ...) G_GNUC_NULL_TERMINATED;
bool process_run_argv(GStrv argv, GError **error);

/* Run and return what it printed, trailing white space removed. */
G_GNUC_WARN_UNUSED_RESULT
char *process_capture(GError **error, const char *program, ...) G_GNUC_NULL_TERMINATED;
G_GNUC_WARN_UNUSED_RESULT
char *process_capture_argv(GStrv argv, GError **error);
