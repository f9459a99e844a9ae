/* SPDX-License-Identifier: MIT */

#include "bundle/bundle.h"

#include <glib/gstdio.h>

#include "run.h"

#define KEYS       "--cert=%s --key=%s "
#define KEY_VALUES g_getenv("CERT"), g_getenv("KEY")

static const struct {
	const char *line, *err;
} refused[] = {
	{ "bundle in x.raucb", "Cert and key files must be provided\n" },
	{ "bundle --cert=c in x.raucb", "Cert and key files must be provided\n" },
	{ "--key=k bundle in x.raucb", "Cert and key files must be provided\n" },
	{ "--cert=c --key=k bundle none x.raucb", "Input path must point to a directory!\n" },
	{ "--cert=c --key=k bundle in/root.img x.raucb",
	  "Input path must point to a directory!\n" },
	{ "--cert=c --key=k bundle in in/x.raucb",
	  "Bundle path must be located outside input directory!\n" },
	{ "--cert=c --key=k bundle in ./in/../in//x.raucb",
	  "Bundle path must be located outside input directory!\n" },
	{ "--cert=none --key=none bundle in x.raucb", "Failed to create bundle: *none*\n" },
	{ "--cert=c --key=k --conf=none bundle in x.raucb",
	  "Failed to initialize context: Failed to load system config (none): *\n" },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_auto(Run) run = run_rauc("%s", refused[i].line);

		g_assert_cmpint(run.code, ==, 1);
		g_assert_cmpstr(run.out, ==, "");
		if (!g_pattern_match_simple(refused[i].err, run.err))
			g_error("%s: %s", refused[i].line, run.err);
		g_assert_false(g_file_test("x.raucb", G_FILE_TEST_EXISTS));
	}
}

/* A sibling whose name begins alike is outside. */
static void test_sibling(void)
{
	g_assert_cmpint(g_mkdir("in-out", 0755), ==, 0);
	g_auto(Run) run = run_rauc(KEYS "bundle in in-out/x.raucb", KEY_VALUES);

	g_assert_cmpint(run.code, ==, 0);
	g_assert_cmpstr(run.out, ==, "Creating 'verity' format bundle\n");
}

static void test_exists(void)
{
	g_auto(Run) run = run_rauc(KEYS "bundle in good.raucb", KEY_VALUES);

	g_assert_cmpint(run.code, ==, 1);
	g_assert_cmpstr(run.err, ==, "Failed to create bundle: bundle good.raucb already exists\n");
}

static void test_verified_with_keyring(void)
{
	g_auto(Run) good = run_rauc(KEYS "--signing-keyring=%s bundle in good2.raucb", KEY_VALUES,
	                            g_getenv("CA"));
	g_assert_cmpint(good.code, ==, 0);

	run_shell("openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out other.pem "
	          "-subj /CN=other -days 2 2>&1");
	g_auto(Run) bad =
		run_rauc(KEYS "bundle --signing-keyring=other.pem in bad.raucb", KEY_VALUES);
	g_assert_cmpint(bad.code, ==, 1);
	run_assert_has(bad.err, "Failed to create bundle: ");
	run_assert_has(bad.err, "signature verification failed");
	g_assert_false(g_file_test("bad.raucb", G_FILE_TEST_EXISTS));
}

static void test_format_warning(void)
{
	run_shell("cp -r in plain; sed -i '/^format=/d;/^.bundle/d' plain/manifest.raucm");
	g_auto(Run) run = run_rauc(KEYS "bundle plain plain.raucb", KEY_VALUES);

	g_assert_cmpint(run.code, ==, 0);
	run_assert_has(run.out, "WARNING: The manifest does not specify a bundle format, "
	                        "defaulting to 'plain'.\n");
	run_assert_has(run.out, "Creating 'plain' format bundle\n");
	g_auto(GStrv) lines = g_strsplit(run.out, "\n", -1);
	g_assert_cmpint(g_strv_length(lines), ==, 6);
}

static void test_passphrase(void)
{
	run_shell("openssl rsa -aes128 -passout pass:secret -in \"$KEY\" -out locked.pem 2>&1");

	g_setenv("RAUC_KEY_PASSPHRASE", "secret", TRUE);
	g_auto(Run) right =
		run_rauc("--cert=%s --key=locked.pem bundle in l1.raucb", g_getenv("CERT"));
	g_assert_cmpint(right.code, ==, 0);
	g_setenv("RAUC_KEY_PASSPHRASE", "wrong", TRUE);
	g_auto(Run) wrong =
		run_rauc("--cert=%s --key=locked.pem bundle in l2.raucb", g_getenv("CERT"));
	g_assert_cmpint(wrong.code, ==, 1);
	run_assert_has(wrong.err, "Failed to create bundle: ");
	g_setenv("RAUC_KEY_PASSPHRASE", "", TRUE);
	g_auto(Run) none =
		run_rauc("--cert=%s --key=locked.pem bundle in l3.raucb", g_getenv("CERT"));
	g_assert_cmpint(none.code, ==, 1);
	g_unsetenv("RAUC_KEY_PASSPHRASE");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	g_test_add_func("/cli/bundle/refused", test_refused);
	g_test_add_func("/cli/bundle/sibling", test_sibling);
	g_test_add_func("/cli/bundle/exists", test_exists);
	g_test_add_func("/cli/bundle/keyring", test_verified_with_keyring);
	g_test_add_func("/cli/bundle/format-warning", test_format_warning);
	g_test_add_func("/cli/bundle/passphrase", test_passphrase);
	int code = g_test_run();
	run_leave();
	return code;
}
