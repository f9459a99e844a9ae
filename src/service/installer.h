/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The object on the bus: de.pengutronix.rauc.Installer at "/" (chapter 5.2).
 *
 * Lives on the main loop. Methods are jobs; an installation belongs to nobody
 * who called, so it goes on when they leave.
 */

#include <gio/gio.h>
#include <stdbool.h>

#include "service/job.h"
#include "service/request.h"
#include "system/system.h"

typedef struct Installer Installer;

typedef struct {
	System *system;           /* borrowed; belongs to the jobs */
	JobLine *line;            /* borrowed */
	const char *handler_args; /* borrowed, NULL: none */
	/* After each installation, when all is told; `error` NULL: it has succeeded. */
	void (*installed)(void *user, const GError *error);
	void *user;
} InstallerOptions;

/* On the bus until it is freed. */
Installer *installer_new(const InstallerOptions *options, GDBusConnection *bus, GError **error);
void installer_free(Installer *installer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Installer, installer_free)

/* Begin an installation; takes the request in any case. "Already processing a different method" */
bool installer_install(Installer *installer, Request *request, GError **error);
bool installer_is_installing(const Installer *installer);
