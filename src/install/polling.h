/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * When the service's poller does what (chapter 10.2), as values: no clock, no bus, no network.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/config.h"

enum { POLLING_TICK_SECONDS = 10, POLLING_MOST_SPEEDUP = 1000 };

typedef enum {
	POLLING_WAIT,   /* for the end of what runs; the time stays */
	POLLING_LATER,  /* try again shortly */
	POLLING_ASK,    /* the server */
	POLLING_REBOOT, /* it is time for it */
} PollingStep;

typedef struct {
	bool is_installing, is_busy;
	bool is_good;             /* the booted slot was marked so in this boot */
	const char *inhibited_by; /* a file; NULL: nothing */
	bool must_reboot;
	bool is_closed; /* no maintenance window is open: no time for a reboot */
} PollingFacts;

/* What to do at a tick that is due; `*why` (static, or of `facts`) is for the log. */
PollingStep polling_step(const PollingFacts *facts, const char **why);

typedef enum { POLLING_INITIAL, POLLING_NORMAL, POLLING_SHORT } PollingDelay;

/* Microseconds. `random` any number; `speedup` from 1. */
int64_t polling_delay(const ConfigPolling *config, PollingDelay kind, uint64_t n_errors,
                      uint32_t random, unsigned speedup);
/* "1d 2h 3m 4s"; the caller's. */
char *polling_describe(int64_t delay);

/* What the status says of a criterion that is met, or of none. */
const char *polling_summary(const char *criterion);

/* After an installation. */
bool polling_wants_reboot(const ConfigPolling *config, bool has_succeeded);
