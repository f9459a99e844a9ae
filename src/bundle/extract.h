/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The content of a bundle as files and folders below a new folder.
 */

#include "bundle/bundle.h"

/* `folder` must not exist; on failure nothing of it is left. Modes are kept, the
 * owner too where we are root, and times. */
bool extract_bundle(Bundle *bundle, const char *folder, GError **error);
