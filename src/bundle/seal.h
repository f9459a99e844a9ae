/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From a squashfs to a bundle: hash tree, signature, trailer, in the same file.
 */

#include "base/pool.h"
#include "crypto/sign.h"
#include "model/manifest.h"

/*
 * `fd` is open for reading and writing and holds the squashfs and nothing else.
 * verity: `manifest` gets the three verity keys and is what is signed.
 * plain: all bytes are signed. On success everything is on the medium.
 */
bool seal_bundle(int fd, const char *name, Manifest *manifest, const SignKey *key, Pool *pool,
                 GError **error);
