/* SPDX-License-Identifier: MIT */

#include "run.h"

static void test_replace(void)
{
	g_auto(Run) run = run_rauc("replace-signature --keyring=ca.pem --signing-keyring=new.pem "
	                           "good.raucb new.sig new.raucb");

	g_assert_cmpint(run.code, ==, 0);
	g_assert_cmpstr(run.out, ==, "Replacing signature for 'verity format bundle\n");
	run_assert_has(run.err, "Keyring given, enabling signature verification");
	g_auto(Run) info = run_rauc("info --keyring=new.pem new.raucb");
	g_assert_cmpint(info.code, ==, 0);
	g_auto(Run) blind = run_rauc("replace-signature --no-verify good.raucb new.sig b.raucb");
	g_assert_cmpint(blind.code, ==, 0);
	run_assert_has(blind.err, "No keyring given, disabling signature verification");
	run_shell("cmp new.raucb b.raucb");
}

static const RunRefused refused[] = {
	{ "replace-signature", "An input bundle must be provided\n" },
	{ "replace-signature a", "An input signature file must be provided\n" },
	{ "replace-signature a b", "An output bundle must be provided\n" },
	{ "replace-signature a b c d", "Excess argument: d\n" },
	{ "replace-signature good.raucb new.sig x", "No keyring file or directory provided\n" },
	{ "replace-signature --keyring=ca.pem good.raucb new.sig x",
	  "*Failed to replace signature: failed to verify the new bundle: *\n" },
	{ "replace-signature --no-verify good.raucb good.raucb x",
	  "Failed to replace signature: good.raucb: Signature data is no valid CMS*\n" },
	{ "replace-signature --no-verify good.raucb none.sig x",
	  "Failed to replace signature: *none.sig*\n" },
	{ "replace-signature --no-verify good.raucb new.sig good.raucb",
	  "*Failed to replace signature: bundle good.raucb already exists\n" },
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
	run_shell("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=new -keyout new.key -out "
	          "new.pem -days 9 2>&1\n"
	          "\"$RAUC\" extract-signature --keyring=ca.pem good.raucb old.sig && "
	          "openssl cms -verify -noverify -inform DER -in old.sig -out text 2>&1 && "
	          "openssl cms -sign -binary -nosmimecap -nodetach -outform DER -in text "
	          "-signer new.pem -inkey new.key -out new.sig");
	g_test_add_func("/cli/replace_signature/replace", test_replace);
	g_test_add_func("/cli/replace_signature/refused", test_refused);
	int code = g_test_run();
	run_leave();
	return code;
}
