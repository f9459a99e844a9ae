/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The last part of making a bundle: a stage becomes a squashfs, that is sealed, verified,
 * and gets its name.
 */

#include "base/pool.h"
#include "bundle/result.h"
#include "bundle/tools.h"
#include "crypto/sign.h"
#include "model/manifest.h"

#define PACK_MANIFEST "manifest.raucm"

typedef struct {
	const SignKey *key;
	ResultCheck check;           /* who must accept the result */
	const char *mksquashfs_args; /* shell words, NULL: none */
	Pool *pool;
} Pack;

/* What cannot be packed, before any work is done: arguments that are no shell words, no mksquashfs. */
bool pack_check(const Pack *pack, GError **error);

/* `manifest` is complete but for what its payload decides; it is written into `stage` too. */
bool pack_stage(const Pack *pack, const char *stage, Manifest *manifest, const Tools *tools,
                const Result *result, GError **error);
