/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From a folder with a manifest to a signed bundle (chapter 2.6).
 *
 * The output appears under its name only when it is whole, signed, verified
 * and on the medium; on any failure nothing of it is left, and the input is as
 * it was.
 */

#include "base/pool.h"
#include "bundle/result.h"
#include "crypto/sign.h"

typedef struct {
	const char *input;  /* folder with manifest.raucm */
	const char *output; /* must not exist */
	const SignKey *key;
	ResultCheck check;           /* who must accept the result */
	const char *mksquashfs_args; /* shell words, NULL: none */
	Pool *pool;
	void (*say)(void *user, const char *line); /* for the person who waits: stdout lines */
	void *user;
} BundleCreate;

bool bundle_create(const BundleCreate *request, GError **error);
