/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Values to show: a manifest, and a device with two root file systems.
 */

#include "cli/show_info.h"
#include "cli/show_status.h"

/* Owned by the caller. `is_full`: with everything a manifest can say. */
Manifest *sample_manifest(bool is_full);

/* Constant; rootfs.0 (booted) and rootfs.1 with children, and rescue.0. */
ShowStatus sample_status(bool is_detailed);

extern const OutputLook sample_plain, sample_colour;
