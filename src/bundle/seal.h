/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * From a squashfs to a bundle: encryption, hash tree, signature, trailer, in the same file.
 */

#include "base/pool.h"
#include "crypto/sign.h"
#include "model/manifest.h"
#include "source/source.h"

/* What a bundle of this manifest and payload (without hash tree) is signed over: the manifest,
 * or, plain, the payload itself. */
GBytes *seal_sign(const Manifest *manifest, Source *payload, const SignKey *key, GError **error);

/*
 * `fd` is open for reading and writing and holds the squashfs and nothing else.
 * verity: `manifest` gets the three verity keys and is what is signed.
 * crypt: before that the payload is encrypted in place with a new key, which the manifest gets.
 * plain: all bytes are signed. On success everything is on the medium.
 */
bool seal_bundle(int fd, const char *name, Manifest *manifest, const SignKey *key, Pool *pool,
                 GError **error);

/* The last step alone: CMS and its size at `end`, and everything onto the medium. */
bool seal_end(int fd, const char *name, uint64_t end, GBytes *cms, GError **error);
