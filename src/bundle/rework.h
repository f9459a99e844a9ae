/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An existing bundle on its way to another one.
 *
 * It is copied first and checked then, in the copy: nobody else can write that,
 * so what was checked is what gets the new signature.
 */

#include "bundle/bundle.h"
#include "bundle/result.h"

typedef struct {
	const char *input, *output;
	uint64_t max_cms;
	const BundleRules *rules;   /* of the input; NULL: believe it */
	const EnvelopeKey *decrypt; /* for an encrypted input */
	Pool *pool;
} Rework;

/* Makes `result` (RESULT_NONE before): all of the input, old signature included. Comes back
 * as that copy, its signature and every byte of its payload checked. */
Bundle *rework_copy(const Rework *rework, Result *result, GError **error);

/* Put `cms` at the end, in place of the signature that `bundle`, which is the copy, has. */
bool rework_end(const Bundle *bundle, const Result *result, GBytes *cms, GError **error);
