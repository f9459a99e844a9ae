/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Is a keyring good for the time to come, and if not, what is to be done? A pure
 * function of what lies in it, the rules, and the time.
 */

#include "crypto/keyring_content.h"
#include "model/config.h"

typedef enum {
	KEYRING_FINE,   /* nothing to do */
	KEYRING_SOON,   /* something ends within the time of warning: act */
	KEYRING_BROKEN, /* bundles are refused that should not be, or all of them */
} KeyringLevel;

/* One thing to know. Codes are stable: "anchor-expires", "anchor-expired", "anchor-revoked",
 * "not-yet-valid", "no-anchor", "crl-missing", "crl-expires", "crl-expired",
 * "crl-not-yet-valid", "crl-newer", "crl-unused", "unreadable". */
typedef struct {
	KeyringLevel level;
	char *code;
	char *text; /* one sentence: what, when, what to do */
	gint64 at;  /* when it happens or happened, 0: no date */
} KeyringNote;

typedef struct {
	KeyringLevel level; /* the worst of the notes */
	char *action;       /* the next thing to do, in words */
	gint64 until;       /* no bundle is accepted from this second on; 0: already now */
	GPtrArray *notes;   /* of KeyringNote, the worst first */
	gint64 now;
} KeyringHealth;

/* `rules`: its files do not matter. `now`: Unix. */
KeyringHealth *keyring_health_judge(const KeyringContent *content, const ConfigKeyring *rules,
                                    gint64 now);
/* Of one that cannot be read, and why: broken, code "unreadable". */
KeyringHealth *keyring_health_unreadable(const char *why, gint64 now);
/* From its parts, for whoever got them from elsewhere: no notes yet. Copies. */
KeyringHealth *keyring_health_new(KeyringLevel level, const char *action, gint64 until, gint64 now);
void keyring_health_add(KeyringHealth *health, KeyringLevel level, const char *code,
                        const char *text, gint64 at);
void keyring_health_free(KeyringHealth *health);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyringHealth, keyring_health_free)

/* May the one replace the other? Not with an older CRL: FAILURE_REJECTED. */
bool keyring_health_check_newer(const KeyringContent *next, const KeyringContent *present,
                                GError **error);

/* "fine", "soon", "broken" */
const char *keyring_health_word(KeyringLevel level);
/* And back; what is unknown is KEYRING_SOON. */
KeyringLevel keyring_health_level(const char *word);
/* Whether a chain may end in it, by the rules. */
bool keyring_health_is_anchor(const KeyringCert *cert, const ConfigKeyring *rules);
/* Whole days from `now` to then; negative: it is over. */
int keyring_health_days(gint64 then, gint64 now);
