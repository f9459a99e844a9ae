/* SPDX-License-Identifier: MIT */

#include "run.h"

static void test_extract(void)
{
	g_auto(Run) run = run_rauc("extract --keyring=%s good.raucb out", g_getenv("CA"));

	g_assert_cmpint(run.code, ==, 0);
	g_assert_cmpstr(run.out, ==, "");
	run_shell(
		"cmp in/root.img out/root.img; cmp in/app.img out/app.img; test -f out/manifest.raucm");
}

static const struct {
	const char *line, *err;
} refused[] = {
	{ "extract good.raucb new", "No keyring file or directory provided\n" },
	{ "extract none.raucb new", "*none.raucb*\n" },
	{ "extract good.raucb in", "Failed to extract bundle: *in*\n" },
	{ "extract good.raucb no/such/folder", "Failed to extract bundle: *no/such/folder*\n" },
	{ "extract bad.raucb new", "*\n" },
};

static void test_refused(void)
{
	run_shell(
		"cp good.raucb bad.raucb; printf x | dd of=bad.raucb bs=1 seek=100 conv=notrunc 2>&1");
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		const char *ring = i == 0 ? "" : g_getenv("CA");
		g_auto(Run) run =
			run_rauc(i == 0 ? "%s%s" : "%s --keyring=%s", refused[i].line, ring);

		if (run.code != 1 || *run.out || !g_pattern_match_simple(refused[i].err, run.err))
			g_error("%s: %d %s%s", refused[i].line, run.code, run.out, run.err);
		g_assert_false(g_file_test("new", G_FILE_TEST_EXISTS));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	g_test_add_func("/cli/extract/extract", test_extract);
	g_test_add_func("/cli/extract/refused", test_refused);
	int code = g_test_run();
	run_leave();
	return code;
}
