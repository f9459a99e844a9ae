/* SPDX-License-Identifier: MIT */

#include "cli/update_show.h"

#include "base/error.h"

static void assert_json(const UpdateShown *shown, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);

	update_show_json(text, shown, false);
	g_assert_cmpstr(text->str, ==, expected);
}

static void test_nothing_known(void)
{
	g_autoptr(GError) error = NULL;

	fail(&error, FAILURE_NETWORK, "nobody there");
	UpdateShown shown = { .url = "http://x/y", .error = error, .code = UPDATE_NO_SERVER };
	g_autofree char *expected = g_strdup_printf(
		"{\"url\":\"http://x/y\",\"decision\":null,\"reason\":null,\"not-modified\":false,"
		"\"bytes\":0,\"offer\":null,\"installed\":false,\"reboot\":\"none\","
		"\"asked-again-in\":0,\"error\":{\"code\":\"network\",\"message\":\"nobody there\","
		"\"hint\":\"%s\"},\"exit-code\":5}\n",
		failure_hint(FAILURE_NETWORK));
	assert_json(&shown, expected);
}

static void test_installed(void)
{
	History history = { .hash = (char *)"aa", .compatible = (char *)"X", .size = 7 };
	Update update = { .decision = { DECISION_INSTALL, (char *)"it is new" }, .bytes = 5 };
	Outcome outcome = { .result = OUTCOME_SUCCEEDED };
	UpdateShown shown = { .url = "http://x/y",
		              .history = &history,
		              .update = &update,
		              .outcome = &outcome,
		              .reboot = UPDATE_REBOOT_REQUESTED };

	assert_json(&shown,
	            "{\"url\":\"http://x/y\",\"decision\":\"install\",\"reason\":\"it is new\","
	            "\"not-modified\":false,\"bytes\":5,\"offer\":{\"manifest-hash\":\"aa\","
	            "\"version\":null,\"compatible\":\"X\",\"size\":7},\"installed\":true,"
	            "\"reboot\":\"requested\",\"asked-again-in\":0,\"error\":null,"
	            "\"exit-code\":0}\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/update_show/nothing-known", test_nothing_known);
	g_test_add_func("/cli/update_show/installed", test_installed);
	return g_test_run();
}
