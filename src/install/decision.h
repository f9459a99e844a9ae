/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whether what a server offers is to be installed now, and why (not). Values in, a decision out:
 * no files, no network, no clock. The same for `rauc update` and for the service's poller.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are found; the first that applies is the answer. */
typedef enum {
	DECISION_NOTHING,      /* the server has no bundle */
	DECISION_INCOMPATIBLE, /* it is for other devices; the one answer --force does not change */
	DECISION_CURRENT,      /* it runs already */
	DECISION_AWAITS_BOOT, /* it is installed, and this is still the boot in which that was done */
	DECISION_NOT_NEW,     /* by the criteria */
	DECISION_UNCONFIRMED, /* it is new, but nobody said that it is to be installed */
	DECISION_REJECTED,    /* it was installed, and did not boot */
	DECISION_NOT_BOOTED,  /* it lies in another slot, which does not boot next */
	DECISION_REFUSED,     /* installing it failed too often */
	DECISION_ON_TRIAL,    /* what runs is not marked good: there is nothing to fall back to */
	DECISION_INHIBITED,   /* a file says: not now */
	DECISION_HELD_BACK,   /* the roll-out has not reached this device */
	DECISION_CLOSED,      /* no maintenance window is open */
	DECISION_INSTALL,
} DecisionKind;

/* "current", "awaits-boot", …: stable names. */
const char *decision_name(DecisionKind kind);

/* Where else than in the running system the bundle lies. */
typedef enum { DECISION_NOWHERE, DECISION_BOOTS_NEXT, DECISION_ELSEWHERE } DecisionPlace;

enum {
	DECISION_SHARES = 10000,
	DECISION_MAX_REFUSED = 3,
	DECISION_LONGEST_PAUSE = 24 * 60 * 60 /* seconds */
};

typedef struct {
	/* The bundle; hash NULL: there is none. Version NULL: it has none. */
	const char *hash, *version, *compatible;
	/* The device; NULL: not known. */
	const char *device_compatible, *running_hash, *running_version;
	DecisionPlace place;
	bool is_on_trial;
	/* The past. */
	bool is_rejected;
	unsigned n_refused;
	/* What was configured. criteria: of [update] criteria and [polling] candidate-criteria. */
	const char *const *criteria;
	/* What of it is installed; NULL: all of it. [polling] install-criteria; empty: nothing. */
	const char *const *install_criteria;
	const char *inhibited_by;        /* NULL: nothing does */
	unsigned share, rollout_percent; /* of DECISION_SHARES, see decision_share() */
	int window_wait;                 /* minutes; 0: it is open */
	bool is_forced;
} DecisionFacts;

typedef struct {
	DecisionKind kind;
	char *reason; /* for people, in one line */
	const char *
		criterion; /* why it is new, of those that were given; NULL: it is not, or was not asked */
} Decision;

/* Fails where versions cannot be compared that have to be: "candidate criteria check failed: …". */
bool decision_make(const DecisionFacts *facts, Decision *decision, GError **error);
void decision_clear(Decision *decision);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Decision, decision_clear)

/* The first of `criteria` that is met, NULL: none (or an error). */
const char *decision_find_criterion(const DecisionFacts *facts, const char *const *criteria,
                                    GError **error);

/* The place of a device in the roll-out of a bundle: always the same one, and another for the next bundle,
 * so that it is not always the same who are first. */
unsigned decision_share(const char *device, const char *bundle);

/* Seconds until the server is asked again after `n_errors` failures in a row; `random` any number. */
unsigned decision_pause(unsigned n_errors, uint32_t random);
