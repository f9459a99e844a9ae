/* SPDX-License-Identifier: MIT */

#include "install/decision.h"

#include <string.h>

#include "base/error.h"

/* A row is what is usual, and what is not. */
#pragma GCC diagnostic ignored "-Woverride-init"

static const char *const bundle[] = { "different-bundle", NULL };
static const char *const version[] = { "different-version", NULL };
static const char *const higher[] = { "higher-semver", NULL };
static const char *const both[] = { "higher-semver", "different-version", NULL };
static const char *const none[] = { NULL };

/* What is offered, what runs, what else is so: and what that means. Everything that is not said is well. */
#define OFFER   .hash = "bb", .version = "2.0", .compatible = "X", .device_compatible = "X"
#define RUNNING .running_hash = "aa", .running_version = "1.0"
#define USUAL   OFFER, RUNNING, .criteria = bundle, .rollout_percent = 100

static const struct {
	DecisionFacts facts;
	DecisionKind kind;
	const char *words; /* in the reason */
} rows[] = {
	{ { USUAL }, DECISION_INSTALL, "2.0 is on offer, 1.0 runs" },
	{ { .criteria = bundle }, DECISION_NOTHING, "no bundle" },
	/* for whom */
	{ { USUAL, .compatible = "Y" }, DECISION_INCOMPATIBLE, "for 'Y', this device is a 'X'" },
	{ { USUAL, .compatible = NULL }, DECISION_INCOMPATIBLE, "for ''" },
	{ { USUAL, .compatible = "Y", .is_forced = true }, DECISION_INCOMPATIBLE, "for 'Y'" },
	/* what runs */
	{ { USUAL, .hash = "aa" }, DECISION_CURRENT, "is what runs" },
	{ { USUAL, .hash = "aa", .is_forced = true }, DECISION_INSTALL, "forced" },
	{ { USUAL, .hash = "aa", .criteria = version }, DECISION_CURRENT, "is what runs" },
	{ { USUAL, .version = "1.0" }, DECISION_INSTALL, "" },
	{ { USUAL, .running_hash = NULL }, DECISION_INSTALL, "" },
	{ { USUAL, .running_hash = NULL, .version = "1.0" }, DECISION_NOT_NEW, "different-bundle" },
	{ { USUAL, .running_hash = NULL, .running_version = NULL },
	  DECISION_INSTALL,
	  "an unknown version runs" },
	{ { USUAL, .version = NULL }, DECISION_INSTALL, "of no version is on offer" },
	/* criteria */
	{ { USUAL, .criteria = version }, DECISION_INSTALL, "" },
	{ { USUAL, .criteria = version, .version = "1.0" }, DECISION_NOT_NEW, "1.0 runs" },
	{ { USUAL, .criteria = version, .version = NULL, .running_version = NULL },
	  DECISION_NOT_NEW,
	  "" },
	{ { USUAL, .criteria = higher }, DECISION_INSTALL, "" },
	{ { USUAL, .criteria = higher, .version = "0.9" }, DECISION_NOT_NEW, "(higher-semver)" },
	{ { USUAL, .criteria = higher, .version = "1.0" }, DECISION_NOT_NEW, "" },
	{ { USUAL, .criteria = higher, .version = "0.9", .is_forced = true },
	  DECISION_INSTALL,
	  "" },
	{ { USUAL, .criteria = both, .version = "0.9" }, DECISION_INSTALL, "" },
	{ { USUAL, .criteria = none }, DECISION_NOT_NEW, "" },
	{ { USUAL, .install_criteria = none },
	  DECISION_UNCONFIRMED,
	  "for somebody else to install" },
	{ { USUAL, .install_criteria = higher }, DECISION_INSTALL, "" },
	{ { USUAL, .install_criteria = higher, .running_version = "3.0" },
	  DECISION_UNCONFIRMED,
	  "" },
	{ { USUAL, .hash = "aa", .install_criteria = none }, DECISION_CURRENT, "" },
	{ { USUAL, .is_rejected = true, .install_criteria = none }, DECISION_UNCONFIRMED, "" },
	/* the past */
	{ { USUAL, .place = DECISION_BOOTS_NEXT }, DECISION_AWAITS_BOOT, "boots next" },
	{ { USUAL, .place = DECISION_BOOTS_NEXT, .window_wait = 5 }, DECISION_AWAITS_BOOT, "" },
	{ { USUAL, .place = DECISION_ELSEWHERE }, DECISION_NOT_BOOTED, "--force" },
	{ { USUAL, .place = DECISION_ELSEWHERE, .is_rejected = true },
	  DECISION_REJECTED,
	  "did not boot" },
	{ { USUAL, .is_rejected = true }, DECISION_REJECTED, "--force" },
	{ { USUAL, .is_rejected = true, .place = DECISION_BOOTS_NEXT },
	  DECISION_REJECTED,
	  "did not boot" },
	{ { USUAL, .is_rejected = true, .is_forced = true }, DECISION_INSTALL, "" },
	{ { USUAL, .place = DECISION_ELSEWHERE, .is_forced = true }, DECISION_INSTALL, "" },
	{ { USUAL, .n_refused = 2 }, DECISION_INSTALL, "" },
	{ { USUAL, .n_refused = 3 }, DECISION_REFUSED, "failed 3 times" },
	{ { USUAL, .n_refused = 3, .is_forced = true }, DECISION_INSTALL, "" },
	/* the moment */
	{ { USUAL, .is_on_trial = true }, DECISION_ON_TRIAL, "not marked good" },
	{ { USUAL, .is_on_trial = true, .hash = "aa" }, DECISION_CURRENT, "" },
	{ { USUAL, .inhibited_by = "/run/busy" }, DECISION_INHIBITED, "/run/busy is there" },
	{ { USUAL, .window_wait = 90 }, DECISION_CLOSED, "opens in 90 min" },
	{ { USUAL, .window_wait = 600 }, DECISION_CLOSED, "opens in 10 h" },
	{ { USUAL, .window_wait = 5 * 1440 }, DECISION_CLOSED, "opens in 5 days" },
	{ { USUAL, .window_wait = 90, .is_forced = true }, DECISION_INSTALL, "" },
	/* the roll-out */
	{ { USUAL, .rollout_percent = 0 },
	  DECISION_HELD_BACK,
	  "at 0.00 % of the roll-out, which has reached 0 %" },
	{ { USUAL, .rollout_percent = 10, .share = 999 }, DECISION_INSTALL, "" },
	{ { USUAL, .rollout_percent = 10, .share = 1000 }, DECISION_HELD_BACK, "at 10.00 %" },
	{ { USUAL, .rollout_percent = 100, .share = 9999 }, DECISION_INSTALL, "" },
	{ { USUAL, .rollout_percent = 0, .is_forced = true }, DECISION_INSTALL, "" },
};

