/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whom this device's configuration trusts, and what it can decrypt.
 */

#include "bundle/bundle.h"
#include "model/config.h"

/* "No keyring file or directory provided" where it names none. `no_check_time`: ignore
 * validity periods, whatever the configuration says. */
Keyring *trust_load(const ConfigKeyring *config, bool no_check_time, GError **error);

/* What opens encrypted bundles: [encryption], and RAUC_KEY_PASSPHRASE. Borrows from `config`. */
EnvelopeKey trust_decryption(const Config *config);

/* Find the bundle, and open its envelope where it has one; nothing is believed yet. */
BundleFile *trust_open_file(const Config *config, const char *path, GError **error);
