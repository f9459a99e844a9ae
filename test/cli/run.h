/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The program under test ($RAUC), run in a folder of its own.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct {
	int code; /* -1: killed */
	char *out, *err;
	bool is_direct; /* said that there is no service; no longer part of err */
} Run;

/* Words of a shell command line, without the program. */
Run run_rauc(const char *format, ...) G_GNUC_PRINTF(1, 2);
void run_clear(Run *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

/* A line for /bin/sh that must work; "$RAUC" is the program. */
void run_shell(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* A new folder that is the current one until the program ends; removed by run_leave(). */
void run_enter(void);
void run_leave(void);
/* The root of the sources. */
const char *run_sources(void);

/* An input folder "in", signed as "good.raucb"; "keys" are in $CERT, $KEY and $CA. */
void run_make_bundle(void);

/* Command lines that must say no: exit code 1, stderr as the pattern, and no file `output`. */
typedef struct {
	const char *line, *err;
} RunRefused;
void run_assert_refused(const RunRefused *rows, unsigned n, const char *output);

void run_assert_has(const char *text, const char *part);
