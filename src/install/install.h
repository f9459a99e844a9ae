/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An installation, start to end, on the thread that calls it.
 *
 *   open, verify     bundle/          nothing is touched
 *   plan             plan.c           slot group, image to slot, writer
 *   check            check.c          compatible, versions, sizes, nothing mounted
 *   ask              hook.c           pre-install handler, the bundle's install-check
 *   mark target bad  system/mark      from here on the target is not bootable
 *   write            step.c           status, hooks, writer
 *   mark active      system/mark      the one instant that decides
 *   tell             hook.c           post-install handler
 *
 * Whatever fails before the last line leaves the running system the one that
 * boots; until then it can be cancelled. Nothing here prints or speaks D-Bus: the doors listen to events.
 */

#include <glib.h>
#include <stdbool.h>

#include "base/progress.h"
#include "install/statistics.h"
#include "system/stream.h"
#include "system/system.h"

typedef struct {
	const char *bundle;      /* local path, or URL */
	StreamAccess access;     /* to a server: the user's part of it */
	Cancel *cancel;          /* closed where the new system is activated; NULL: nobody can */
	const char *transaction; /* NULL: make one */
	const char *require_manifest_hash;
	const char *handler_args; /* shell words for a full custom handler, NULL: none */
	bool ignore_compatible;
	bool ignore_version_limit;
} InstallRequest;

/* Where an installation is, or where it ended. */
typedef enum {
	INSTALL_PREPARE,  /* lock, slot states */
	INSTALL_VERIFY,   /* the bundle: found, signed by whom we trust */
	INSTALL_CHECK,    /* is it for this device */
	INSTALL_PLAN,     /* can it be done: slots, sizes */
	INSTALL_ASK,      /* pre-install handler and install-check */
	INSTALL_CLOSE,    /* target marked bad */
	INSTALL_WRITE,    /* slots, with their hooks */
	INSTALL_ACTIVATE, /* the one write that decides */
	INSTALL_HANDLER,  /* the bundle's own, instead of the four above it */
	INSTALL_TELL,     /* post-install handler */
	INSTALL_DONE,     /* all of it succeeded */
} InstallStage;

/* "verify", "write", …: stable names. */
const char *install_stage_name(InstallStage stage);

typedef struct {
	InstallStage stage;
	const Slot *slot; /* being written; NULL: none. Of the System's configuration. */
	InstallStatistics statistics;
} InstallReport;

typedef struct {
	void (*message)(void *user, const char *text); /* "Updating slot rootfs.1", … */
	ProgressReport progress;
	void *user;
	InstallReport *report; /* kept up to date; NULL: not wanted */
	/* From any thread: the network is awaited; NULL: no longer. NULL: not wanted. */
	void (*waiting)(void *user, const RemoteWaiting *waiting);
} InstallEvents;

bool install_run(System *system, const InstallRequest *request, const InstallEvents *events,
                 GError **error);
