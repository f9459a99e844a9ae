/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The two copies of the trust state in the data directory (model/trust_state.h).
 *
 * Each is replaced as a whole, one after the other, the one that is not needed first: whenever
 * the power goes, one of them is whole. Reading never fails.
 */

#include <glib.h>
#include <stdbool.h>

#include "model/trust_state.h"

typedef enum {
	TRUST_STATE_NONE, /* no data directory: nothing can be kept */
	TRUST_STATE_NEW,  /* no copy is there */
	TRUST_STATE_LOST, /* copies are there, none can be read */
	TRUST_STATE_KEPT,
} TrustStateKind;

typedef struct {
	TrustStateKind kind;
	TrustState state; /* zeroes, but for TRUST_STATE_KEPT */
	unsigned spare;   /* the copy to write first: 0 or 1 */
	bool is_whole;    /* both copies say the same */
} TrustStateFound;

/* `folder` NULL: no data directory. */
TrustStateFound trust_state_load(const char *folder);
/* The same, with a warning about each copy that is damaged. */
TrustStateFound trust_state_examine(const char *folder);
/* Write both, with the next sequence number; `found->state` is what to keep. */
bool trust_state_save(const char *folder, TrustStateFound *found, GError **error);
