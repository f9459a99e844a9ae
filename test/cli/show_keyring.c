/* SPDX-License-Identifier: MIT */

#include "cli/show_keyring.h"

#include <string.h>

#include "sample.h"

#define DAY (24 * 60 * 60)
#define NOW (20000 * (gint64)DAY) /* 2024-10-04 */

/* A root that ends soon, a CA it has issued, two CRLs, two bundles. */
typedef struct {
	SignerCert facts[2];
	KeyringCert certs[2];
	KeyringCrl crls[2];
	ShowKeyringBundle bundles[2];
	KeyringContent content;
	ConfigKeyring rules;
	KeyringHealth *health;
	GPtrArray *asked;
	ShowKeyring shown;
} Sample;

static void sample_init(Sample *sample)
{
	*sample = (Sample){
		.facts = { { (char *)"CN = Root", (char *)"CN = Root", (char *)"AA:01", NULL, NULL,
		             NOW - DAY, NOW + 9 * DAY },
		           { (char *)"CN = CA", (char *)"CN = Root", (char *)"BB:02", NULL, NULL,
		             NOW - 9 * DAY, NOW - DAY } },
		.crls = { { (char *)"CN = Root", NOW - DAY, NOW + 3 * DAY, 0, 2 },
		          { (char *)"CN = Other", NOW - DAY, 0, -1, 0 } },
		.bundles = { { (char *)"good.raucb",
		               NULL,
		               { NOW + 5 * DAY, (char *)"certificate 'x' expires",
		                 (char *)"AA:01" } },
		             { (char *)"bad\x1b.raucb", (char *)"no chain", TERM_NONE } },
		.rules = { .path = (char *)"ring.pem",
		           .check_crl = true,
		           .expiry_warning_days = 180 },
	};
	sample->certs[0] =
		(KeyringCert){ &sample->facts[0], (char *)"ring.pem", true, true, 0, 0, false };
	sample->certs[1] =
		(KeyringCert){ &sample->facts[1], (char *)"ring.pem", false, true, 0, -1, false };
	sample->content.certs = g_ptr_array_new();
	sample->content.crls = g_ptr_array_new();
	sample->asked = g_ptr_array_new();
	for (unsigned i = 0; i < 2; i++) {
		g_ptr_array_add(sample->content.certs, &sample->certs[i]);
		g_ptr_array_add(sample->content.crls, &sample->crls[i]);
		g_ptr_array_add(sample->asked, &sample->bundles[i]);
	}
	sample->health = keyring_health_judge(&sample->content, &sample->rules, NOW);
	sample->shown =
		(ShowKeyring){ &sample->rules, &sample->content, sample->health, sample->asked };
}

static void sample_clear(Sample *sample)
{
	g_ptr_array_unref(sample->content.certs);
	g_ptr_array_unref(sample->content.crls);
	g_ptr_array_unref(sample->asked);
	keyring_health_free(sample->health);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sample, sample_clear)

static void test_readable(void)
{
	g_auto(Sample) sample;
	g_autoptr(GString) text = g_string_new(NULL);

	sample_init(&sample);
	show_keyring(text, &sample.shown, OUTPUT_READABLE, sample_plain);
	g_assert_cmpstr(
		text->str, ==,
		"=== Keyring ===\n"
		"File:           ring.pem\n"
		"State:          soon\n"
		"Next:           the CRL of 'CN = Root' is to be renewed in 3 days, before 2024-10-07: "
		"make a new one and ship a keyring with it, or no bundle signed below it is accepted\n"
		"\n=== Anchors ===\n"
		"[CN = Root] (valid)\n"
		"      SPKI sha256:    AA:01\n"
		"      not before:     2024-10-03T00:00:00Z\n"
		"      not after:      2024-10-13T00:00:00Z (9 days left)\n"
		"      has issued:     CN = CA\n"
		"      CRL:            2 revoked, of 2024-10-03T00:00:00Z, to be renewed before "
		"2024-10-07T00:00:00Z (3 days left)\n"
		"\n=== Other certificates ===\n"
		"[CN = CA] (expired)\n"
		"      SPKI sha256:    BB:02\n"
		"      not before:     2024-09-25T00:00:00Z\n"
		"      not after:      2024-10-03T00:00:00Z (1 days ago)\n"
		"      issued by:      CN = Root\n"
		"\n=== CRLs of others ===\n"
		"[CN = Other]\n"
		"      CRL:            0 revoked, of 2024-10-03T00:00:00Z, without end\n"
		"\n=== Bundles ===\n"
		"[good.raucb] (accepted)\n"
		"      chain ends in:  CN = Root\n"
		"      until:          2024-10-09T00:00:00Z (5 days left)\n"
		"      then:           certificate 'x' expires\n"
		"[bad\\x1b.raucb] (refused)\n"
		"      reason:         no chain\n"
		"\n=== Notes ===\n"
		"soon: the CRL of 'CN = Root' is to be renewed in 3 days, before 2024-10-07: make a "
		"new one and ship a keyring with it, or no bundle signed below it is accepted\n"
		"soon: 'CN = Root' expires in 9 days, on 2024-10-13, and no other root goes on: start "
		"the rotation now, ship a keyring with the next root in an update signed below this "
		"one\n");
}

