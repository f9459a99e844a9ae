/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The last moments to refuse: after these nothing but the machine can fail.
 */

#include "install/install.h"
#include "install/plan.h"

/* Is this bundle for this device, and the one that was asked for. */
bool check_bundle(System *system, const InstallRequest *request, const Bundle *bundle,
                  GError **error);

/* Can every step be done: devices there, unused, large enough, status can be saved. */
bool check_plan(System *system, const Plan *plan, Pool *pool, GError **error);
