/* SPDX-License-Identifier: MIT */

#include "install/decision.h"

#include <string.h>

#include "base/error.h"
#include "base/version.h"
#include "crypto/digest.h"

enum { FIRST_PAUSE = 15 * 60 };

const char *decision_name(DecisionKind kind)
{
	static const char *const names[] = {
		[DECISION_NOTHING] = "nothing",       [DECISION_INCOMPATIBLE] = "incompatible",
		[DECISION_CURRENT] = "current",       [DECISION_AWAITS_BOOT] = "awaits-boot",
		[DECISION_NOT_NEW] = "not-new",       [DECISION_REJECTED] = "rejected",
		[DECISION_NOT_BOOTED] = "not-booted", [DECISION_REFUSED] = "refused",
		[DECISION_ON_TRIAL] = "on-trial",     [DECISION_INHIBITED] = "inhibited",
		[DECISION_HELD_BACK] = "held-back",   [DECISION_CLOSED] = "closed",
		[DECISION_INSTALL] = "install",       [DECISION_UNCONFIRMED] = "unconfirmed",
	};

	return names[kind];
}

static bool is_same(const char *one, const char *other)
{
	return one && other && g_str_equal(one, other);
}

static bool is_higher(const DecisionFacts *facts, bool *result, GError **error)
{
	int order = 0;

	if (!facts->version || !facts->running_version)
		return fail(
			error, FAILURE_VERSION,
			"candidate criteria check failed: higher-semver needs two versions, but "
			"the %s has none",
			facts->version ? "running system" : "bundle");
	if (!version_compare(facts->version, facts->running_version, &order, error)) {
		g_prefix_error(error, "candidate criteria check failed: ");
		return false;
	}
	*result = order > 0;
	return true;
}

/* What runs is known by its bundle, or where it came from none, by its version. */
static bool is_running(const DecisionFacts *facts)
{
	return facts->running_hash ? g_str_equal(facts->running_hash, facts->hash)
	                           : is_same(facts->running_version, facts->version);
}

const char *decision_find_criterion(const DecisionFacts *facts, const char *const *criteria,
                                    GError **error)
{
	for (; criteria && *criteria; criteria++) {
		bool is_met = g_str_equal(*criteria, "always");

		if (g_str_equal(*criteria, "higher-semver") && !is_higher(facts, &is_met, error))
			return NULL;
		if (g_str_equal(*criteria, "different-version"))
			is_met = g_strcmp0(facts->version, facts->running_version) != 0;
		if (g_str_equal(*criteria, "different-bundle"))
			is_met = !is_running(facts);
		if (is_met)
			return *criteria;
	}
	return NULL;
}

static bool decide(Decision *decision, DecisionKind kind, char *reason)
{
	decision->kind = kind;
	decision->reason = reason;
	return true;
}

static const char *version_of(const char *version)
{
	return version ? version : "a bundle of no version";
}

static const char *running_of(const DecisionFacts *facts)
{
	return facts->running_version ? facts->running_version : "an unknown version";
}

/* Facts about the bundle. */
static bool judge_bundle(const DecisionFacts *facts, Decision *decision)
{
	if (!facts->hash)
		return decide(decision, DECISION_NOTHING, g_strdup("the server has no bundle"));
	if (!is_same(facts->compatible, facts->device_compatible))
		return decide(decision, DECISION_INCOMPATIBLE,
		              g_strdup_printf("the bundle is for '%s', this device is a '%s'",
		                              facts->compatible ? facts->compatible : "",
		                              facts->device_compatible ? facts->device_compatible
		                                                       : ""));
	if (facts->is_forced)
		return false;
	if (is_same(facts->running_hash, facts->hash))
		return decide(decision, DECISION_CURRENT,
		              g_strdup_printf("this bundle (%s) is what runs",
		                              version_of(facts->version)));
	if (facts->place == DECISION_BOOTS_NEXT && !facts->is_rejected)
		return decide(decision, DECISION_AWAITS_BOOT,
		              g_strdup_printf("this bundle (%s) is installed and boots next",
		                              version_of(facts->version)));
	return false;
}

static bool judge_criteria(const DecisionFacts *facts, Decision *decision, GError **error)
{
	g_autoptr(GError) reason = NULL;
	g_autofree char *all = g_strjoinv(", ", (GStrv)facts->criteria);

	if (facts->is_forced)
		return false;
	decision->criterion = decision_find_criterion(facts, facts->criteria, &reason);
	bool is_confirmed = decision->criterion &&
	                    (!facts->install_criteria ||
	                     decision_find_criterion(facts, facts->install_criteria, &reason));
	if (reason) {
		g_propagate_error(error, g_steal_pointer(&reason));
		return true;
	}
	if (is_confirmed)
		return false;
	if (decision->criterion)
		return decide(
			decision, DECISION_UNCONFIRMED,
			g_strdup_printf("%s is on offer; no install criterion is met, so it is "
		                        "for somebody else to install",
		                        version_of(facts->version)));
	return decide(decision, DECISION_NOT_NEW,
	              g_strdup_printf("%s is on offer, %s runs: that is nothing new (%s)",
	                              version_of(facts->version), running_of(facts), all));
}

