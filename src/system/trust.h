/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whom this device trusts, for which time, from which security epoch on (doc/time.md), and what it
 * can decrypt.
 *
 * A certificate is checked for the later of two: what the clock says, and the floor, the latest
 * time that is known to have passed. What is learned is learned when the booted slot is marked
 * good, and kept in the trust state; it goes up only.
 */

#include "bundle/bundle.h"
#include "crypto/keyring_content.h"
#include "model/config.h"
#include "system/keyring_health.h"
#include "system/stream.h"
#include "system/system.h"
#include "system/trust_state.h"

typedef struct {
	int64_t clock;
	int64_t floor;           /* 0: nobody knows */
	TrustStateSource source; /* of the floor */
	const char *words;       /* "the build time of the image"; never NULL */
	const char *detail;      /* "/usr/lib/clock-epoch"; NULL: nothing to add */
} TrustTime;

/* "the build time of the image, /usr/lib/os-release"; the caller's. */
char *trust_time_describe(const TrustTime *time);

/* What `rauc status` shows. */
typedef struct {
	TrustTime time;
	uint32_t epoch;
	TrustStateKind kind; /* of the state that is kept */
} TrustFacts;

/* The keyring a configuration names, for verbs of the host: the clock is believed. "No keyring file
 * or directory provided" where it names none. `no_check_time`: ignore validity periods. */
Keyring *trust_load(const ConfigKeyring *config, bool no_check_time, GError **error);

/* What opens encrypted bundles: [encryption], and RAUC_KEY_PASSPHRASE. Borrows from `config`. */
EnvelopeKey trust_decryption(const Config *config);

/* Find the bundle, here or on a server (`access`, may be NULL); nothing is believed yet. */
BundleFile *trust_find_file(const Config *config, const char *location, const StreamAccess *access,
                            GError **error);
/* And open its envelope where it has one. */
BundleFile *trust_open_file(const Config *config, const char *location, const StreamAccess *access,
                            GError **error);

/* The keyring of this device, for its time. Says so where that is not what the clock says. */
Keyring *trust_load_here(System *system, GError **error);
/* "keyring … contains the public demo CA '…'", or NULL; the caller's. */
char *trust_find_demo(const ConfigKeyring *config);

TrustFacts trust_facts(System *system);
/* What certificates are checked for: the later of clock and floor. */
int64_t trust_now(System *system);
/* Before an installation, with the lock: a copy of the state that is damaged is written anew. */
void trust_mend(System *system);
/* Into the log what of it a person should know: when the service starts. */
void trust_tell(System *system);
/* Does this device take what has this epoch? FAILURE_VERSION says what it is at and what to do. */
bool trust_check_epoch(System *system, const Manifest *manifest, GError **error);

/* Into the status of a slot that gets this bundle: what will be learned once it is marked good. */
void trust_note_bundle(System *system, SlotStatus *status, const Manifest *manifest,
                       const Signers *signers);
/* The slot is good now. If it is the booted one, learn from it. A state that cannot be saved is a
 * warning: the slot is good all the same. */
void trust_note_good(System *system, const Slot *slot);
/* What lies in it. */
KeyringContent *trust_load_content(const ConfigKeyring *config, GError **error);
/* And how it stands at `now`; NULL where none is configured. */
KeyringHealth *trust_health(const ConfigKeyring *config, int64_t now);
/* An installation has succeeded. Marks come early, before any clock is synchronised; now it may be. */
void trust_note_sync(System *system);
