/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What hooks and handlers find in their environment (chapters 7.5, 8.2, 8.3).
 *
 * Each is the environment of this process with RAUC's variables on top.
 */

#include "install/plan.h"
#include "system/system.h"

typedef struct {
	System *system;
	const Bundle *bundle;
	const char *content; /* folder that shows the bundle, NULL: nothing needs it */
	const char *transaction;
	const char *const *slot_variables; /* "NAME=value" for slot hooks besides; NULL: none */
	Cancel *cancel; /* no variable: what ends them before their time; NULL: nothing does */
} EnvironmentFacts;

/* install-check */
GStrv environment_for_check(const EnvironmentFacts *facts);
/* One slot hook; `mount_point` NULL: not mounted. */
GStrv environment_for_slot(const EnvironmentFacts *facts, const Image *image, const Slot *slot,
                           const char *mount_point);
/* pre-install, post-install and full custom handlers. `target`: the slots of the target group. */
GStrv environment_for_handlers(const EnvironmentFacts *facts, const GPtrArray *target);
