/* SPDX-License-Identifier: MIT */

#include "cli/outcome.h"

#include "base/error.h"

static char *show(const Outcome *outcome)
{
	GString *text = g_string_new(NULL);

	outcome_show_json(text, outcome, "/x.raucb", false);
	return g_string_free(text, FALSE);
}

static void test_results(void)
{
	static const char *const expected[] = {
		"{\"bundle\":\"/x.raucb\",\"result\":\"succeeded\",\"exit-code\":0,\"error\":null,\"statistics\":null}\n",
		"{\"bundle\":\"/x.raucb\",\"result\":\"failed\",\"exit-code\":1,\"error\":null,\"statistics\":null}\n",
		"{\"bundle\":\"/x.raucb\",\"result\":\"service-error\",\"exit-code\":2,"
		"\"error\":null,\"statistics\":null}\n",
		"{\"bundle\":\"/x.raucb\",\"result\":\"interrupted\",\"exit-code\":3,"
		"\"error\":null,\"statistics\":null}\n",
		"{\"bundle\":\"/x.raucb\",\"result\":\"cancelled\",\"exit-code\":4,"
		"\"error\":null,\"statistics\":null}\n",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
		Outcome outcome = { .result = i };
		g_autofree char *text = show(&outcome);

		g_assert_cmpstr(text, ==, expected[i]);
	}
}

static void test_error(void)
{
	g_auto(Outcome) outcome = { .result = OUTCOME_FAILED };
	Slot slot = { .name = (char *)"rootfs.1" };
	InstallReport report = { INSTALL_WRITE, &slot };
	g_autoptr(GError) error = NULL;

	fail(&error, FAILURE_IO, "no \"space\"");
	outcome_take_error(&outcome, error, &report);
	g_autofree char *text = show(&outcome);
	g_assert_cmpstr(text, ==,
	                "{\"bundle\":\"/x.raucb\",\"result\":\"failed\",\"exit-code\":1,\"error\":{"
	                "\"code\":\"io\",\"stage\":\"write\",\"slot\":\"rootfs.1\","
	                "\"message\":\"no \\\"space\\\"\","
	                "\"hint\":\"check the device, its free space and its permissions\","
	                "\"can-retry\":true},\"statistics\":null}\n");
}

/* Another's domain has no code of ours. */
static void test_foreign_error(void)
{
	g_auto(Outcome) outcome = { .result = OUTCOME_FAILED };
	g_autoptr(GError) error =
		g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_IO, "what others say");

	outcome_take_error(&outcome, error, NULL);
	g_assert_cmpstr(outcome.code, ==, "unknown");
	g_assert_cmpstr(outcome.hint, ==, "");
	g_assert_null(outcome.stage);
	g_assert_false(outcome.can_retry);
}

static const struct {
	const char *info, *code, *slot;
	bool can_retry;
} infos[] = {
	{ "{'code': <'busy'>, 'slot': <'a.0'>, 'can-retry': <true>}", "busy", "a.0", true },
	{ "{'code': <'format'>, 'can-retry': <false>, 'more': <7>}", "format", NULL, false },
	{ "{'code': <7>, 'can-retry': <'yes'>}", NULL, NULL, false },
	{ "@a{sv} {}", "before", "before", false },
};

static void test_info(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(infos); i++) {
		g_auto(Outcome)
			outcome = { .code = g_strdup("before"), .slot = g_strdup("before") };
		g_autoptr(GVariant) info =
			g_variant_parse(G_VARIANT_TYPE_VARDICT, infos[i].info, NULL, NULL, NULL);

		outcome_take_info(&outcome, info);
		g_assert_cmpstr(outcome.code, ==, infos[i].code);
		g_assert_cmpstr(outcome.slot, ==, infos[i].slot);
		g_assert_cmpint(outcome.can_retry, ==, infos[i].can_retry);
	}
}

static void test_statistics(void)
{
	g_auto(Outcome) outcome = { .result = OUTCOME_SUCCEEDED };
	g_autoptr(GVariant) none = g_variant_parse(NULL, "@a{sv} {}", NULL, NULL, NULL);
	g_autoptr(GVariant) some = g_variant_parse(
		NULL,
		"{'bundle-size': <uint64 9000>, 'bytes-fetched': <uint64 5000>, 'requests': <uint64 2>, "
		"'retries': <'many'>, 'bytes-written': <uint64 7000>, 'others': <7>, "
		"'seeds': <{'slot a.0': uint64 2000}>, 'summary': <'not this one'>}",
		NULL, NULL, NULL);

	outcome_take_statistics(&outcome, some);
	g_assert_true(outcome.has_statistics);
	g_autofree char *text = show(&outcome);
	g_assert_cmpstr(text, ==,
	                "{\"bundle\":\"/x.raucb\",\"result\":\"succeeded\",\"exit-code\":0,"
	                "\"error\":null,\"statistics\":{\"bundle-size\":9000,"
	                "\"bytes-fetched\":5000,\"requests\":2,\"retries\":0,\"waited-ms\":0,"
	                "\"bytes-written\":7000,\"bytes-in-place\":0,\"bytes-zero\":0,"
	                "\"seeds\":{\"slot a.0\":2000},"
	                "\"summary\":\"fetched 5.0 kB of 9.0 kB in 2 requests, reused 2.0 kB (slot "
	                "a.0 2.0 kB), wrote 7.0 kB\"}}\n");
	outcome_take_statistics(&outcome, none);
	g_assert_false(outcome.has_statistics);
	g_assert_cmpuint(outcome.statistics.fetched, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/outcome/results", test_results);
	g_test_add_func("/cli/outcome/error", test_error);
	g_test_add_func("/cli/outcome/foreign-error", test_foreign_error);
	g_test_add_func("/cli/outcome/info", test_info);
	g_test_add_func("/cli/outcome/statistics", test_statistics);
	return g_test_run();
}
