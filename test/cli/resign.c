/* SPDX-License-Identifier: MIT */

#include "run.h"

static void test_resign(void)
{
	g_auto(Run) run = run_rauc("resign --keyring=ca.pem --signing-keyring=new.pem "
	                           "--cert=new.pem --key=new.key good.raucb new.raucb");

	g_assert_cmpint(run.code, ==, 0);
	g_assert_cmpstr(run.out, ==, "Resigning 'verity' format bundle\n");
	g_auto(Run) info = run_rauc("info --keyring=new.pem new.raucb");
	g_assert_cmpint(info.code, ==, 0);
	run_assert_has(info.out, "Subject: CN = new");
}

static void test_append(void)
{
	g_auto(Run) run = run_rauc("resign --append --no-verify --cert=new.pem --key=new.key "
	                           "good.raucb both.raucb");

	g_assert_cmpint(run.code, ==, 0);
	run_shell("cat \"$CA\" new.pem >ring.pem");
	g_auto(Run) info = run_rauc("info --keyring=ring.pem both.raucb");
	g_assert_cmpint(info.code, ==, 1);
	run_assert_has(info.err, "Unsupported number of signers");
}

static const RunRefused refused[] = {
	{ "resign good.raucb x.raucb", "Cert and key files must be provided\n" },
	{ "resign --cert=new.pem --key=new.key good.raucb x.raucb",
	  "No keyring file or directory provided\n" },
	{ "resign --keyring=new.pem --cert=new.pem --key=new.key good.raucb x.raucb",
	  "signature verification failed: *\n" },
	{ "resign --no-verify --cert=new.pem --key=new.key good.raucb good.raucb",
	  "Failed to resign bundle: bundle good.raucb already exists\n" },
	{ "resign --no-verify --cert=new.pem --key=new.key none.raucb x.raucb",
	  "Invalid bundle format: *none.raucb*\n" },
	{ "resign --no-verify --cert=new.pem --key=none.key good.raucb x.raucb",
	  "Failed to resign bundle: *none.key*\n" },
	{ "resign --keyring=ca.pem --cert=new.pem --key=new.key good.raucb x.raucb",
	  "*Failed to resign bundle: *signature verification failed*\n" },
};

static void test_refused(void)
{
	run_assert_refused(refused, G_N_ELEMENTS(refused), "x.raucb");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	run_shell("cp \"$CA\" ca.pem");
	run_shell("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=new -keyout new.key -out "
	          "new.pem -days 9 2>&1");
	g_test_add_func("/cli/resign/resign", test_resign);
	g_test_add_func("/cli/resign/append", test_append);
	g_test_add_func("/cli/resign/refused", test_refused);
	int code = g_test_run();
	run_leave();
	return code;
}
