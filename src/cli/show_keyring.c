/* SPDX-License-Identifier: MIT */

#include "cli/show_keyring.h"

#include "cli/moment.h"

#define LABEL "%-15s "

void show_keyring_bundle_free(ShowKeyringBundle *bundle)
{
	g_free(bundle->path);
	g_free(bundle->reason);
	term_clear(&bundle->term);
	g_free(bundle);
}

static const KeyringCert *cert_at(const ShowKeyring *shown, int n)
{
	return n >= 0 ? shown->content->certs->pdata[n] : NULL;
}

static const KeyringCrl *crl_of(const ShowKeyring *shown, const KeyringCert *cert)
{
	return cert->crl >= 0 ? shown->content->crls->pdata[cert->crl] : NULL;
}

static bool is_anchor(const ShowKeyring *shown, const KeyringCert *cert)
{
	return keyring_health_is_anchor(cert, shown->rules);
}

static int days_left(const ShowKeyring *shown, gint64 at)
{
	return keyring_health_days(at, shown->health->now);
}

/* "valid", "expired", "not-yet-valid", "revoked" */
static const char *state_of(const ShowKeyring *shown, const KeyringCert *cert)
{
	if (cert->is_revoked)
		return "revoked";
	if (cert->facts->not_after_unix <= shown->health->now)
		return "expired";
	return cert->facts->not_before_unix > shown->health->now ? "not-yet-valid" : "valid";
}

/* The subject of a bundle's anchor, NULL: it is not known. */
static const char *anchor_of(const ShowKeyring *shown, const ShowKeyringBundle *bundle)
{
	for (unsigned i = 0; bundle->term.anchor && i < shown->content->certs->len; i++) {
		const SignerCert *facts = cert_at(shown, (int)i)->facts;

		if (g_str_equal(facts->spki_hash, bundle->term.anchor))
			return facts->subject;
	}
	return NULL;
}

static bool has_issued(const KeyringCert *cert, int n, int issuer)
{
	return cert->issuer == issuer && n != issuer;
}

/* Readable. */

static void line(GString *to, const char *label, const char *value)
{
	g_string_append_printf(to, "      " LABEL, label);
	output_append_safe(to, value);
	g_string_append_c(to, '\n');
}

/* "2026-01-01T00:00:00Z (12 days left)" */
static char *until_words(const ShowKeyring *shown, gint64 at)
{
	g_autofree char *moment = moment_format(at);
	int days = days_left(shown, at);

	return days < 0 ? g_strdup_printf("%s (%d days ago)", moment, -days)
	                : g_strdup_printf("%s (%d days left)", moment, days);
}

static void show_crl(GString *to, const ShowKeyring *shown, const KeyringCrl *crl)
{
	g_autofree char *made = moment_format(crl->made);
	g_autofree char *renew = crl->renew ? until_words(shown, crl->renew) : NULL;

	g_string_append_printf(to, "      " LABEL "%u revoked, of %s, %s%s\n",
	                       "CRL:", crl->n_revoked, made,
	                       renew ? "to be renewed before " : "without end", renew ? renew : "");
}

static void show_cert(GString *to, const ShowKeyring *shown, int n, OutputLook look)
{
	const KeyringCert *cert = cert_at(shown, n), *issuer = cert_at(shown, cert->issuer);
	const KeyringCrl *crl = crl_of(shown, cert);
	g_autofree char *begin = moment_format(cert->facts->not_before_unix);
	g_autofree char *end = until_words(shown, cert->facts->not_after_unix);

	output_append_style(to, look, "1");
	g_string_append_c(to, '[');
	output_append_safe(to, cert->facts->subject);
	g_string_append_c(to, ']');
	output_append_style(to, look, "0");
	g_string_append_printf(to, " (%s)\n", state_of(shown, cert));
	line(to, "SPKI sha256:", cert->facts->spki_hash);
	line(to, "not before:", begin);
	line(to, "not after:", end);
	if (!cert->is_self_signed)
		line(to, "issued by:",
		     issuer ? issuer->facts->subject : "a certificate that is not here");
	for (unsigned i = 0; i < shown->content->certs->len; i++) {
		if (has_issued(cert_at(shown, (int)i), (int)i, n))
			line(to, "has issued:", cert_at(shown, (int)i)->facts->subject);
	}
	if (crl)
		show_crl(to, shown, crl);
}

