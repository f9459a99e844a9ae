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
 * boots. Nothing here prints or speaks D-Bus: the doors listen to events.
 */

#include <glib.h>
#include <stdbool.h>

#include "base/progress.h"
#include "system/system.h"

typedef struct {
	const char *bundle;      /* local path */
	const char *transaction; /* NULL: make one */
	const char *require_manifest_hash;
	const char *handler_args; /* shell words for a full custom handler, NULL: none */
	bool ignore_compatible;
	bool ignore_version_limit;
} InstallRequest;

typedef struct {
	void (*message)(void *user, const char *text); /* "Updating slot rootfs.1", … */
	ProgressReport progress;
	void *user;
} InstallEvents;

bool install_run(System *system, const InstallRequest *request, const InstallEvents *events,
                 GError **error);
