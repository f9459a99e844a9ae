/* SPDX-License-Identifier: MIT */

#include "run.h"

#define CA g_getenv("CA")

static void test_verified(void)
{
	g_auto(Run) run = run_rauc("info --keyring=%s good.raucb", CA);

	g_assert_cmpint(run.code, ==, 0);
	g_assert_true(g_str_has_prefix(run.out, "Compatible:     'Test Config'\n"));
	run_assert_has(run.out, "\n2 Images:\n  [rootfs]\n    Filename:  root.img\n");
	run_assert_has(run.out, "Certificate Chain:\n 0 Subject: O = Test Org, CN = Signer");
	g_assert_true(g_str_has_suffix(run.out, " GMT\n\n"));
}

static void test_keyring_before_verb(void)
{
	g_auto(Run) run = run_rauc("--keyring %s info --output-format=shell ./good.raucb", CA);

	g_assert_cmpint(run.code, ==, 0);
	run_assert_has(run.out, "RAUC_META_BUILD_HOST_NAME='one'\n");
	run_assert_has(run.out, "RAUC_IMAGE_SIZE_1=70000\n");
	run_shell(
		"\"$RAUC\" info --no-verify --output-format=shell good.raucb > out.sh; . ./out.sh\n"
		"test \"$RAUC_IMAGE_CLASS_0\" = rootfs; test ${#RAUC_MF_HASH} = 64");
}

static void test_unverified(void)
{
	g_auto(Run) run = run_rauc("info --no-verify good.raucb");

	g_assert_cmpint(run.code, ==, 0);
	g_assert_true(g_str_has_suffix(run.out, "\n\nSignature unverified\n"));
}

static const struct {
	const char *line, *err;
} refused[] = {
	{ "info good.raucb", "No keyring file or directory provided\n" },
	{ "info --output-format=foo none",
	  "Unknown output format: 'foo'.\nSupported formats are: readable, json, json-pretty, json-2.\n" },
	{ "info none", "No such file: /*none\n" },
	{ "info sftp://host/x.raucb", "'sftp://host/x.raucb': bundles are taken from *\n" },
	{ "info --no-verify /dev/null", "*\n" },
	{ "info --no-verify .", "*\n" },
	{ "info --no-verify cut.raucb", "*\n" },
	{ "info --no-verify text.raucb", "*\n" },
	{ "info --keyring=none good.raucb", "*none*\n" },
	{ "info --keyring=other.pem good.raucb", "*signature verification failed: *\n" },
	{ "info --conf=none good.raucb", "Failed to initialize context: *\n" },
};

static void test_refused(void)
{
	run_shell("head -c 3000 good.raucb > cut.raucb; yes | head -c 9000 > text.raucb\n"
	          "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out other.pem "
	          "-subj /CN=other -days 2 2>&1");
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_auto(Run) run = run_rauc("%s", refused[i].line);

		if (run.code != 1 || *run.out || !g_pattern_match_simple(refused[i].err, run.err))
			g_error("%s: %d %s%s", refused[i].line, run.code, run.out, run.err);
	}
}

static void test_dump(void)
{
	g_auto(Run) run = run_rauc(
		"info --no-verify --output-format=json --dump-cert --dump-recipients good.raucb");

	g_assert_cmpint(run.code, ==, 0);
	g_assert_true(g_str_has_prefix(run.out, "{\"compatible\":\"Test Config\","));
	run_assert_has(run.out, "}\nCertificate:\n    Data:\n");
	g_assert_true(
		g_str_has_suffix(run.out,
	                         "\n\nNo recipient data to dump (bundle is not encrypted)\n\n"));
}

static void test_expired(void)
{
	run_shell(
		"openssl req -x509 -newkey rsa:2048 -nodes -keyout old.key -out old.pem -subj /CN=old "
		"-days 1 -addext extendedKeyUsage=emailProtection 2>&1\n"
		"\"$RAUC\" bundle --cert=old.pem --key=old.key in old.raucb");
	g_auto(Run) now = run_rauc("info --keyring=old.pem old.raucb");
	g_assert_cmpint(now.code, ==, 0);
	g_auto(Run) any = run_rauc("info --no-check-time --keyring=old.pem old.raucb");
	g_assert_cmpint(any.code, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	g_test_add_func("/cli/info/verified", test_verified);
	g_test_add_func("/cli/info/keyring-before-verb", test_keyring_before_verb);
	g_test_add_func("/cli/info/unverified", test_unverified);
	g_test_add_func("/cli/info/refused", test_refused);
	g_test_add_func("/cli/info/dump", test_dump);
	g_test_add_func("/cli/info/time", test_expired);
	int code = g_test_run();
	run_leave();
	return code;
}