static void show_certs(GString *to, const ShowKeyring *shown, const char *title, bool of_anchors,
                       OutputLook look)
{
	bool is_begun = false;

	for (unsigned i = 0; i < shown->content->certs->len; i++) {
		if (is_anchor(shown, cert_at(shown, (int)i)) != of_anchors)
			continue;
		if (!is_begun)
			g_string_append_printf(to, "\n=== %s ===\n", title);
		is_begun = true;
		show_cert(to, shown, (int)i, look);
	}
}

/* Of CAs that come with the bundles. */
static void show_other_crls(GString *to, const ShowKeyring *shown)
{
	bool is_begun = false;

	for (unsigned i = 0; i < shown->content->crls->len; i++) {
		const KeyringCrl *crl = shown->content->crls->pdata[i];

		if (crl->by >= 0)
			continue;
		if (!is_begun)
			g_string_append(to, "\n=== CRLs of others ===\n");
		is_begun = true;
		g_string_append_c(to, '[');
		output_append_safe(to, crl->issuer);
		g_string_append(to, "]\n");
		show_crl(to, shown, crl);
	}
}

static void show_bundles(GString *to, const ShowKeyring *shown)
{
	if (shown->bundles->len)
		g_string_append(to, "\n=== Bundles ===\n");
	for (unsigned i = 0; i < shown->bundles->len; i++) {
		const ShowKeyringBundle *bundle = shown->bundles->pdata[i];
		const char *anchor = anchor_of(shown, bundle);

		g_string_append_c(to, '[');
		output_append_safe(to, bundle->path);
		g_string_append_printf(to, "] (%s)\n", bundle->reason ? "refused" : "accepted");
		if (bundle->reason) {
			line(to, "reason:", bundle->reason);
			continue;
		}
		if (anchor)
			line(to, "chain ends in:", anchor);
		g_autofree char *end = bundle->term.until == TERM_ENDLESS
		                               ? g_strdup("it is judged by its signing time")
		                               : until_words(shown, bundle->term.until);
		line(to, "until:", end);
		if (bundle->term.because)
			line(to, "then:", bundle->term.because);
	}
}

static void show_notes(GString *to, const KeyringHealth *health, KeyringLevel least)
{
	for (unsigned i = 0; i < health->notes->len; i++) {
		const KeyringNote *note = health->notes->pdata[i];

		if (note->level < least)
			continue;
		g_string_append_printf(to, "%s: ",
		                       note->level == KEYRING_FINE
		                               ? "note"
		                               : keyring_health_word(note->level));
		output_append_safe(to, note->text);
		g_string_append_c(to, '\n');
	}
}

static void show_readable(GString *to, const ShowKeyring *shown, OutputLook look)
{
	const KeyringHealth *health = shown->health;

	g_string_append(to, "=== Keyring ===\n");
	if (shown->rules->path)
		g_string_append_printf(to, LABEL "%s\n", "File:", shown->rules->path);
	if (shown->rules->directory)
		g_string_append_printf(to, LABEL "%s\n", "Directory:", shown->rules->directory);
	g_string_append_printf(to, LABEL "%s\n" LABEL, "State:", keyring_health_word(health->level),
	                       "Next:");
	output_append_safe(to, health->action);
	g_string_append_c(to, '\n');
	show_certs(to, shown, "Anchors", true, look);
	show_certs(to, shown, "Other certificates", false, look);
	show_other_crls(to, shown);
	show_bundles(to, shown);
	if (health->notes->len)
		g_string_append(to, "\n=== Notes ===\n");
	show_notes(to, health, KEYRING_FINE);
}

void show_keyring_brief(GString *to, const KeyringHealth *health)
{
	if (!health || health->level == KEYRING_FINE)
		return;
	g_string_append(to, "=== Keyring ===\nNext: ");
	output_append_safe(to, health->action);
	g_string_append_c(to, '\n');
	show_notes(to, health, KEYRING_SOON);
	g_string_append_c(to, '\n');
}

/* JSON. */

static void add_moment(JsonBuilder *json, const char *name, gint64 at)
{
	g_autofree char *moment = at > 0 && at != TERM_ENDLESS ? moment_format(at) : NULL;

	json_add_string(json, name, moment);
}

