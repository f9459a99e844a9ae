/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How `rauc install` ended, for programs: an object of JSON. For people it is the exit code and
 * what stands on stderr.
 */

#include <glib.h>
#include <stdbool.h>

#include "install/install.h"

/* Also the exit codes (chapter 4.4). */
typedef enum {
	OUTCOME_SUCCEEDED = 0,
	OUTCOME_FAILED = 1,
	OUTCOME_SERVICE = 2,     /* the service did not come, did not take the call or went away */
	OUTCOME_INTERRUPTED = 3, /* Ctrl+C; the service goes on */
	OUTCOME_CANCELLED = 4,   /* the installation, by whomever; the old system boots */
} OutcomeResult;

typedef struct {
	OutcomeResult result;
	/* Why it is not OUTCOME_SUCCEEDED; NULL: not known. Names as in doc/errors.md. */
	char *code, *stage, *slot, *message, *hint;
	bool can_retry;
	InstallStatistics statistics;
	bool has_statistics;
} Outcome;

/* `report` NULL: not known where. */
void outcome_take_error(Outcome *outcome, const GError *error, const InstallReport *report);
/* LastErrorInfo of the service (a{sv}). An empty one changes nothing. */
void outcome_take_info(Outcome *outcome, GVariant *info);
/* LastStatistics of the service (a{sv}); of an empty one nothing is taken. */
void outcome_take_statistics(Outcome *outcome, GVariant *statistics);
void outcome_clear(Outcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

void outcome_show_json(GString *to, const Outcome *outcome, const char *bundle, bool is_pretty);
