/* SPDX-License-Identifier: MIT */

#include "bundle/judge.h"

#include <string.h>

#include "base/error.h"
#include "crypto/verify.h"

void judge_free(Judge *judge)
{
	if (!judge)
		return;
	g_free(judge->path);
	g_free(judge->next_cert);
	keyring_free(judge->keyring);
	g_free(judge);
}

static char *date(gint64 at)
{
	g_autoptr(GDateTime) moment = g_date_time_new_from_unix_utc(at);

	return moment ? g_date_time_format_iso8601(moment) : g_strdup("?");
}

/* "deployed keyring x.pem", and what it is asked about. */
static char *name_of(const Judge *judge)
{
	static const char *const kinds[] = {
		[JUDGE_SIGNING] = "keyring",
		[JUDGE_DEPLOYED] = "deployed keyring",
		[JUDGE_CARRIED] = "carried keyring",
	};

	return g_strdup_printf("%s %s", kinds[judge->kind], judge->path);
}

static char *subject_of(const Judge *judge)
{
	if (judge->next_cert)
		return g_strdup_printf("the next bundle, signed with %s", judge->next_cert);
	return g_strdup(judge->kind == JUDGE_CARRIED ? "the next bundle, signed as this one"
	                                             : "this bundle");
}

/* What to do where it is refused now, for this reason. */
static const char *advice_now(const Judge *judge, const char *reason)
{
	if (judge->kind == JUDGE_CARRIED)
		return strstr(reason, "CRL")
		               ? "a device that installs this could not be updated again"
		               : "a device that installs this could not be updated again: the keyring "
		                 "needs the root of the next signer";
	if (strstr(reason, "certificate has expired"))
		return "sign with certificates that are valid; devices whose only root has ended "
		       "take no update any more";
	if (strstr(reason, "CRL"))
		return "devices with this keyring refuse every bundle signed so";
	return "sign below a root that is in every deployed keyring, until the devices have "
	       "installed one with the new root; certificates between signer and root have to be "
	       "given with --intermediate";
}

static const char *advice_later(const Term *term)
{
	if (strstr(term->because, "CRL"))
		return "ship a keyring with a newer CRL, or make CRLs that last longer";
	return "sign with a certificate that lives longer; if it is the root that ends, ship a "
	       "keyring with the next root before";
}

/* What is asked about: a signature, or who will make one. */
typedef struct {
	GBytes *cms;
	const char *cert;
	const char *const *intermediates;
} Matter;

static bool ask(const Judge *judge, const Keyring *keyring, const Matter *matter, Term *term,
                GError **error)
{
	if (judge->next_cert)
		return verify_cert_term(judge->next_cert, keyring, term, error);
	if (matter->cms)
		return verify_cms_term(matter->cms, keyring, term, error);
	return verify_signer_term(matter->cert, matter->intermediates, keyring, term, error);
}

static void tell(const Judge *judge, const Term *term)
{
	g_autofree char *name = name_of(judge);
	g_autofree char *subject = subject_of(judge);
	g_autofree char *end = date(term->until);

	if (term->until == TERM_ENDLESS)
		g_message("%s accepts %s whenever it is installed: it judges by the signing time",
		          name, subject);
	else
		g_message("%s accepts %s until %s: then %s", name, subject, end, term->because);
}

/* Said of it at the date that was asked for, which may also lie in a gap between two chains. */
static bool check_later(const Judge *judge, const Matter *matter, gint64 until, const Term *now,
                        GError **error)
{
	g_autoptr(Keyring) later = keyring_at(judge->keyring, until);
	g_auto(Term) unused = TERM_NONE;
	g_autoptr(GError) reason = NULL;

	if (now->until > until && ask(judge, later, matter, &unused, &reason))
		return true;

	g_autofree char *name = name_of(judge);
	g_autofree char *subject = subject_of(judge);
	g_autofree char *then = date(until), *end = date(now->until);
	if (reason)
		return fail(error, FAILURE_SIGNATURE, "%s would refuse %s on %s: %s", name, subject,
		            then, reason->message);
	return fail(error, FAILURE_SIGNATURE, "%s accepts %s only until %s, not on %s: %s; %s",
	            name, subject, end, then, now->because, advice_later(now));
}

static bool check(const Judge *judge, const Matter *matter, gint64 until, Term *term,
                  GError **error)
{
	g_autofree char *name = name_of(judge);
	g_autofree char *subject = subject_of(judge);
	g_autoptr(GError) reason = NULL;

	if (!ask(judge, judge->keyring, matter, term, &reason)) {
		if (!g_error_matches(reason, FAILURE, FAILURE_SIGNATURE)) {
			g_propagate_error(error, g_steal_pointer(&reason));
			return false;
		}
		return fail(error, FAILURE_SIGNATURE, "%s would refuse %s: %s; %s", name, subject,
		            reason->message, advice_now(judge, reason->message));
	}
	return !until || check_later(judge, matter, until, term, error);
}

bool judge_check(const Judge *judge, GBytes *cms, gint64 until, GError **error)
{
	const Matter matter = { .cms = cms };
	g_auto(Term) term = TERM_NONE;

	if (!check(judge, &matter, until, &term, error))
		return false;
	tell(judge, &term);
	return true;
}

bool judge_check_signer(const Judge *judge, const char *cert, const char *const *intermediates,
                        gint64 until, GError **error)
{
	const Matter matter = { .cert = cert, .intermediates = intermediates };
	g_auto(Term) term = TERM_NONE;

	return check(judge, &matter, until, &term, error);
}
