/* SPDX-License-Identifier: MIT */

#include "cli/reworking.h"

#include "base/error.h"
#include "run.h"

static bool open_it(Reworking *reworking, const char *path, const char *ring, bool no_verify,
                    GError **error)
{
	char *arguments[] = { (char *)"rauc", (char *)"resign", (char *)path, (char *)"out.raucb",
		              NULL };
	Options options = { .keyring = (char *)ring,
		            .no_verify = no_verify,
		            .arguments = arguments,
		            .n_arguments = 4 };

	return reworking_open(reworking, &options, arguments[3], error);
}

static void test_open(void)
{
	const char *ca = g_getenv("CA");
	const struct {
		const char *path, *ring;
		bool no_verify;
		int failure; /* 0: opens */
	} rows[] = {
		{ "good.raucb", ca, false, 0 },
		{ "good.raucb", NULL, true, 0 },
		{ "good.raucb", NULL, false, FAILURE_CONFIG },
		{ "none.raucb", ca, false, FAILURE_NOT_FOUND },
		{ "in/manifest.raucm", ca, false, FAILURE_FORMAT },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Reworking) reworking = { 0 };
		g_autoptr(GError) error = NULL;
		bool ok =
			open_it(&reworking, rows[i].path, rows[i].ring, rows[i].no_verify, &error);

		g_test_message("row %u: %s", i, error ? error->message : "opens");
		if (rows[i].failure) {
			g_assert_false(ok);
			g_assert_error(error, FAILURE, rows[i].failure);
			continue;
		}
		g_assert_no_error(error);
		g_assert_true((reworking.rework.rules == NULL) == rows[i].no_verify);
		g_assert_cmpstr(reworking.rework.output, ==, "out.raucb");
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_make_bundle();
	g_test_add_func("/cli/reworking/open", test_open);
	int code = g_test_run();
	run_leave();
	return code;
}
