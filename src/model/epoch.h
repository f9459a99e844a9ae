/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The security epoch: a number in the signed manifest that only rises, apart from any version.
 *
 *   [meta.moonforge]
 *   security-epoch=3                    missing: 0
 *   security-epoch-downgrade-from=4 5   may be installed although the device is at 4 or at 5 …
 *   security-epoch-downgrade-until=2027-01-31   … until the end of that day, UTC
 *
 * What a device makes of it is in install/check and system/trust.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/manifest.h"

typedef struct {
	uint32_t number;
	const char *from; /* borrowed from the manifest; NULL: no permission to go back */
	int64_t until;    /* Unix time of the last second of the permission */
} Epoch;

/* FAILURE_CONFIG names the key that is malformed, unknown, or makes no sense. */
bool epoch_parse(const Manifest *manifest, Epoch *epoch, GError **error);

/* Is going back from exactly this number permitted; the day is for the caller to look at. */
bool epoch_permits(const Epoch *epoch, uint32_t current);
