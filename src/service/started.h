/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the event log says when the service begins: a boot once, then restarts (chapter 5.5).
 */

#include "system/system.h"

/* `boot_id`: what the kernel calls this boot. Without a central status file nobody can tell. */
void started_note(System *system, const char *boot_id);
/* Of the running kernel, "unknown" where it does not say. */
char *started_boot_id(void);
