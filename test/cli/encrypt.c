/* SPDX-License-Identifier: MIT */

#include "run.h"

static void test_encrypt(void)
{
	g_auto(Run) run = run_rauc("encrypt --keyring=ca.pem --to=r.pem c.raucb e.raucb");

	g_assert_cmpint(run.code, ==, 0);
	g_assert_cmpstr(run.out, ==, "Encrypted bundle written to e.raucb\n");
	run_assert_has(run.err, "Encrypted for 1 recipient");
	g_auto(Run) info = run_rauc("info --keyring=ca.pem --key=r.key e.raucb");
	g_assert_cmpint(info.code, ==, 0);
	run_assert_has(info.out, "crypt [encrypted CMS]\n  Crypt Key:    '<hidden>'\n");
}

/* Which key is needed can be read without it. */
static void test_recipients(void)
{
	g_auto(Run) made = run_rauc("encrypt --keyring=ca.pem --to=r.pem c.raucb f.raucb");
	g_auto(Run) info = run_rauc("info --keyring=ca.pem --dump-recipients f.raucb");

	g_assert_cmpint(made.code, ==, 0);
	g_assert_cmpint(info.code, ==, 1);
	run_assert_has(info.out, "1 Recipients:\n  0   Issuer:    CN = r\n      Serial:    0x");
	run_assert_has(info.err, "Encrypted bundle detected, but no decryption key given");
}

static const RunRefused refused[] = {
	{ "encrypt", "One or multiple recipient certificates must be provided (via --to)\n" },
	{ "encrypt --to=r.pem c.raucb", "An output bundle name must be provided\n" },
	{ "encrypt --to=r.pem c.raucb x", "No keyring file or directory provided\n" },
	{ "encrypt --to=r.pem --keyring=ca.pem good.raucb good.raucb",
	  "Failed to create bundle: Refused to encrypt input bundle that is not in 'crypt' "
	  "format.\n" },
	{ "encrypt --to=r.pem --keyring=ca.pem c.raucb c.raucb",
	  "Failed to create bundle: bundle c.raucb already exists\n" },
	{ "encrypt --to=r.key --keyring=ca.pem c.raucb x",
	  "Failed to create bundle: *Expecting: CERTIFICATE\n" },
	{ "encrypt --to=r.pem --to=none.pem --keyring=ca.pem c.raucb x",
	  "Failed to create bundle: *none.pem*\n" },
};

static void test_refused(void)
{
	run_assert_refused(refused, G_N_ELEMENTS(refused), "x");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	run_shell("cp \"$CA\" ca.pem");
	run_shell("cp -r in c && sed -i s/format=verity/format=crypt/ c/manifest.raucm && "
	          "\"$RAUC\" bundle --cert=\"$CERT\" --key=\"$KEY\" c c.raucb && "
	          "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=r -keyout r.key -out r.pem "
	          "2>&1");
	g_test_add_func("/cli/encrypt/encrypt", test_encrypt);
	g_test_add_func("/cli/encrypt/recipients", test_recipients);
	g_test_add_func("/cli/encrypt/refused", test_refused);
	int code = g_test_run();
	run_leave();
	return code;
}