/* What became of it before. */
static bool judge_past(const DecisionFacts *facts, Decision *decision)
{
	const char *version = version_of(facts->version);

	if (facts->is_forced)
		return false;
	if (facts->is_rejected)
		return decide(
			decision, DECISION_REJECTED,
			g_strdup_printf("this bundle (%s) was installed and did not boot; it is "
		                        "not tried again, another bundle or --force is needed",
		                        version));
	if (facts->place == DECISION_ELSEWHERE)
		return decide(
			decision, DECISION_NOT_BOOTED,
			g_strdup_printf("this bundle (%s) lies in another slot, which does not "
		                        "boot next: it failed, or somebody chose this one; "
		                        "--force installs it again",
		                        version));
	if (facts->n_refused >= DECISION_MAX_REFUSED)
		return decide(
			decision, DECISION_REFUSED,
			g_strdup_printf("installing this bundle (%s) has failed %u times; it is "
		                        "not tried again, another bundle or --force is needed",
		                        version, facts->n_refused));
	return false;
}

static bool is_reached(const DecisionFacts *facts)
{
	return facts->share < facts->rollout_percent * (DECISION_SHARES / 100);
}

static char *describe_wait(int minutes)
{
	return minutes < 120       ? g_strdup_printf("%d min", minutes)
	       : minutes < 48 * 60 ? g_strdup_printf("%d h", (minutes + 30) / 60)
	                           : g_strdup_printf("%d days", (minutes + 12 * 60) / (24 * 60));
}

/* Whether it is the moment. */
static bool judge_moment(const DecisionFacts *facts, Decision *decision)
{
	if (facts->is_forced)
		return false;
	if (facts->is_on_trial)
		return decide(decision, DECISION_ON_TRIAL,
		              g_strdup("the running system is not marked good yet: an update would "
		                       "overwrite the one to fall back to"));
	if (facts->inhibited_by)
		return decide(decision, DECISION_INHIBITED,
		              g_strdup_printf("%s is there", facts->inhibited_by));
	if (!is_reached(facts))
		return decide(decision, DECISION_HELD_BACK,
		              g_strdup_printf("this device is at %u.%02u %% of the roll-out, which "
		                              "has reached %u %%",
		                              facts->share / 100, facts->share % 100,
		                              facts->rollout_percent));
	if (facts->window_wait) {
		g_autofree char *wait = describe_wait(facts->window_wait);

		return decide(
			decision, DECISION_CLOSED,
			g_strdup_printf("no maintenance window is open; the next one opens in %s",
		                        wait));
	}
	return false;
}

bool decision_make(const DecisionFacts *facts, Decision *decision, GError **error)
{
	GError *reason = NULL;

	*decision = (Decision){ 0 };
	if (judge_bundle(facts, decision))
		return true;
	if (judge_criteria(facts, decision, &reason)) {
		if (reason)
			g_propagate_error(error, reason);
		return !reason;
	}
	return judge_past(facts, decision) || judge_moment(facts, decision) ||
	       decide(decision, DECISION_INSTALL,
	              g_strdup_printf("%s is on offer, %s runs%s", version_of(facts->version),
	                              running_of(facts), facts->is_forced ? " (forced)" : ""));
}

void decision_clear(Decision *decision)
{
	g_clear_pointer(&decision->reason, g_free);
}

unsigned decision_share(const char *device, const char *bundle)
{
	g_autofree char *both = g_strdup_printf("%s\n%s\n", device, bundle);
	uint8_t digest[DIGEST_SIZE];
	uint64_t number = 0;

	digest_bytes(both, strlen(both), digest);
	for (unsigned i = 0; i < sizeof(number); i++)
		number = number << 8 | digest[i];
	return (unsigned)(number % DECISION_SHARES);
}

unsigned decision_pause(unsigned n_errors, uint32_t random)
{
	unsigned pause = n_errors ? FIRST_PAUSE : 0;

	for (unsigned i = 1; i < n_errors && pause < DECISION_LONGEST_PAUSE; i++)
		pause *= 2;
	pause = MIN(pause, DECISION_LONGEST_PAUSE);
	return pause - random % (pause / 4 + 1); /* a fleet shall not come back together */
}
