/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From a bundle to one whose archives went through the image converters, as if they had been
 * asked for when it was made: new payload, new hash tree, new signature, all else as it was.
 */

#include "bundle/bundle.h"
#include "bundle/pack.h"

typedef struct {
	const char *output;         /* must not exist */
	const char *const *methods; /* of 'convert', in this order */
	const char *const *ignored; /* classes whose images stay as they are; NULL: none */
	Pack pack;
} BundleConvert;

/* Every byte of `input` is checked first. Only bundles of format verity have converted images
 * that are worth their signature; one without anything to convert is FAILURE_CONFIG. */
bool bundle_convert(Bundle *input, const BundleConvert *request, GError **error);
