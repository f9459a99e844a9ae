/* SPDX-License-Identifier: MIT */

#include "system/keyring_health.h"

#include "base/error.h"

#define DAY (24 * 60 * 60)
#define NO_WAY_BACK                                                                        \
	". A device with this keyring takes no update, also none that brings another: it " \
	"has to be replaced by other means"

/* What the sentences are about. */
typedef struct {
	const KeyringContent *content;
	const ConfigKeyring *rules;
	KeyringHealth *health;
	gint64 now, last; /* `last`: when the last anchor ends, of those that work now */
	unsigned n_working;
} Look;

const char *keyring_health_word(KeyringLevel level)
{
	static const char *const words[] = {
		[KEYRING_FINE] = "fine",
		[KEYRING_SOON] = "soon",
		[KEYRING_BROKEN] = "broken",
	};

	return words[level];
}

KeyringLevel keyring_health_level(const char *word)
{
	for (unsigned level = KEYRING_FINE; level <= KEYRING_BROKEN; level++) {
		if (g_strcmp0(word, keyring_health_word(level)) == 0)
			return level;
	}
	return KEYRING_SOON;
}

bool keyring_health_is_anchor(const KeyringCert *cert, const ConfigKeyring *rules)
{
	return cert->is_self_signed || rules->allow_partial_chain;
}

int keyring_health_days(gint64 then, gint64 now)
{
	gint64 days = then >= now ? (then - now) / DAY : -((now - then + DAY - 1) / DAY);

	return (int)CLAMP(days, G_MININT, G_MAXINT);
}

static char *day(gint64 at)
{
	g_autoptr(GDateTime) moment = g_date_time_new_from_unix_utc(at);

	return moment ? g_date_time_format(moment, "%Y-%m-%d") : g_strdup("?");
}

/* Takes `text`. */
static void note(Look *look, KeyringLevel level, const char *code, gint64 at, char *text)
{
	keyring_health_add(look->health, level, code, text, at);
	g_free(text);
}

static bool is_soon(const Look *look, gint64 at)
{
	return at - look->now < (gint64)look->rules->expiry_warning_days * DAY;
}

static const KeyringCrl *crl_of(const Look *look, const KeyringCert *cert)
{
	return cert->crl >= 0 ? look->content->crls->pdata[cert->crl] : NULL;
}

/* The CRL that counts for this anchor does not stand in the way now. */
static bool crl_works(const Look *look, const KeyringCert *cert)
{
	const KeyringCrl *crl = crl_of(look, cert);

	if (!look->rules->check_crl)
		return true;
	return crl && crl->made <= look->now && (!crl->renew || crl->renew > look->now);
}

static bool works(const Look *look, const KeyringCert *cert)
{
	const SignerCert *facts = cert->facts;

	return keyring_health_is_anchor(cert, look->rules) && !cert->is_revoked &&
	       facts->not_before_unix <= look->now && facts->not_after_unix > look->now &&
	       crl_works(look, cert);
}

static gint64 end_of(const Look *look, const KeyringCert *cert)
{
	const KeyringCrl *crl = look->rules->check_crl ? crl_of(look, cert) : NULL;
	gint64 end = cert->facts->not_after_unix;

	return crl && crl->renew ? MIN(end, crl->renew) : end;
}

static void find_last(Look *look)
{
	for (unsigned i = 0; i < look->content->certs->len; i++) {
		const KeyringCert *cert = look->content->certs->pdata[i];

		if (!works(look, cert))
			continue;
		look->n_working++;
		look->last = MAX(look->last, end_of(look, cert));
	}
}

/* Another anchor goes on when this one ends. */
static const KeyringCert *find_successor(const Look *look, const KeyringCert *cert)
{
	for (unsigned i = 0; i < look->content->certs->len; i++) {
		const KeyringCert *other = look->content->certs->pdata[i];

		if (other != cert && works(look, other) && !is_soon(look, end_of(look, other)))
			return other;
	}
	return NULL;
}

static void note_expired(Look *look, const KeyringCert *cert)
{
	const SignerCert *facts = cert->facts;
	g_autofree char *end = day(facts->not_after_unix);

	if (look->n_working)
		note(look, KEYRING_FINE, "anchor-expired", facts->not_after_unix,
		     g_strdup_printf("'%s' has expired on %s: leave it out of the next keyring",
		                     facts->subject, end));
	else
		note(look, KEYRING_BROKEN, "anchor-expired", facts->not_after_unix,
		     g_strdup_printf(
			     "'%s' has expired on %s: bundles signed below it%s are refused",
			     facts->subject, end,
			     look->rules->use_bundle_signing_time ? " since then" : ""));
}

