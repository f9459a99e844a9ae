/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bundles for tests: a throw-away folder with a key, content folders, bundles.
 */

#include <glib.h>
#include <stdint.h>

#include "bundle/bundle.h"

typedef struct {
	char *folder, *key, *cert;
} Maker;

/* Aborts the test program where openssl is missing: every machine that checks has it. */
Maker *maker_new(void);
void maker_free(Maker *maker);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Maker, maker_free)

char *maker_path(const Maker *maker, const char *name);

/* A folder with manifest.raucm of this text. */
char *maker_content(const Maker *maker, const char *name, const char *manifest);

/* A file of `size` bytes: the same for the same seed, with long runs of zeroes; returns them. */
GBytes *maker_image(const char *folder, const char *name, size_t size, uint32_t seed);

/* `rauc bundle` of a content folder to `name`; returns the path. */
char *maker_bundle(const Maker *maker, const char *content, const char *name, GError **error);

Keyring *maker_keyring(const Maker *maker);
/* Open and verify, trusting the environment. */
Bundle *maker_open(const Maker *maker, const char *path, GError **error);
