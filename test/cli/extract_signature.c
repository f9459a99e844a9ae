/* SPDX-License-Identifier: MIT */

#include "run.h"

static void test_extract(void)
{
	g_auto(Run) run = run_rauc("extract-signature --keyring=ca.pem good.raucb good.sig");

	g_assert_cmpint(run.code, ==, 0);
	g_assert_cmpstr(run.out, ==, "");
	run_shell(
		"test \"$(stat -c %%a good.sig)\" = 600 && "
		"openssl cms -verify -inform DER -in good.sig -CAfile \"$CA\" -purpose any -out "
		"text 2>&1 && grep -q ^verity-hash= text && "
		"tail -c +$(($(stat -c %%s good.raucb) - $(stat -c %%s good.sig) - 7)) good.raucb "
		"| head -c -8 | cmp - good.sig");
}

static const RunRefused refused[] = {
	{ "extract-signature", "An input bundle must be provided\n" },
	{ "extract-signature a", "An output signature file must be provided\n" },
	{ "extract-signature good.raucb x", "No keyring file or directory provided\n" },
	{ "extract-signature --keyring=ca.pem in/manifest.raucm x", "Invalid bundle format: *\n" },
	{ "extract-signature --keyring=ca.pem good.raucb good.raucb",
	  "Failed to extract signature: *good.raucb: File exists\n" },
	{ "extract-signature --keyring=ca.pem good.raucb no/such/x",
	  "Failed to extract signature: *no/such/x*\n" },
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
	g_test_add_func("/cli/extract_signature/extract", test_extract);
	g_test_add_func("/cli/extract_signature/refused", test_refused);
	int code = g_test_run();
	run_leave();
	return code;
}
