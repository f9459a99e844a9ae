/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The keyring this device's configuration names, with its rules.
 */

#include "crypto/keyring.h"
#include "model/config.h"

/* "No keyring file or directory provided" where it names none. `no_check_time`: ignore
 * validity periods, whatever the configuration says. */
Keyring *trust_load(const ConfigKeyring *config, bool no_check_time, GError **error);
