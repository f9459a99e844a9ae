/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What an installation will do, complete before anything is touched.
 */

#include "bundle/bundle.h"
#include "system/system.h"
#include "writer/writer.h"

typedef struct Plan Plan;
typedef struct PlanStep PlanStep;

struct PlanStep {
	const Image *image;   /* borrowed from the manifest */
	const Slot *slot;     /* borrowed from the configuration */
	const Writer *writer; /* NULL: the image's install hook does it all */
	Source *bytes;        /* NULL: the image has no file */
};

struct Plan {
	GPtrArray *target;     /* of const Slot: the target group */
	GPtrArray *steps;      /* of PlanStep, in the order of the manifest */
	const Slot *boot_slot; /* to be marked bad first and active last; NULL: none */
};

/* `target` is kept. `bundle` has its payload open and must outlive the plan. */
Plan *plan_make(System *system, const Bundle *bundle, GPtrArray *target, GError **error);
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)

/* What the writer of this step gets. */
WriterJob plan_job(const PlanStep *step, System *system, Pool *pool, Progress *progress);
