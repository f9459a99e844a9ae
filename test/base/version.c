/* SPDX-License-Identifier: MIT */

#include "base/version.h"

#include "base/error.h"

/* Each older than the next. */
static const char *const ascending[] = {
	"0",
	"0.0.1",
	"0.1-alpha",
	"0.1",
	"1.0.0-1",
	"1.0.0-2",
	"1.0.0-10",
	"1.0.0-20261122000000000000000000000000",
	"1.0.0-alpha",
	"1.0.0-alpha.1",
	"1.0.0-alpha.1.0",
	"1.0.0-alpha.beta",
	"1.0.0-beta",
	"1.0.0-beta.2",
	"1.0.0-beta.11",
	"1.0.0-rc",
	"1.0.0",
	"1.0.1",
	"1.2",
	"1.10",
	"1.16-dev",
	"1.16",
	"2",
	"18446744073709551615",
};

static const char *const equal[][2] = {
	{ "1", "1.0.0" },
	{ "1.2", "1.2.0" },
	{ "1.2+build", "1.2+other" },
	{ "1.0-rc.1+a-b", "1.0.0-rc.1" }, /* '+' is cut first */
	{ "01.2", "1.02" },
	{ "1-007", "1-7" },
};

static const char *const invalid[] = {
	"",       "v1", "1.",       "1..2", ".1", "1.2.3.4", "-1",
	"1 ",     " 1", "1.0-rc-1", "1.x",  "+1", "0x1",     "18446744073709551616",
	"1.2.3 ", "-",  "+",        "1.-1",
};

static int order_of(const char *a, const char *b)
{
	g_autoptr(GError) error = NULL;
	int order = 0;

	g_assert_true(version_compare(a, b, &order, &error));
	g_assert_no_error(error);
	return order < 0 ? -1 : order > 0;
}

static void test_ascending(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(ascending); i++) {
		g_assert_true(version_is_valid(ascending[i]));
		for (unsigned j = 0; j < G_N_ELEMENTS(ascending); j++) {
			g_test_message("%s %s", ascending[i], ascending[j]);
			g_assert_cmpint(order_of(ascending[i], ascending[j]), ==,
			                i < j ? -1 : i > j);
		}
	}
}

static void test_equal(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(equal); i++)
		g_assert_cmpint(order_of(equal[i][0], equal[i][1]), ==, 0);
}

static void test_invalid(void)
{
	g_assert_false(version_is_valid(NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(invalid); i++) {
		g_autoptr(GError) first = NULL, second = NULL;
		int order;

		g_test_message("'%s'", invalid[i]);
		g_assert_false(version_is_valid(invalid[i]));
		g_assert_false(version_compare(invalid[i], "1", &order, &first));
		g_assert_error(first, FAILURE, FAILURE_CONFIG);
		g_assert_true(
			g_str_has_prefix(first->message,
		                         "Failed to parse semantic version A for comparison: "));
		g_assert_false(version_compare("1", invalid[i], &order, &second));
		g_assert_true(
			g_str_has_prefix(second->message,
		                         "Failed to parse semantic version B for comparison: "));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/version/ascending", test_ascending);
	g_test_add_func("/base/version/equal", test_equal);
	g_test_add_func("/base/version/invalid", test_invalid);
	return g_test_run();
}
