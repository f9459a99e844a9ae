/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Says in the journal and in the event log that something has to be done about the
 * keyring: when the service starts, and then once a day, as long as it is so.
 */

#include "service/job.h"
#include "system/system.h"

typedef struct KeyringWatch KeyringWatch;

/* Looks at once, on this thread: before the first job. Both are borrowed. */
KeyringWatch *keyring_watch_new(System *system, JobLine *line);
/* When no job works any more. */
void keyring_watch_free(KeyringWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyringWatch, keyring_watch_free)

/* Look again, at this time (seconds of any clock that only goes forward). */
void keyring_watch_look(KeyringWatch *watch, gint64 now);