static void note_expires(Look *look, const KeyringCert *cert)
{
	const SignerCert *facts = cert->facts;
	const KeyringCert *successor = find_successor(look, cert);
	g_autofree char *end = day(facts->not_after_unix);
	int days = keyring_health_days(facts->not_after_unix, look->now);

	if (successor)
		note(look, KEYRING_SOON, "anchor-expires", facts->not_after_unix,
		     g_strdup_printf("'%s' expires in %d days, on %s: see that every device has "
		                     "this keyring and sign below '%s' before",
		                     facts->subject, days, end, successor->facts->subject));
	else
		note(look, KEYRING_SOON, "anchor-expires", facts->not_after_unix,
		     g_strdup_printf(
			     "'%s' expires in %d days, on %s, and no other root goes on: "
			     "start the rotation now, ship a keyring with the next root in an "
			     "update signed below this one",
			     facts->subject, days, end));
}

static void look_at_anchor(Look *look, const KeyringCert *cert)
{
	const SignerCert *facts = cert->facts;
	g_autofree char *begin = day(facts->not_before_unix);
	g_autofree char *now = day(look->now);

	if (cert->is_revoked)
		note(look, KEYRING_BROKEN, "anchor-revoked", 0,
		     g_strdup_printf(
			     "'%s' is revoked by a CRL in this keyring: ship one without it",
			     facts->subject));
	else if (facts->not_after_unix <= look->now)
		note_expired(look, cert);
	else if (facts->not_before_unix > look->now)
		note(look, look->n_working ? KEYRING_FINE : KEYRING_BROKEN, "not-yet-valid",
		     facts->not_before_unix,
		     g_strdup_printf("'%s' is valid from %s on and the clock says %s: is it right?",
		                     facts->subject, begin, now));
	else if (is_soon(look, facts->not_after_unix))
		note_expires(look, cert);
}

/* A CRL: fresh, stale, from the future, or not of anybody here. */
static void look_at_crl(Look *look, const KeyringCrl *crl)
{
	g_autofree char *renew = day(crl->renew), *made = day(crl->made);

	if (crl->made > look->now)
		note(look, KEYRING_BROKEN, "crl-not-yet-valid", crl->made,
		     g_strdup_printf(
			     "the CRL of '%s' is from %s, later than the clock says: what it "
			     "covers is refused until then",
			     crl->issuer, made));
	else if (crl->renew && crl->renew <= look->now)
		note(look, KEYRING_BROKEN, "crl-expired", crl->renew,
		     g_strdup_printf("the CRL of '%s' had to be renewed before %s: bundles signed "
		                     "below it are refused%s",
		                     crl->issuer, renew,
		                     look->n_working ? "; ship a keyring with a new one" : ""));
	else if (crl->renew && is_soon(look, crl->renew))
		note(look, KEYRING_SOON, "crl-expires", crl->renew,
		     g_strdup_printf(
			     "the CRL of '%s' is to be renewed in %d days, before %s: make a "
			     "new one and ship a keyring with it, or no bundle signed below "
			     "it is accepted",
			     crl->issuer, keyring_health_days(crl->renew, look->now), renew));
}

/* Judged by its signing time, a bundle that is older than a CRL comes before the CRL is valid. */
static void look_at_signing_time(Look *look, const KeyringCrl *crl)
{
	g_autofree char *made = day(crl->made);

	if (look->rules->use_bundle_signing_time && crl->made <= look->now)
		note(look, KEYRING_FINE, "crl-newer", crl->made,
		     g_strdup_printf("the CRL of '%s' is from %s, and use-bundle-signing-time is "
		                     "set: bundles signed below it before that are refused",
		                     crl->issuer, made));
}

/* Is there a newer one of the same issuer? */
static bool is_superseded(const KeyringContent *content, const KeyringCrl *crl)
{
	for (unsigned i = 0; i < content->crls->len; i++) {
		const KeyringCrl *other = content->crls->pdata[i];

		if (other != crl && g_str_equal(other->issuer, crl->issuer) &&
		    other->by == crl->by && other->made > crl->made)
			return true;
	}
	return false;
}

static void look_at_crls(Look *look)
{
	const KeyringContent *content = look->content;

	if (!look->rules->check_crl) {
		if (content->crls->len)
			note(look, KEYRING_FINE, "crl-unused", 0,
			     g_strdup(
				     "the keyring has CRLs, and check-crl is not set: who is revoked "
				     "is accepted all the same"));
		return;
	}
	for (unsigned i = 0; i < content->certs->len; i++) {
		const KeyringCert *cert = content->certs->pdata[i];

		if ((cert->is_ca || cert->is_self_signed) && cert->crl < 0 &&
		    cert->facts->not_after_unix > look->now)
			note(look, KEYRING_BROKEN, "crl-missing", 0,
			     g_strdup_printf(
				     "there is no CRL of '%s', and check-crl is set: every "
				     "bundle signed below it is refused; ship a keyring with it",
				     cert->facts->subject));
	}
	for (unsigned i = 0; i < content->crls->len; i++) {
		if (is_superseded(content, content->crls->pdata[i]))
			continue;
		look_at_crl(look, content->crls->pdata[i]);
		look_at_signing_time(look, content->crls->pdata[i]);
	}
}

