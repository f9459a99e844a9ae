/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The search for updates, for whichever door: ask the server what it has (with its ETag, so that
 * the same costs a few hundred bytes), look at this device and at what was tried before, decide.
 * Who installs it says so before and after, and so nothing that failed is tried for ever.
 */

#include <glib.h>
#include <stdbool.h>

#include "bundle/bundle.h"
#include "install/decision.h"
#include "system/history.h"
#include "system/stream.h"
#include "system/system.h"

typedef struct {
	const char *url;
	StreamAccess access;         /* the user's part of it */
	const char *const *criteria; /* see DecisionFacts */
	const char *const *install_criteria;
	const char *const *inhibit_files; /* besides those of [update]; NULL: none */
	const char *system_version;       /* NULL: as update_running_version() has it */
	int moment;                       /* of the week, in local time: window_moment() */
	bool is_forced;
	/* Something new was offered: while it is open. NULL: not wanted. */
	void (*seen)(void *user, const Bundle *bundle);
	void *user;
} UpdateRequest;

typedef struct {
	Decision decision;
	StreamAnswer answer; /* of the server; 304: what it had is what it has */
	uint64_t bytes;      /* that came, as far as we were told */
} Update;

void update_clear(Update *update);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Update, update_clear)

/* What this boot says about the installation before it: that it did not boot, or that it is good; and of one in this
 * boot, where it lies. To be called again after an installation, with a fresh status. */
void update_learn(System *system, History *history);

/* Ask and decide. What is on offer is in the history then. Nothing is saved. */
bool update_check(System *system, History *history, const UpdateRequest *request, Update *update,
                  GError **error);
/* Was it the server, or the way to it, so that asking later may help? */
bool update_can_retry(const GError *error);
/* The server could not be asked; `now` Unix, `random` any number. */
void update_note_error(History *history, int64_t now, uint32_t random);
/* The first of these files that is there; NULL: none. */
const char *update_find_inhibitor(const char *const *files);
/* May it be asked? Seconds until then, 0: yes. A clock that went back does not make it longer. */
unsigned update_pause(const History *history, int64_t now);

/* Before what is on offer is installed, and after: `failure` is the name of why not, NULL where it succeeded. */
void update_begin(History *history);
void update_end(History *history, const char *failure);
/* Is it still the boot in which what awaits its boot was installed by us? */
bool update_may_reboot(const History *history);

/* What the system-info handler, the status of the slot, or /etc/os-release (IMAGE_VERSION) says; NULL: nobody. */
char *update_running_version(System *system);
