/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * `rauc service`: this device on D-Bus, until somebody ends it (chapter 5.5).
 */

#include "system/system.h"

/* `handler_args`: shell words for a full custom handler, NULL: none. The exit code. */
int service_run(System *system, const char *handler_args);