static void test_json(void)
{
	g_auto(Sample) sample;
	g_autoptr(GString) text = g_string_new(NULL);

	sample_init(&sample);
	show_keyring(text, &sample.shown, OUTPUT_JSON, sample_plain);
	g_autoptr(JsonNode) root = json_from_string(text->str, NULL);
	JsonObject *object = json_node_get_object(root);
	JsonArray *certs = json_object_get_array_member(object, "certificates");
	JsonObject *first = json_array_get_object_element(certs, 0);
	JsonArray *bundles = json_object_get_array_member(object, "bundles");

	g_assert_cmpstr(json_object_get_string_member(object, "state"), ==, "soon");
	g_assert_cmpstr(json_object_get_string_member(object, "until"), ==, "2024-10-07T00:00:00Z");
	g_assert_cmpuint(json_array_get_length(certs), ==, 2);
	g_assert_cmpstr(json_object_get_string_member(first, "spki-sha256"), ==, "AA:01");
	g_assert_cmpint(json_object_get_int_member(first, "days-left"), ==, 9);
	g_assert_true(json_object_get_boolean_member(first, "is-anchor"));
	g_assert_cmpint(json_object_get_int_member(json_object_get_object_member(first, "crl"),
	                                           "revoked"),
	                ==, 2);
	g_assert_true(json_object_get_null_member(json_array_get_object_element(certs, 1), "crl"));
	g_assert_cmpuint(json_array_get_length(json_object_get_array_member(object, "other-crls")),
	                 ==, 1);
	g_assert_true(json_object_get_boolean_member(json_array_get_object_element(bundles, 0),
	                                             "is-accepted"));
	g_assert_cmpstr(json_object_get_string_member(json_array_get_object_element(bundles, 1),
	                                              "reason"),
	                ==, "no chain");
}

static void test_shell(void)
{
	g_auto(Sample) sample;
	g_autoptr(GString) text = g_string_new(NULL);

	sample_init(&sample);
	show_keyring(text, &sample.shown, OUTPUT_SHELL, sample_plain);
	g_assert_nonnull(strstr(text->str, "RAUC_KEYRING_STATE='soon'\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_KEYRING_UNTIL='2024-10-07T00:00:00Z'\n"
	                                   "RAUC_KEYRING_CERTS='2'\n"
	                                   "RAUC_KEYRING_CERT_SUBJECT_1='CN = Root'\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_KEYRING_CERT_IS_ANCHOR_2='0'\n"
	                                   "RAUC_KEYRING_CERT_CRL_RENEW_BEFORE_2=''\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_KEYRING_BUNDLE_IS_ACCEPTED_2='0'\n"
	                                   "RAUC_KEYRING_BUNDLE_REASON_2='no chain'\n"));
}

/* Where all is well `rauc status` says what RAUC says, and nothing else. */
static void test_brief(void)
{
	KeyringHealth fine = { .level = KEYRING_FINE, .action = (char *)"fine until 2030" };
	g_auto(Sample) sample;
	g_autoptr(GString) text = g_string_new(NULL);
	JsonBuilder *json = json_builder_new();

	sample_init(&sample);
	json_open_object(json, NULL);
	show_keyring_brief(text, NULL);
	show_keyring_brief(text, &fine);
	show_keyring_brief_shell(text, NULL);
	show_keyring_brief_shell(text, &fine);
	show_keyring_brief_json(json, NULL);
	show_keyring_brief_json(json, &fine);
	g_assert_cmpstr(text->str, ==, "");
	show_keyring_brief(text, sample.health);
	g_assert_true(g_str_has_prefix(text->str, "=== Keyring ===\nNext: the CRL of 'CN = Root'"));
	g_assert_true(g_str_has_suffix(text->str, "signed below this one\n\n"));
	show_keyring_brief_shell(text, sample.health);
	g_assert_nonnull(strstr(text->str, "RAUC_KEYRING_STATE='soon'\n"));
	show_keyring_brief_json(json, sample.health);
	json_builder_end_object(json);
	g_string_truncate(text, 0);
	json_finish(json, text, false);
	g_assert_true(g_str_has_prefix(text->str, "{\"keyring\":{\"state\":\"soon\",\"action\":"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/show_keyring/readable", test_readable);
	g_test_add_func("/cli/show_keyring/json", test_json);
	g_test_add_func("/cli/show_keyring/shell", test_shell);
	g_test_add_func("/cli/show_keyring/brief", test_brief);
	return g_test_run();
}
