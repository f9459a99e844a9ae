/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the verbs that make a bundle of another have in common: its trust, its key, and
 * a first look at it.
 */

#include "bundle/rework.h"
#include "cli/options.h"

typedef struct {
	Config *config;
	Keyring *keyring; /* NULL with --no-verify */
	BundleRules rules;
	EnvelopeKey decrypt;
	Pool *pool;
	Rework rework; /* borrows what is above */
	ManifestFormat format;
} Reworking;

/* The bundle in arguments[2], to become `output`. What it fails with is about opening it, and is
 * printed without the name of the verb. */
bool reworking_open(Reworking *reworking, const Options *options, const char *output,
                    GError **error);
void reworking_clear(Reworking *reworking);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reworking, reworking_clear)
