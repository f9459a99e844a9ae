/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Programs that decide or help: hooks come with the bundle, handlers are on the system.
 *
 * All get the time limit of the configuration, and the last line they print on stderr is part of
 * the error where they fail.
 */

#include "install/environment.h"
#include "install/install.h"

/* The bundle's install-check: FAILURE_REJECTED with its last line where it exits with 10 or more. */
bool hook_check(const EnvironmentFacts *facts, GError **error);

/* "slot-pre-install", "slot-install" or "slot-post-install". */
bool hook_run_slot(const EnvironmentFacts *facts, const char *verb, const Image *image,
                   const Slot *slot, const char *mount_point, GError **error);

/* A handler with its words as a shell would split them (NULL: none); what it says in lines that
 * begin with "<< " goes to `events`. */
bool hook_run_handler(const EnvironmentFacts *facts, const GPtrArray *target, const char *path,
                      const char *words, const InstallEvents *events, GError **error);
