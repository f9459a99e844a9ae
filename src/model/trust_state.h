/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The trust state: what a device has learned and must not forget, in one of its two copies.
 *
 *   <data-directory>/trust.1            <data-directory>/trust.2
 *   ┌────────────────────────┐          ┌────────────────────────┐
 *   │ moonforge-rauc trust 1 │          │ the same, byte for     │
 *   │ sequence=7             │          │ byte, except while it  │
 *   │ time-floor=1772409600  │          │ is being written: then │
 *   │ time-source=build      │          │ one of them is whole   │
 *   │ security-epoch=3       │          │ and has the higher     │
 *   │ sha256=<of all above>  │          │ sequence               │
 *   └────────────────────────┘          └────────────────────────┘
 *
 * Pure values and bytes; system/trust_state has the files (doc/format/trust-state.md).
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct TrustState TrustState;

/* Whose word the time floor is. */
typedef enum {
	TRUST_STATE_UNKNOWN,
	TRUST_STATE_BUILD,   /* the build time of an image that was marked good */
	TRUST_STATE_SIGNING, /* the signing time of a bundle whose slot was marked good */
	TRUST_STATE_SYNC,    /* the clock, when the kernel called it synchronised */
} TrustStateSource;

struct TrustState {
	uint64_t sequence; /* of the write, 0: never written */
	int64_t time_floor;
	TrustStateSource time_source;
	uint32_t security_epoch;
};

enum { TRUST_STATE_MAX = 4096 }; /* a copy is smaller */

/* FAILURE_FORMAT for everything that was not written whole by trust_state_format(). */
bool trust_state_parse(const char *text, size_t size, TrustState *state, GError **error);
char *trust_state_format(const TrustState *state);

/* What two copies say together: the later write, and never an earlier time. One may be NULL. */
TrustState trust_state_join(const TrustState *one, const TrustState *other);

/* The values go up only; false: it already was as high. */
bool trust_state_raise_time(TrustState *state, int64_t time, TrustStateSource source);
bool trust_state_raise_epoch(TrustState *state, uint32_t epoch);

/* "build", "signing", "sync", "unknown": in the file and in outputs for programs. */
const char *trust_state_source_name(TrustStateSource source);
