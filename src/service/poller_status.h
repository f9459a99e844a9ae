/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the poller knows, and how D-Bus has it (chapter 10.2). Times are microseconds of CLOCK_BOOTTIME, 0: never.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "bundle/bundle.h"
#include "install/update.h"

typedef struct {
	uint64_t attempts, recent_errors;
	int64_t last_attempt, last_success;
	bool is_available;
	const char *summary;     /* NULL: nothing was found out yet */
	char *last_error;        /* NULL: none, or not the last */
	char *attempted_hash;    /* of the last installation; NULL: none */
	GVariant *manifest;      /* NULL: none is known */
	StreamAnswer bundle;     /* with a manifest */
	char *decision, *reason; /* ours */
} PollerStatus;

void poller_status_clear(PollerStatus *status);

/* As InspectBundle has it; floating. */
GVariant *poller_status_manifest(const Bundle *bundle);

/* `manifest` NULL: it is the one that is known, if there is still one. */
void poller_status_succeed(PollerStatus *status, const Update *update, GVariant *manifest,
                           int64_t now);
void poller_status_fail(PollerStatus *status, const GError *error);

/* a{sv}; floating. */
GVariant *poller_status_reply(const PollerStatus *status);
