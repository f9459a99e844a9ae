/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `rauc bundle` finds out about the image files: that they are there, their
 * digest and size, and the block hash index of those that ask for one.
 */

#include "base/pool.h"
#include "model/manifest.h"

/* Its file is no copy of what a slot will hold. */
bool images_is_archive(const Image *image);
/* Does its bundle have a block hash index of it? */
bool images_has_index(const Image *image);

/* Methods of 'adaptive' that are none. Cheap: to be asked before any work is done. */
bool images_check_adaptive(const Manifest *manifest, GError **error);

/*
 * Fill in sha256 and size of every image of `manifest` that has a file in `stage`, and write
 * indexes beside them there. Each file is read once. `input` is for messages.
 */
bool images_measure(Manifest *manifest, const char *stage, const char *input, Pool *pool,
                    GError **error);
