/* SPDX-License-Identifier: MIT */

#include "model/epoch.h"

#include <string.h>

#include "base/error.h"

#define PLACE "' in group '[meta.moonforge]'"

static const struct {
	const char *meta; /* NULL: no such section */
	Epoch expected;
	const char *part; /* of the error; NULL: none */
} cases[] = {
	{ NULL, { 0 }, NULL },
	{ "other=x\n", { 0 }, NULL },
	{ "security-epoch=0\n", { 0 }, NULL },
	{ "security-epoch=3\n", { 3, NULL, 0 }, NULL },
	{ "security-epoch=4294967295\n", { G_MAXUINT32, NULL, 0 }, NULL },
	{ "security-epoch=4294967296\n", { 0 }, "expected a number from 0 to 4294967295" },
	{ "security-epoch=-1\n", { 0 }, "Invalid value '-1' for key 'security-epoch" PLACE },
	{ "security-epoch=+1\n", { 0 }, "security-epoch" PLACE },
	{ "security-epoch=1.0\n", { 0 }, "security-epoch" PLACE },
	{ "security-epoch=0x1\n", { 0 }, "security-epoch" PLACE },
	{ "security-epoch=one\n", { 0 }, "security-epoch" PLACE },
	{ "security-epoch=1\\s\n", { 0 }, "security-epoch" PLACE },
	{ "security-epochs=1\n", { 0 }, "Invalid key 'security-epochs" PLACE },
	{ "security-epoch-from=1\n", { 0 }, "Invalid key 'security-epoch-from" PLACE },

	{ "security-epoch=1\nsecurity-epoch-downgrade-from=3\n"
	  "security-epoch-downgrade-until=2027-01-31\n",
	  { 1, "3", 1801439999 },
	  NULL },
	{ "security-epoch-downgrade-until=1970-01-01\nsecurity-epoch-downgrade-from=2 3;\n",
	  { 0, "2 3;", 86399 },
	  NULL },
	{ "security-epoch-downgrade-from=3\n",
	  { 0 },
	  "Missing key 'security-epoch-downgrade-until" PLACE
	  ": 'security-epoch-downgrade-from' needs it" },
	{ "security-epoch-downgrade-until=2027-01-31\n",
	  { 0 },
	  "Missing key 'security-epoch-downgrade-from" PLACE },
	{ "security-epoch=3\nsecurity-epoch-downgrade-from=4 3\n"
	  "security-epoch-downgrade-until=2027-01-31\n",
	  { 0 },
	  "Invalid value '4 3' for key 'security-epoch-downgrade-from" PLACE
	  ": expected numbers above security-epoch" },
	{ "security-epoch-downgrade-from=all\nsecurity-epoch-downgrade-until=2027-01-31\n",
	  { 0 },
	  "Invalid value 'all'" },
	{ "security-epoch-downgrade-from=;\nsecurity-epoch-downgrade-until=2027-01-31\n",
	  { 0 },
	  "Invalid value ';'" },
	{ "security-epoch-downgrade-from=3\nsecurity-epoch-downgrade-until=2027-02-29\n",
	  { 0 },
	  "Invalid value '2027-02-29' for key 'security-epoch-downgrade-until" PLACE
	  ": expected a day, YYYY-MM-DD" },
	{ "security-epoch-downgrade-from=3\nsecurity-epoch-downgrade-until=2027-W05-1\n",
	  { 0 },
	  "expected a day" },
	{ "security-epoch-downgrade-from=3\nsecurity-epoch-downgrade-until=tomorrow\n",
	  { 0 },
	  "expected a day" },
};

static Manifest *load(const char *meta)
{
	g_autofree char *text = g_strconcat("[update]\ncompatible=Test\n\n[image.rootfs]\n"
	                                    "filename=a.img\n\n",
	                                    meta ? "[meta.moonforge]\n" : "", meta, NULL);
	g_autoptr(GError) error = NULL;
	Manifest *manifest = manifest_parse(text, strlen(text), &error);

	g_assert_no_error(error);
	return manifest;
}

static void test_parse(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(Manifest) manifest = load(cases[i].meta);
		g_autoptr(GError) error = NULL, other = NULL;
		Epoch epoch = { 99, "untouched", 99 };
		bool ok = epoch_parse(manifest, &epoch, &error);

		g_test_message("row %u", i);
		/* What makes a bundle asks the same. */
		g_assert_true(manifest_check_input(manifest, &other) == ok);
		if (cases[i].part) {
			g_assert_false(ok);
			g_assert_true(g_error_matches(error, FAILURE, FAILURE_CONFIG));
			g_assert_nonnull(strstr(error->message, cases[i].part));
			g_assert_cmpstr(other->message, ==, error->message);
			g_assert_cmpuint(epoch.number, ==, 99);
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpuint(epoch.number, ==, cases[i].expected.number);
		g_assert_cmpstr(epoch.from, ==, cases[i].expected.from);
		g_assert_cmpint(epoch.until, ==, cases[i].expected.until);
	}
}

static const struct {
	const char *from;
	uint32_t number, current;
	bool permits;
} permissions[] = {
	{ NULL, 1, 3, false },         { "3", 1, 3, true },     { "3", 1, 4, false },
	{ "3", 1, 2, false },          { "2 3 4", 1, 4, true }, { "2;3;4;", 1, 3, true },
	{ "30", 1, 3, false },         { "3 30", 1, 0, false }, { "03", 1, 3, true },
	{ "4294967295", 0, -1, true },
};

static void test_permits(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(permissions); i++) {
		Epoch epoch = { permissions[i].number, permissions[i].from, 1 };

		g_test_message("row %u", i);
		g_assert_true(epoch_permits(&epoch, permissions[i].current) ==
		              permissions[i].permits);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/epoch/parse", test_parse);
	g_test_add_func("/model/epoch/permits", test_permits);
	return g_test_run();
}
