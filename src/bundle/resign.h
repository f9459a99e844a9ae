/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Another signature for the same payload (chapter 1.12). Payload and hash tree stay
 * as they are; on failure nothing of the output is left.
 */

#include "bundle/rework.h"
#include "crypto/sign.h"

typedef struct {
	Rework rework;
	ResultCheck check; /* who must accept the result; not asked about an appended one */
} Resign;

/* Over the manifest as we write it (plain: over the payload). */
bool resign_bundle(const Resign *resign, const SignKey *key, GError **error);
/* One more signer besides those there are. */
bool resign_append(const Resign *resign, const SignKey *key, GError **error);
/* A SignedData made elsewhere. Its manifest must fit the payload. */
bool resign_replace(const Resign *resign, GBytes *cms, GError **error);