static void add_bool(JsonBuilder *json, const char *name, bool value)
{
	json_builder_set_member_name(json, name);
	json_builder_add_boolean_value(json, value);
}

static void add_health(JsonBuilder *json, const KeyringHealth *health)
{
	json_add_string(json, "state", keyring_health_word(health->level));
	json_add_string(json, "action", health->action);
	add_moment(json, "until", health->until);
	json_open_array(json, "notes");
	for (unsigned i = 0; i < health->notes->len; i++) {
		const KeyringNote *note = health->notes->pdata[i];

		json_open_object(json, NULL);
		json_add_string(json, "level", keyring_health_word(note->level));
		json_add_string(json, "code", note->code);
		json_add_string(json, "text", note->text);
		add_moment(json, "at", note->at);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
}

void show_keyring_brief_json(JsonBuilder *json, const KeyringHealth *health)
{
	if (!health || health->level == KEYRING_FINE)
		return;
	json_open_object(json, "keyring");
	add_health(json, health);
	json_builder_end_object(json);
}

static void add_crl(JsonBuilder *json, const ShowKeyring *shown, const KeyringCrl *crl)
{
	json_add_string(json, "issuer", crl->issuer);
	add_moment(json, "made", crl->made);
	add_moment(json, "renew-before", crl->renew);
	if (crl->renew)
		json_add_int(json, "days-left", days_left(shown, crl->renew));
	json_add_int(json, "revoked", crl->n_revoked);
}

static void add_cert(JsonBuilder *json, const ShowKeyring *shown, int n)
{
	const KeyringCert *cert = cert_at(shown, n);
	const KeyringCrl *crl = crl_of(shown, cert);

	json_open_object(json, NULL);
	json_add_string(json, "subject", cert->facts->subject);
	json_add_string(json, "issuer", cert->facts->issuer);
	json_add_string(json, "spki-sha256", cert->facts->spki_hash);
	add_moment(json, "not-before", cert->facts->not_before_unix);
	add_moment(json, "not-after", cert->facts->not_after_unix);
	json_add_int(json, "days-left", days_left(shown, cert->facts->not_after_unix));
	json_add_string(json, "state", state_of(shown, cert));
	add_bool(json, "is-anchor", is_anchor(shown, cert));
	add_bool(json, "is-ca", cert->is_ca);
	json_add_string(json, "file", cert->source);
	json_open_array(json, "issued");
	for (unsigned i = 0; i < shown->content->certs->len; i++) {
		if (has_issued(cert_at(shown, (int)i), (int)i, n))
			json_builder_add_string_value(json, cert_at(shown, (int)i)->facts->subject);
	}
	json_builder_end_array(json);
	if (crl) {
		json_open_object(json, "crl");
		add_crl(json, shown, crl);
		json_builder_end_object(json);
	} else {
		json_add_string(json, "crl", NULL);
	}
	json_builder_end_object(json);
}

static void add_bundle(JsonBuilder *json, const ShowKeyring *shown, const ShowKeyringBundle *bundle)
{
	json_open_object(json, NULL);
	json_add_string(json, "bundle", bundle->path);
	add_bool(json, "is-accepted", !bundle->reason);
	json_add_string(json, "reason", bundle->reason);
	json_add_string(json, "anchor", anchor_of(shown, bundle));
	add_moment(json, "until", bundle->term.until);
	json_add_string(json, "then", bundle->term.because);
	json_builder_end_object(json);
}

static void show_json(GString *to, const ShowKeyring *shown, bool is_pretty)
{
	JsonBuilder *json = json_builder_new();

	json_open_object(json, NULL);
	json_add_string(json, "path", shown->rules->path);
	json_add_string(json, "directory", shown->rules->directory);
	add_health(json, shown->health);
	json_open_array(json, "certificates");
	for (unsigned i = 0; i < shown->content->certs->len; i++)
		add_cert(json, shown, (int)i);
	json_builder_end_array(json);
	json_open_array(json, "other-crls");
	for (unsigned i = 0; i < shown->content->crls->len; i++) {
		const KeyringCrl *crl = shown->content->crls->pdata[i];

		if (crl->by >= 0)
			continue;
		json_open_object(json, NULL);
		add_crl(json, shown, crl);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
	json_open_array(json, "bundles");
	for (unsigned i = 0; i < shown->bundles->len; i++)
		add_bundle(json, shown, shown->bundles->pdata[i]);
	json_builder_end_array(json);
	json_builder_end_object(json);
	json_finish(json, to, is_pretty);
}

/* Shell. */

static void shell_moment(GString *to, const char *key, gint64 at)
{
	g_autofree char *moment = at > 0 && at != TERM_ENDLESS ? moment_format(at) : NULL;

	output_append_shell(to, key, moment);
}

static void shell_number(GString *to, const char *key, gint64 number)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, number);

	output_append_shell(to, key, text);
}