static int worst_first(gconstpointer a, gconstpointer b)
{
	const KeyringNote *first = *(KeyringNote *const *)a, *second = *(KeyringNote *const *)b;

	if (first->level != second->level)
		return first->level < second->level ? 1 : -1;
	return first->at == second->at ? 0 : first->at < second->at ? -1 : 1;
}

static void look_at_anchors(Look *look)
{
	unsigned n_anchors = 0;

	for (unsigned i = 0; i < look->content->certs->len; i++) {
		const KeyringCert *cert = look->content->certs->pdata[i];

		if (!keyring_health_is_anchor(cert, look->rules))
			continue;
		n_anchors++;
		look_at_anchor(look, cert);
	}
	if (!n_anchors)
		note(look, KEYRING_BROKEN, "no-anchor", 0,
		     g_strdup("no certificate here is signed by itself, so no chain can end here: "
		              "put the root into the keyring, or set allow-partial-chain"));
}

/* What goes away when the clock is right. */
static bool is_about_clock(const KeyringNote *note)
{
	return g_str_has_suffix(note->code, "not-yet-valid");
}

/* What the owner has to read first. */
static char *make_action(const Look *look)
{
	const KeyringHealth *health = look->health;
	const KeyringNote *first = health->notes->len ? health->notes->pdata[0] : NULL;
	gint64 warn = look->last - (gint64)look->rules->expiry_warning_days * DAY;
	g_autofree char *then = day(warn), *end = day(look->last);

	if (!look->n_working)
		return g_strdup_printf("no bundle%s is accepted any more: %s%s",
		                       look->rules->use_bundle_signing_time ? " signed now" : "",
		                       first ? first->text : "no anchor is valid",
		                       first && is_about_clock(first) ? "" : NO_WAY_BACK);
	if (health->level != KEYRING_FINE)
		return g_strdup(first->text);
	if (!look->rules->expiry_warning_days)
		return g_strdup_printf("fine until %s", end);
	return g_strdup_printf("fine until %s: start the rotation by %s", end, then);
}

static void free_note(void *of)
{
	KeyringNote *made = of;

	g_free(made->code);
	g_free(made->text);
	g_free(made);
}

KeyringHealth *keyring_health_new(KeyringLevel level, const char *action, gint64 until, gint64 now)
{
	KeyringHealth *health = g_new(KeyringHealth, 1);

	*health = (KeyringHealth){ .level = level,
		                   .action = g_strdup(action),
		                   .until = until,
		                   .now = now,
		                   .notes = g_ptr_array_new_with_free_func(free_note) };
	return health;
}

void keyring_health_add(KeyringHealth *health, KeyringLevel level, const char *code,
                        const char *text, gint64 at)
{
	KeyringNote *made = g_new(KeyringNote, 1);

	*made = (KeyringNote){ level, g_strdup(code), g_strdup(text), at };
	g_ptr_array_add(health->notes, made);
}

KeyringHealth *keyring_health_unreadable(const char *why, gint64 now)
{
	KeyringHealth *health = keyring_health_new(KEYRING_BROKEN, why, 0, now);

	keyring_health_add(health, KEYRING_BROKEN, "unreadable", why, 0);
	return health;
}

KeyringHealth *keyring_health_judge(const KeyringContent *content, const ConfigKeyring *rules,
                                    gint64 now)
{
	KeyringHealth *health = keyring_health_new(KEYRING_FINE, NULL, 0, now);
	Look look = { .content = content, .rules = rules, .health = health, .now = now };

	find_last(&look);
	look_at_anchors(&look);
	look_at_crls(&look);
	g_ptr_array_sort(health->notes, worst_first);
	if (health->notes->len)
		health->level = ((KeyringNote *)health->notes->pdata[0])->level;
	if (!look.n_working)
		health->level = KEYRING_BROKEN;
	health->until = look.last;
	health->action = make_action(&look);
	return health;
}

static const KeyringCrl *find_newest(const KeyringContent *content, const char *issuer)
{
	const KeyringCrl *newest = NULL;

	for (unsigned i = 0; i < content->crls->len; i++) {
		const KeyringCrl *crl = content->crls->pdata[i];

		if (g_str_equal(crl->issuer, issuer) && (!newest || crl->made > newest->made))
			newest = crl;
	}
	return newest;
}

bool keyring_health_check_newer(const KeyringContent *next, const KeyringContent *present,
                                GError **error)
{
	for (unsigned i = 0; i < present->crls->len; i++) {
		const KeyringCrl *old = present->crls->pdata[i];
		const KeyringCrl *new = find_newest(next, old->issuer);
		g_autofree char *old_day = day(old->made), *new_day = day(new ? new->made : 0);

		if (new &&new->made < old->made)
			return fail(error, FAILURE_REJECTED,
			            "its CRL of '%s' is of %s, there is one of %s: who was revoked "
			            "since would be trusted again",
			            old->issuer, new_day, old_day);
	}
	return true;
}

void keyring_health_free(KeyringHealth *health)
{
	if (!health)
		return;
	g_free(health->action);
	g_ptr_array_unref(health->notes);
	g_free(health);
}
