/* SPDX-License-Identifier: MIT */

#include "system/keyring_health.h"

#include <string.h>

#define DAY (24 * 60 * 60)
#define NOW (20000 * (gint64)DAY) /* 2024-10-04 */

/* A keyring without files. */
typedef struct {
	KeyringContent content;
	ConfigKeyring rules;
} Ring;

static void free_cert(void *of)
{
	KeyringCert *cert = of;

	signers_cert_free(cert->facts);
	g_free(cert);
}

static void free_crl(void *of)
{
	g_free(((KeyringCrl *)of)->issuer);
	g_free(of);
}

static void ring_init(Ring *ring)
{
	*ring = (Ring){ .rules.expiry_warning_days = 180 };
	ring->content.certs = g_ptr_array_new_with_free_func(free_cert);
	ring->content.crls = g_ptr_array_new_with_free_func(free_crl);
}

static void ring_clear(Ring *ring)
{
	g_ptr_array_unref(ring->content.certs);
	g_ptr_array_unref(ring->content.crls);
}

/* A root from `begin` to `end`, days from now. */
static KeyringCert *add_root(Ring *ring, const char *name, int begin, int end)
{
	KeyringCert *cert = g_new0(KeyringCert, 1);

	cert->facts = g_new0(SignerCert, 1);
	cert->facts->subject = g_strdup(name);
	cert->facts->not_before_unix = NOW + begin * DAY;
	cert->facts->not_after_unix = NOW + end * DAY;
	cert->is_self_signed = cert->is_ca = true;
	cert->issuer = (int)ring->content.certs->len;
	cert->crl = -1;
	g_ptr_array_add(ring->content.certs, cert);
	return cert;
}

static void add_crl(Ring *ring, const char *issuer, int by, int made, int renew)
{
	KeyringCrl *crl = g_new0(KeyringCrl, 1);

	*crl = (KeyringCrl){ g_strdup(issuer), NOW + made * DAY, renew ? NOW + renew * DAY : 0, by,
		             0 };
	if (by >= 0)
		((KeyringCert *)ring->content.certs->pdata[by])->crl = (int)ring->content.crls->len;
	g_ptr_array_add(ring->content.crls, crl);
	ring->rules.check_crl = true;
}

/* "code code", the worst first. */
static char *codes(const KeyringHealth *health)
{
	GString *all = g_string_new(NULL);

	for (unsigned i = 0; i < health->notes->len; i++)
		g_string_append_printf(all, "%s%s", i ? " " : "",
		                       ((KeyringNote *)health->notes->pdata[i])->code);
	return g_string_free(all, FALSE);
}

static void expect(const Ring *ring, KeyringLevel level, const char *wanted, int until,
                   const char *action)
{
	g_autoptr(KeyringHealth) health = keyring_health_judge(&ring->content, &ring->rules, NOW);
	g_autofree char *found = codes(health);

	g_test_message("%s: %s", keyring_health_word(health->level), health->action);
	g_assert_cmpstr(found, ==, wanted);
	g_assert_cmpint(health->level, ==, level);
	g_assert_cmpint(health->until, ==, until ? NOW + until * DAY : 0);
	g_assert_nonnull(strstr(health->action, action));
}

