/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Converters: what else a bundle carries of an image, key 'convert' (chapter 2.6).
 *
 *   tar-extract   folder "<filename>.extracted" with the content of the archive
 *   keep          the file itself, which otherwise leaves the bundle
 *
 * Key 'converted' tells the device the name of each, in the order of the methods.
 */

#include "bundle/tools.h"
#include "model/manifest.h"

/* Methods that are none, that are not built in, or named twice, and tar where it is missing;
 * before any work is done. A slot image that would leave the bundle is a warning. */
bool converter_check(const Manifest *manifest, GError **error);

/* Does anything in the bundle have owners of its own? Then packing must keep them. */
bool converter_has_owners(const Manifest *manifest);

/*
 * Convert the images in `stage` that are not converted yet: adds to the stage, removes from it,
 * and fills in 'converted'. A file that another image needs stays.
 */
bool converter_run(Manifest *manifest, const char *stage, const Tools *tools, GError **error);
