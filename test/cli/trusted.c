/* SPDX-License-Identifier: MIT */

#include "cli/trusted.h"

#include "base/error.h"
#include "run.h"

static Bundle *open_it(const char *ring, const char *path, GError **error)
{
	g_autoptr(Config) config = config_new_default(NULL, error);
	Options options = { 0 };

	g_assert_nonnull(config);
	config->keyring.path = g_strdup(ring);
	return trusted_open(&options, config, path, error);
}

static void test_trusted(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Bundle) bundle = open_it(g_getenv("CA"), "good.raucb", &error);

	g_assert_no_error(error);
	g_assert_cmpstr(bundle_manifest(bundle)->compatible, ==, "Test Config");
}

static void test_refused(void)
{
	const struct {
		const char *ring, *path;
		Failure why;
	} rows[] = {
		{ NULL, "good.raucb", FAILURE_CONFIG },
		{ "/nowhere.pem", "good.raucb", FAILURE_NOT_FOUND },
		{ g_getenv("CA"), "none.raucb", FAILURE_NOT_FOUND },
		{ "other.pem", "good.raucb", FAILURE_SIGNATURE },
	};

	run_shell("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=Other -keyout /dev/null "
	          "-out other.pem 2>/dev/null");
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(open_it(rows[i].ring, rows[i].path, &error));
		g_test_message("%s", error->message);
		g_assert_error(error, FAILURE, (int)rows[i].why);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	g_test_add_func("/cli/trusted/trusted", test_trusted);
	g_test_add_func("/cli/trusted/refused", test_refused);
	int code = g_test_run();
	run_leave();
	return code;
}
