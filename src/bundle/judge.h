/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Keyrings that are out there, or will be: would the devices that have them accept
 * what is being made? Asked before anybody can install it.
 */

#include <glib.h>
#include <stdbool.h>

#include "crypto/keyring.h"

typedef enum {
	JUDGE_SIGNING,  /* the keyring that verifies the result */
	JUDGE_DEPLOYED, /* of devices that will get the bundle */
	JUDGE_CARRIED,  /* in the bundle: of devices that have installed it */
} JudgeKind;

typedef struct {
	JudgeKind kind;
	char *path; /* the keyring's, for messages */
	Keyring *keyring;
	char *next_cert; /* carried: who signs the bundle after this one, NULL: who signs this */
} Judge;

void judge_free(Judge *judge);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Judge, judge_free)

/* Does it accept the CMS now and, unless 0, at `until` too? Says until when it will; where it
 * refuses, FAILURE_SIGNATURE with the reason and what to do. The content is not looked at. */
bool judge_check(const Judge *judge, GBytes *cms, gint64 until, GError **error);
/* The same before there is anything to sign: of what this certificate would sign, with these
 * (NULL: none) behind it. Says nothing where it accepts that. */
bool judge_check_signer(const Judge *judge, const char *cert, const char *const *intermediates,
                        gint64 until, GError **error);
