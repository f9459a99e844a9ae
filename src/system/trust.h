/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The keyring this device's configuration names, with its rules.
 */

#include "crypto/keyring.h"
#include "crypto/keyring_content.h"
#include "model/config.h"
#include "system/keyring_health.h"

/* "No keyring file or directory provided" where it names none. `no_check_time`: ignore
 * validity periods, whatever the configuration says. */
Keyring *trust_load(const ConfigKeyring *config, bool no_check_time, GError **error);

/* What lies in it. */
KeyringContent *trust_load_content(const ConfigKeyring *config, GError **error);
/* And how it stands now; NULL where none is configured. */
KeyringHealth *trust_health(const ConfigKeyring *config);
