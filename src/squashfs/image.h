/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the files of this folder share: an open image. Only the shelf changes
 * once it is open.
 */

#include "squashfs/codec.h"
#include "squashfs/squashfs.h"
#include "squashfs/super.h"

struct Squashfs {
	gint refs;
	Source *source;
	Super super;
	CodecShelf codecs;
	uint32_t *ids; /* super.n_ids of them */
};
