/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the manifest: the names in it become parts of paths, so none gets
 * past manifest_parse() that could leave its folder.
 */

#include "model/manifest.h"

bool manifest_check_names(const Manifest *manifest, GError **error);
