/* SPDX-License-Identifier: MIT */

#include "install/polling.h"

#define GOOD .is_good = true

static const struct {
	PollingFacts facts;
	PollingStep step;
	const char *why;
} steps[] = {
	{ { GOOD }, POLLING_ASK, NULL },
	{ { GOOD, .must_reboot = true }, POLLING_REBOOT, NULL },
	{ { GOOD, .must_reboot = true, .is_closed = true },
	  POLLING_LATER,
	  "no maintenance window is open" },
	{ { GOOD, .is_closed = true }, POLLING_ASK, NULL },
	{ { GOOD, .is_installing = true, .is_busy = true, .must_reboot = true },
	  POLLING_WAIT,
	  NULL },
	{ { GOOD, .is_busy = true, .must_reboot = true }, POLLING_LATER, "busy" },
	{ { .must_reboot = true }, POLLING_LATER, "the booted slot is not marked good yet" },
	{ { GOOD, .inhibited_by = "/x", .must_reboot = true }, POLLING_LATER, "/x" },
};

static void test_steps(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
		const char *why = "untouched";

		g_assert_cmpint(polling_step(&steps[i].facts, &why), ==, steps[i].step);
		g_assert_cmpstr(why, ==, steps[i].why);
	}
}

static const struct {
	PollingDelay kind;
	uint64_t n_errors;
	uint32_t random;
	unsigned speedup;
	double seconds;
} delays[] = {
	{ POLLING_SHORT, 0, 7, 1, 30 },
	{ POLLING_SHORT, 9, 7, 30, 1 },
	{ POLLING_NORMAL, 0, 7, 1, 1000 },
	{ POLLING_NORMAL, 1, 7, 1, 2000 },
	{ POLLING_NORMAL, 2, 7, 1, 2500 },
	{ POLLING_NORMAL, G_MAXUINT64, 7, 1000, 2.5 },
	{ POLLING_INITIAL, 5, 0, 1, 100 },
	{ POLLING_INITIAL, 0, G_MAXUINT32, 1, 900 },
	{ POLLING_INITIAL, 0, G_MAXUINT32 / 2, 10, 50 },
};

static void test_delays(void)
{
	ConfigPolling config = { .interval_sec = 1000, .max_interval_sec = 2500 };

	for (unsigned i = 0; i < G_N_ELEMENTS(delays); i++) {
		int64_t found = polling_delay(&config, delays[i].kind, delays[i].n_errors,
		                              delays[i].random, delays[i].speedup);

		g_assert_cmpfloat_with_epsilon((double)found / G_USEC_PER_SEC, delays[i].seconds,
		                               0.001);
	}
	ConfigPolling huge = { .interval_sec = G_MAXINT - 1, .max_interval_sec = G_MAXINT };
	g_assert_cmpint(polling_delay(&huge, POLLING_NORMAL, G_MAXUINT64, 0, 1), ==,
	                (int64_t)G_MAXINT * G_USEC_PER_SEC);
}

static void test_describe(void)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = { { 0, "0s" },          { 30, "30s" },   { 60, "1m" },
		     { 3661, "1h 1m 1s" }, { 86400, "1d" }, { 90000, "1d 1h" } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = polling_describe(rows[i].seconds * G_USEC_PER_SEC);

		g_assert_cmpstr(text, ==, rows[i].text);
	}
}

static void test_words(void)
{
	g_assert_cmpstr(polling_summary("higher-semver"), ==,
	                "update candidate found: higher semantic version");
	g_assert_cmpstr(polling_summary("different-version"), ==,
	                "update candidate found: different version");
	g_assert_cmpstr(polling_summary(NULL), ==, "no update candidate available");
}

static void test_reboot(void)
{
	char *slots[] = { (char *)"updated-slots", NULL },
	     *failed[] = { (char *)"failed-update", NULL };
	char *artifacts[] = { (char *)"updated-artifacts", NULL };
	ConfigPolling config = { 0 };

	g_assert_false(polling_wants_reboot(&config, true));
	config.reboot_criteria = slots;
	g_assert_true(polling_wants_reboot(&config, true));
	g_assert_false(polling_wants_reboot(&config, false));
	config.reboot_criteria = failed;
	g_assert_false(polling_wants_reboot(&config, true));
	g_assert_true(polling_wants_reboot(&config, false));
	config.reboot_criteria = artifacts;
	g_assert_false(polling_wants_reboot(&config, true));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/install/polling/steps", test_steps);
	g_test_add_func("/install/polling/delays", test_delays);
	g_test_add_func("/install/polling/describe", test_describe);
	g_test_add_func("/install/polling/words", test_words);
	g_test_add_func("/install/polling/reboot", test_reboot);
	return g_test_run();
}
