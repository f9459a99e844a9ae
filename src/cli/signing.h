/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the verbs that sign have in common: key, certificates, and who must
 * accept the result.
 */

#include "bundle/result.h"
#include "cli/options.h"
#include "crypto/sign.h"

typedef struct {
	SignKey *key;
	Keyring *keyring;
	GPtrArray *judges; /* of Judge */
	ResultCheck check; /* borrows what is above */
} Signing;

/* Complains where --cert or --key is missing. */
bool signing_is_given(const Options *options);
/* `config` is not changed: --signing-keyring stands in for its keyring, whose folder does
 * not count then. RAUC_KEY_PASSPHRASE opens an encrypted key. Other keyrings that must accept the
 * result (--deployed-keyring, --carries-keyring) are asked by the rules of the configuration. */
bool signing_load(Signing *signing, const Options *options, const Config *config, GError **error);
void signing_clear(Signing *signing);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Signing, signing_clear)
