/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Until when a keyring goes on accepting what somebody signed: a plain value, made
 * by the functions of verify.h.
 */

#include <glib.h>

#define TERM_ENDLESS G_MAXINT64

typedef struct {
	gint64 until;  /* the first second (Unix) at which it does not; TERM_ENDLESS */
	char *because; /* "certificate '…' expires"; NULL: endless */
	char *anchor;  /* SPKI hash of the certificate its chain ends in; NULL: several signers */
} Term;

/* The initial value. */
#define TERM_NONE ((Term){ .until = TERM_ENDLESS })

void term_clear(Term *term);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Term, term_clear)
