/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What this device has already of an image with adaptive=block-hash-index (chapters 7.10, 9.2),
 * and what is kept of it for the next update.
 *
 *   the image's index   from an earlier attempt, or from a slot that has this very image, or from
 *                       the bundle; it is kept beside the slot before the slot is written
 *   the target's        what it had until now
 *   the booted slot's   made now where there is none
 *
 * Nothing here makes an installation fail: what goes wrong is told, and less is reused.
 */

#include "install/step.h"
#include "writer/adaptive.h"

typedef struct Reuse Reuse;

/* Before anything of the slot or its status is changed. NULL without a data directory. Who cancels
 * is heard by what comes next. */
Reuse *reuse_prepare(const StepContext *context, const PlanStep *step);
/* For the writer; NULL: the image is to be written as it comes. */
Adaptive *reuse_adaptive(Reuse *reuse);
/* The slot has the image, and its status says so. */
void reuse_keep(Reuse *reuse);
void reuse_free(Reuse *reuse);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reuse, reuse_free)
