/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the methods answer, as values of D-Bus (chapters 5.2.4, 5.2.5, 5.3). All floating.
 */

#include <glib.h>

#include "install/install.h"
#include "model/manifest.h"
#include "system/system.h"

/* a(sa{sv}) of all slots, as the System knows them. */
GVariant *reply_slot_status(System *system);
/* a{sv} of the trust state: security-epoch u, kept b, time-floor s with -source s and -text s where
 * one is known, demo-keys s where some are trusted (doc/time.md). */
GVariant *reply_trust(System *system);
/* aa{sv} of all repositories. */
GVariant *reply_artifact_status(const Config *config);
/* a{sv} of the keyring that is configured, read now; empty: none is. */
GVariant *reply_keyring_status(const ConfigKeyring *config, int64_t now);
/* a{sv} of why an installation failed: code, stage, message, hint s, can-retry b, slot s if one was
 * being written (doc/errors.md). */
GVariant *reply_error_info(const GError *error, const InstallReport *report);
/* a{sv} of an outage of the network: message s, reason s, seconds u, attempt u; empty: NULL. */
GVariant *reply_waiting(const RemoteWaiting *waiting);
/* a{sv} of what an installation cost: numbers t by their names, seeds a{st}, summary s. */
GVariant *reply_statistics(const InstallStatistics *statistics);
/* a{sv}; its members but the hash are variants in variants, as RAUC sends them. */
GVariant *reply_inspect(const Manifest *manifest, const char *hash);