static void shell_health(GString *to, const KeyringHealth *health)
{
	output_append_shell(to, "RAUC_KEYRING_STATE", keyring_health_word(health->level));
	output_append_shell(to, "RAUC_KEYRING_ACTION", health->action);
	shell_moment(to, "RAUC_KEYRING_UNTIL", health->until);
}

void show_keyring_brief_shell(GString *to, const KeyringHealth *health)
{
	if (health && health->level != KEYRING_FINE)
		shell_health(to, health);
}

/* `what` of certificate or bundle n. */
static void numbered(GString *to, const char *what, unsigned n, const char *value)
{
	g_autofree char *key = g_strdup_printf("RAUC_KEYRING_%s_%u", what, n);

	output_append_shell(to, key, value);
}

static void numbered_moment(GString *to, const char *what, unsigned n, gint64 at)
{
	g_autofree char *moment = at > 0 && at != TERM_ENDLESS ? moment_format(at) : NULL;

	numbered(to, what, n, moment);
}

static void shell_cert(GString *to, const ShowKeyring *shown, unsigned n)
{
	const KeyringCert *cert = cert_at(shown, (int)n - 1);
	const KeyringCrl *crl = crl_of(shown, cert);
	g_autofree char *days =
		g_strdup_printf("%d", days_left(shown, cert->facts->not_after_unix));

	numbered(to, "CERT_SUBJECT", n, cert->facts->subject);
	numbered(to, "CERT_SPKI_SHA256", n, cert->facts->spki_hash);
	numbered_moment(to, "CERT_NOT_BEFORE", n, cert->facts->not_before_unix);
	numbered_moment(to, "CERT_NOT_AFTER", n, cert->facts->not_after_unix);
	numbered(to, "CERT_DAYS_LEFT", n, days);
	numbered(to, "CERT_STATE", n, state_of(shown, cert));
	numbered(to, "CERT_IS_ANCHOR", n, is_anchor(shown, cert) ? "1" : "0");
	numbered_moment(to, "CERT_CRL_RENEW_BEFORE", n, crl ? crl->renew : 0);
}

static void shell_bundle(GString *to, const ShowKeyring *shown, unsigned n)
{
	const ShowKeyringBundle *bundle = shown->bundles->pdata[n - 1];

	numbered(to, "BUNDLE", n, bundle->path);
	numbered(to, "BUNDLE_IS_ACCEPTED", n, bundle->reason ? "0" : "1");
	numbered(to, "BUNDLE_REASON", n, bundle->reason);
	numbered(to, "BUNDLE_ANCHOR", n, anchor_of(shown, bundle));
	numbered_moment(to, "BUNDLE_UNTIL", n, bundle->term.until);
}

static void show_shell(GString *to, const ShowKeyring *shown)
{
	shell_health(to, shown->health);
	shell_number(to, "RAUC_KEYRING_CERTS", shown->content->certs->len);
	for (unsigned n = 1; n <= shown->content->certs->len; n++)
		shell_cert(to, shown, n);
	shell_number(to, "RAUC_KEYRING_BUNDLES", shown->bundles->len);
	for (unsigned n = 1; n <= shown->bundles->len; n++)
		shell_bundle(to, shown, n);
}

void show_keyring(GString *to, const ShowKeyring *shown, OutputFormat format, OutputLook look)
{
	switch (format) {
	case OUTPUT_READABLE:
		show_readable(to, shown, look);
		return;
	case OUTPUT_SHELL:
		show_shell(to, shown);
		return;
	case OUTPUT_JSON:
	case OUTPUT_JSON_PRETTY:
		show_json(to, shown, format == OUTPUT_JSON_PRETTY);
		return;
	case OUTPUT_JSON_2:
		g_assert_not_reached();
	}
}
