/* SPDX-License-Identifier: MIT */

#include "crypto/signers.h"

struct Signers {
	char *subjects;
	GPtrArray *chain;
	gint64 time;
};

Signers *signers_new_take(char *subjects, GPtrArray *chain)
{
	Signers *signers = g_new(Signers, 1);

	*signers = (Signers){ .subjects = subjects, .chain = chain };
	return signers;
}

void signers_free(Signers *signers)
{
	if (!signers)
		return;
	g_free(signers->subjects);
	g_clear_pointer(&signers->chain, g_ptr_array_unref);
	g_free(signers);
}

void signers_cert_free(SignerCert *cert)
{
	if (!cert)
		return;
	g_free(cert->subject);
	g_free(cert->issuer);
	g_free(cert->spki_hash);
	g_free(cert->not_before);
	g_free(cert->not_after);
	g_free(cert);
}

const GPtrArray *signers_chain(const Signers *signers)
{
	return signers->chain;
}

const char *signers_subjects(const Signers *signers)
{
	return signers->subjects;
}

gint64 signers_time(const Signers *signers)
{
	return signers->time;
}

void signers_set_time(Signers *signers, gint64 time)
{
	signers->time = time;
}

gint64 signers_until(const Signers *signers)
{
	gint64 until = signers->chain && signers->chain->len ? G_MAXINT64 : 0;

	for (unsigned i = 0; signers->chain && i < signers->chain->len; i++) {
		const SignerCert *cert = signers->chain->pdata[i];

		until = MIN(until, MAX(cert->not_after_unix, 0));
	}
	return until;
}

char *signers_spki_hashes(const Signers *signers)
{
	GString *hashes = g_string_new(NULL);

	for (unsigned i = 0; signers->chain && i < signers->chain->len; i++) {
		const SignerCert *cert = signers->chain->pdata[i];

		g_string_append_printf(hashes, "%s%s", i ? " " : "", cert->spki_hash);
	}
	return g_string_free(hashes, FALSE);
}
