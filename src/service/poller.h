/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The poller of the service (chapter 10.2): where [polling] is configured, it asks the server now and then, installs
 * what the criteria say, and tells about it as de.pengutronix.rauc.Poller at "/".
 *
 * What is asked, decided and remembered is that of `rauc update` (install/update), when it is asked is
 * install/polling. Lives on the main loop; the asking is a job.
 */

#include <gio/gio.h>

#include "service/installer.h"
#include "service/job.h"
#include "system/system.h"

typedef struct Poller Poller;

/* All borrowed. "failed to set up polling: …" */
Poller *poller_new(System *system, JobLine *line, Installer *installer, GDBusConnection *bus,
                   GError **error);
/* When no job works any more. */
void poller_free(Poller *poller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Poller, poller_free)

/* An installation has ended, whoever began it; `error` NULL: it has succeeded. */
void poller_note_installed(Poller *poller, const GError *error);