static void test_table(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Decision) decision = { 0 };

		g_assert_true(decision_make(&rows[i].facts, &decision, NULL));
		g_test_message("row %u: %s: %s", i, decision_name(decision.kind), decision.reason);
		g_assert_cmpstr(decision_name(decision.kind), ==, decision_name(rows[i].kind));
		g_assert_nonnull(strstr(decision.reason, rows[i].words));
	}
}

static const struct {
	DecisionFacts facts;
	const char *words;
} errors[] = {
	{ { USUAL, .install_criteria = higher, .version = "yesterday" },
	  "candidate criteria check failed: " },
	{ { USUAL, .criteria = higher, .version = NULL }, "but the bundle has none" },
	{ { USUAL, .criteria = higher, .running_version = NULL },
	  "but the running system has none" },
	{ { USUAL, .criteria = both, .version = "yesterday" },
	  "candidate criteria check failed: Failed to parse semantic version" },
};

static void test_errors(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(errors); i++) {
		g_auto(Decision) decision = { 0 };
		g_autoptr(GError) error = NULL;

		g_assert_false(decision_make(&errors[i].facts, &decision, &error));
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, errors[i].words));
	}
}

static void test_criterion(void)
{
	static const char *const always[] = { "higher-semver", "always", NULL };
	const DecisionFacts older = { USUAL, .version = "0.9" }, newer = { USUAL };

	g_assert_cmpstr(decision_find_criterion(&older, always, NULL), ==, "always");
	g_assert_cmpstr(decision_find_criterion(&newer, always, NULL), ==, "higher-semver");
	g_assert_null(decision_find_criterion(&older, higher, NULL));
	g_assert_null(decision_find_criterion(&older, NULL, NULL));
}

/* The same for ever, not the same for every bundle, and as many as were wanted. */
static void test_share(void)
{
	unsigned first = decision_share("0123", "2.0"), n_reached = 0, n_moved = 0;

	g_assert_cmpuint(first, ==, decision_share("0123", "2.0"));
	g_assert_cmpuint(first, ==, 9396); /* it must not change with our version either */
	for (unsigned i = 0; i < 10000; i++) {
		g_autofree char *device = g_strdup_printf("device-%u", i);
		unsigned share = decision_share(device, "2.0");

		g_assert_cmpuint(share, <, DECISION_SHARES);
		n_reached += share < 1000;
		n_moved += share != decision_share(device, "2.1");
	}
	g_assert_cmpuint(n_reached, >, 900);
	g_assert_cmpuint(n_reached, <, 1100);
	g_assert_cmpuint(n_moved, >, 9900);
}

static void test_pause(void)
{
	static const unsigned most[] = {
		0, 900, 1800, 3600, 7200, 14400, 28800, 57600, 86400, 86400
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(most); i++) {
		g_assert_cmpuint(decision_pause(i, 0), ==, most[i]);
		for (uint32_t random = 1; random < 4000000000; random += 399999959) {
			g_assert_cmpuint(decision_pause(i, random), <=, most[i]);
			g_assert_cmpuint(decision_pause(i, random), >=, most[i] / 4 * 3);
		}
	}
	g_assert_cmpuint(decision_pause(G_MAXUINT, 0), ==, 86400);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/install/decision/table", test_table);
	g_test_add_func("/install/decision/errors", test_errors);
	g_test_add_func("/install/decision/criterion", test_criterion);
	g_test_add_func("/install/decision/share", test_share);
	g_test_add_func("/install/decision/pause", test_pause);
	return g_test_run();
}
