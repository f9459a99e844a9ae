/* SPDX-License-Identifier: MIT */

#include "cli/signing.h"

#include "base/error.h"
#include "run.h"

/* Loads with what the row says; NULL is not given. */
static bool load(Signing *signing, const char *key, const char *configured, const char *given,
                 GError **error)
{
	g_autoptr(Config) config = config_new_default(NULL, error);
	Options options = { .cert = (char *)g_getenv("CERT"),
		            .key = (char *)key,
		            .signing_keyring = (char *)given };

	config->keyring.path = g_strdup(configured);
	return signing_load(signing, &options, config, error);
}

static void test_who_must_accept(void)
{
	const char *key = g_getenv("KEY"), *ca = g_getenv("CA");
	const struct {
		const char *key, *configured, *given;
		bool has_keyring;
		int failure; /* 0: loads */
	} rows[] = {
		{ key, NULL, NULL, false, 0 },
		{ key, ca, NULL, true, 0 },
		{ key, NULL, ca, true, 0 },
		{ key, "/nowhere.pem", ca, true, 0 }, /* the given one stands in */
		{ key, "/nowhere.pem", NULL, false, FAILURE_NOT_FOUND },
		{ key, ca, "/nowhere.pem", false, FAILURE_NOT_FOUND },
		{ "/nowhere.key", ca, NULL, false, FAILURE_NOT_FOUND },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Signing) signing = { 0 };
		g_autoptr(GError) error = NULL;
		bool ok = load(&signing, rows[i].key, rows[i].configured, rows[i].given, &error);

		g_test_message("row %u: %s", i, error ? error->message : "loads");
		if (rows[i].failure) {
			g_assert_false(ok);
			g_assert_error(error, FAILURE, rows[i].failure);
			continue;
		}
		g_assert_no_error(error);
		g_assert_nonnull(signing.key);
		g_assert_true((signing.check.keyring != NULL) == rows[i].has_keyring);
	}
}

/* Keys that everybody has are for demonstrations only. */
static void test_demo(void)
{
	g_autofree char *cert = g_build_filename(run_sources(), "pki/demo/demo.cert.pem", NULL);
	g_autofree char *key = g_build_filename(run_sources(), "pki/demo/demo.key.pem", NULL);
	g_autoptr(Config) config = config_new_default(NULL, NULL);
	Options options = { .cert = cert, .key = key };
	g_auto(Signing) refused = { 0 };
	g_auto(Signing) allowed = { 0 };
	g_autoptr(GError) error = NULL;

	config->keyring.allow_demo_keys = false;
	g_assert_false(signing_load(&refused, &options, config, &error));
	g_assert_error(error, FAILURE, FAILURE_CONFIG);
	run_assert_has(error->message, "refusing to sign as the public demo signer '");
	run_assert_has(error->message, "-C keyring:allow-demo-keys=true");

	GLogLevelFlags fatal = g_log_set_always_fatal(G_LOG_FATAL_MASK); /* it is loud */
	config->keyring.allow_demo_keys = true;
	g_assert_true(signing_load(&allowed, &options, config, NULL));
	g_log_set_always_fatal(fatal);
}

static void test_is_given(void)
{
	Options none = { 0 }, half = { .cert = (char *)"c" },
		both = { .cert = (char *)"c", .key = (char *)"k" };

	g_assert_false(signing_is_given(&none));
	g_assert_false(signing_is_given(&half));
	g_assert_true(signing_is_given(&both));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	g_test_add_func("/cli/signing/who-must-accept", test_who_must_accept);
	g_test_add_func("/cli/signing/demo", test_demo);
	g_test_add_func("/cli/signing/is-given", test_is_given);
	int code = g_test_run();
	run_leave();
	return code;
}
