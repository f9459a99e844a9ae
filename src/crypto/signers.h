/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who signed: plain values for outputs (chapter 4.6) and handlers.
 */

#include <glib.h>

typedef struct Signers Signers;

/* One certificate of the verified chain, as outputs need it. Strings owned by it. */
typedef struct {
	char *subject, *issuer;       /* XN_FLAG_ONELINE */
	char *spki_hash;              /* "AA:BB:…", SHA-256 of the SubjectPublicKeyInfo */
	char *not_before, *not_after; /* as ASN1_TIME_print says it */
	gint64 not_before_unix, not_after_unix;
} SignerCert;

/* `subjects` and `chain` (of SignerCert; NULL: several signers) are taken. */
Signers *signers_new_take(char *subjects, GPtrArray *chain);
void signers_free(Signers *signers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Signers, signers_free)

void signers_cert_free(SignerCert *cert);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SignerCert, signers_cert_free)

/* Leaf first; array of const SignerCert. NULL where the bundle has several signers. */
const GPtrArray *signers_chain(const Signers *signers);
/* "'<subject>', '<subject>'" of all signer certificates. */
const char *signers_subjects(const Signers *signers);
/* When it was signed, as the signer says (Unix); 0: he does not, or there are several. */
gint64 signers_time(const Signers *signers);
void signers_set_time(Signers *signers, gint64 time);
/* When the first certificate of the chain ends (Unix); 0: nobody knows. */
gint64 signers_until(const Signers *signers);
/* Hashes of the chain, leaf to root, joined by a blank; "" without a chain. */
char *signers_spki_hashes(const Signers *signers);