/* One or two roots over the years. */
static void test_life_of_roots(void)
{
	const struct {
		int begin, end, begin2, end2; /* second root: none where end2 is 0 */
		KeyringLevel level;
		const char *codes;
		int until; /* days, 0: nothing is accepted */
		const char *action;
	} rows[] = {
		{ -10, 1000, 0, 0, KEYRING_FINE, "", 1000,
		  "fine until 2027-07-01: start the rotation by 2027-01-02" },
		{ -10, 180, 0, 0, KEYRING_FINE, "", 180, "fine until" },
		{ -10, 179, 0, 0, KEYRING_SOON, "anchor-expires", 179,
		  "'old' expires in 179 days, on 2025-04-01, and no other root goes on: start the "
		  "rotation now" },
		{ -10, 100, -1, 2000, KEYRING_SOON, "anchor-expires", 2000,
		  "see that every device has this keyring and sign below 'new' before" },
		{ -10, 100, -1, 120, KEYRING_SOON, "anchor-expires anchor-expires", 120,
		  "start the rotation now" },
		{ -900, -1, -1, 2000, KEYRING_FINE, "anchor-expired", 2000, "fine until" },
		{ -900, 0, 0, 0, KEYRING_BROKEN, "anchor-expired", 0,
		  "no bundle is accepted any more: 'old' has expired on 2024-10-04: bundles signed "
		  "below it are refused. A device with this keyring takes no update" },
		{ -900, -30, -600, -20, KEYRING_BROKEN, "anchor-expired anchor-expired", 0,
		  "no bundle is accepted any more" },
		{ 10, 2000, 0, 0, KEYRING_BROKEN, "not-yet-valid", 0,
		  "'old' is valid from 2024-10-14 on and the clock says 2024-10-04: is it right?" },
		{ -10, 1000, 10, 3000, KEYRING_FINE, "not-yet-valid", 1000, "fine until" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Ring ring;

		ring_init(&ring);
		add_root(&ring, "old", rows[i].begin, rows[i].end);
		if (rows[i].end2)
			add_root(&ring, "new", rows[i].begin2, rows[i].end2);
		expect(&ring, rows[i].level, rows[i].codes, rows[i].until, rows[i].action);
		ring_clear(&ring);
	}
}

static void test_never_warn(void)
{
	Ring ring;

	ring_init(&ring);
	ring.rules.expiry_warning_days = 0;
	add_root(&ring, "old", -10, 1);
	expect(&ring, KEYRING_FINE, "", 1, "fine until 2024-10-05");
	ring_clear(&ring);
}

static void test_crls(void)
{
	const struct {
		int made, renew; /* of the root's CRL; none where both are 0 */
		KeyringLevel level;
		const char *codes;
		int until;
		const char *action;
	} rows[] = {
		{ -1, 900, KEYRING_FINE, "", 900, "fine until" },
		{ -1, 5000, KEYRING_FINE, "", 1000, "fine until" },
		{ -1, 30, KEYRING_SOON, "crl-expires", 30,
		  "the CRL of 'root' is to be renewed in 30 days, before 2024-11-03: make a new one" },
		{ -100, -1, KEYRING_BROKEN, "crl-expired", 0,
		  "had to be renewed before 2024-10-03" },
		{ 5, 900, KEYRING_BROKEN, "crl-not-yet-valid", 0, "later than the clock says" },
		{ 0, 0, KEYRING_BROKEN, "crl-missing", 0,
		  "there is no CRL of 'root', and check-crl is set" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Ring ring;

		ring_init(&ring);
		add_root(&ring, "root", -10, 1000);
		if (rows[i].renew)
			add_crl(&ring, "root", 0, rows[i].made, rows[i].renew);
		ring.rules.check_crl = true;
		expect(&ring, rows[i].level, rows[i].codes, rows[i].until, rows[i].action);
		ring_clear(&ring);
	}
}

/* Of a CA that comes with the bundles: the anchor works, what is below that CA is refused. */
static void test_crl_of_another(void)
{
	Ring ring;

	ring_init(&ring);
	add_root(&ring, "root", -10, 1000);
	add_crl(&ring, "root", 0, -1, 900);
	add_crl(&ring, "CA", -1, -100, -1);
	expect(&ring, KEYRING_BROKEN, "crl-expired", 900, "the CRL of 'CA' had to be renewed");
	add_crl(&ring, "CA", -1, -2, 900); /* a newer one: the old does not matter */
	expect(&ring, KEYRING_FINE, "", 900, "fine until");
	ring_clear(&ring);
}

static void test_crl_not_looked_at(void)
{
	Ring ring;

	ring_init(&ring);
	add_root(&ring, "root", -10, 1000);
	add_crl(&ring, "root", 0, -100, -1);
	ring.rules.check_crl = false;
	expect(&ring, KEYRING_FINE, "crl-unused", 1000, "fine until");
	ring_clear(&ring);
}

static void test_revoked(void)
{
	Ring ring;

	ring_init(&ring);
	add_root(&ring, "root", -10, 1000)->is_revoked = true;
	expect(&ring, KEYRING_BROKEN, "anchor-revoked", 0, "'root' is revoked");
	ring_clear(&ring);
}

static void test_no_anchor(void)
{
	Ring ring;

	ring_init(&ring);
	add_root(&ring, "middle", -10, 1000)->is_self_signed = false;
	expect(&ring, KEYRING_BROKEN, "no-anchor", 0, "put the root into the keyring");
	ring.rules.allow_partial_chain = true;
	expect(&ring, KEYRING_FINE, "", 1000, "fine until");
	ring_clear(&ring);
}

static void test_signing_time(void)
{
	Ring ring;

	ring_init(&ring);
	ring.rules.use_bundle_signing_time = true;
	add_root(&ring, "root", -900, -1);
	expect(&ring, KEYRING_BROKEN, "anchor-expired", 0, "no bundle signed now is accepted");
	add_root(&ring, "next", -900, 1000);
	((KeyringCert *)ring.content.certs->pdata[0])->crl = -1;
	add_crl(&ring, "next", 1, -5, 900);
	expect(&ring, KEYRING_FINE, "crl-newer anchor-expired", 900, "fine until");
	ring_clear(&ring);
}

static void test_days(void)
{
	g_assert_cmpint(keyring_health_days(NOW, NOW), ==, 0);
	g_assert_cmpint(keyring_health_days(NOW + DAY - 1, NOW), ==, 0);
	g_assert_cmpint(keyring_health_days(NOW + DAY, NOW), ==, 1);
	g_assert_cmpint(keyring_health_days(NOW - 1, NOW), ==, -1);
	g_assert_cmpint(keyring_health_days(NOW - DAY, NOW), ==, -1);
	g_assert_cmpint(keyring_health_days(NOW - DAY - 1, NOW), ==, -2);
	g_assert_cmpint(keyring_health_days(G_MAXINT64, 0), ==, G_MAXINT);
}

/* A carried keyring must not bring an older CRL than one that is out there. */
static void test_newer(void)
{
	const struct {
		int carried, deployed; /* when the CRL was made; 0: there is none */
		bool is_ok;
	} rows[] = { { -5, -9, true }, { -5, -5, true }, { -9, -5, false },
		     { 0, -5, true },  { -5, 0, true },  { 0, 0, true } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		Ring next, present;

		ring_init(&next);
		ring_init(&present);
		if (rows[i].carried)
			add_crl(&next, "CA", -1, rows[i].carried, 100);
		if (rows[i].deployed)
			add_crl(&present, "CA", -1, rows[i].deployed, 100);
		add_crl(&present, "another", -1, -1, 100);
		g_assert_true(keyring_health_check_newer(&next.content, &present.content, &error) ==
		              rows[i].is_ok);
		if (!rows[i].is_ok)
			g_assert_nonnull(strstr(error->message,
			                        "its CRL of 'CA' is of 2024-09-25, there is one of "
			                        "2024-09-29: who was revoked since"));
		ring_clear(&next);
		ring_clear(&present);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/keyring_health/life-of-roots", test_life_of_roots);
	g_test_add_func("/system/keyring_health/never-warn", test_never_warn);
	g_test_add_func("/system/keyring_health/crls", test_crls);
	g_test_add_func("/system/keyring_health/crl-of-another", test_crl_of_another);
	g_test_add_func("/system/keyring_health/crl-not-looked-at", test_crl_not_looked_at);
	g_test_add_func("/system/keyring_health/revoked", test_revoked);
	g_test_add_func("/system/keyring_health/no-anchor", test_no_anchor);
	g_test_add_func("/system/keyring_health/signing-time", test_signing_time);
	g_test_add_func("/system/keyring_health/newer", test_newer);
	g_test_add_func("/system/keyring_health/days", test_days);
	return g_test_run();
}
