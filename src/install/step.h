/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One image into one slot: status pending, writer, status ok.
 */

#include "install/environment.h"
#include "install/install.h"
#include "install/plan.h"

typedef struct {
	EnvironmentFacts facts;
	const InstallEvents *events; /* with a report */
	Pool *pool;
	Progress *progress; /* of all slots: each step takes ten parts */
} StepContext;

/* Fails with "Failed updating slot <s>: …", the slot's status is then "failed". */
bool step_run(const StepContext *context, const PlanStep *step, GError **error);
