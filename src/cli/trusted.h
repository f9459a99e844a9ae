/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A bundle that the keyring of this run trusts.
 */

#include "bundle/bundle.h"
#include "cli/options.h"

/* Verified, or with --no-verify believed; decrypted with [encryption]. Its payload is not opened yet. */
Bundle *trusted_open(const Options *options, const Config *config, const char *path,
                     GError **error);
