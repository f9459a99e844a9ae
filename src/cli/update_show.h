/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How `rauc update` ended: lines for people, or one object of JSON.
 */

#include <glib.h>
#include <stdbool.h>

#include "cli/outcome.h"
#include "install/update.h"

/* Also the exit codes; those in between are the codes of `install` (OutcomeResult). */
enum { UPDATE_DONE = 0, UPDATE_FAILED = 1, UPDATE_NO_SERVER = 5, UPDATE_AVAILABLE = 6 };

typedef enum {
	UPDATE_REBOOT_NONE,      /* nothing waits for one */
	UPDATE_REBOOT_NEEDED,    /* it is for somebody else to do */
	UPDATE_REBOOT_REQUESTED, /* it is under way */
	UPDATE_REBOOT_HELD_BACK, /* an inhibitor, or a maintenance window that is closed; later */
	UPDATE_REBOOT_FAILED,
} UpdateReboot;

typedef struct {
	const char *url;
	const History *history; /* what is on offer; NULL: not known */
	const Update *update;   /* NULL: nothing was decided */
	const Outcome *outcome; /* of the installation; NULL: there was none */
	const GError *error; /* why nothing was decided, or why a reboot did not come; NULL: none */
	unsigned pause;      /* seconds until the server is asked again; 0: it was asked */
	UpdateReboot reboot;
	int code;
} UpdateShown;

void update_show_json(GString *to, const UpdateShown *shown, bool is_pretty);
