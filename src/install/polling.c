/* SPDX-License-Identifier: MIT */

#include "install/polling.h"

enum { SHORT_SECONDS = 30 };

PollingStep polling_step(const PollingFacts *facts, const char **why)
{
	*why = NULL;
	if (facts->is_installing)
		return POLLING_WAIT;
	if (facts->is_busy)
		*why = "busy";
	else if (!facts->is_good)
		*why = "the booted slot is not marked good yet";
	else if (facts->inhibited_by)
		*why = facts->inhibited_by;
	else if (facts->must_reboot && facts->is_closed)
		*why = "no maintenance window is open";
	if (*why)
		return POLLING_LATER;
	return facts->must_reboot ? POLLING_REBOOT : POLLING_ASK;
}

static uint64_t normal(const ConfigPolling *config, uint64_t n_errors)
{
	uint64_t most = (uint64_t)config->max_interval_sec;
	uint64_t times = MIN(n_errors, most) + 1;

	return MIN((uint64_t)config->interval_sec * times, most);
}

int64_t polling_delay(const ConfigPolling *config, PollingDelay kind, uint64_t n_errors,
                      uint32_t random, unsigned speedup)
{
	uint64_t seconds = SHORT_SECONDS;

	if (kind == POLLING_NORMAL)
		seconds = normal(config, n_errors);
	uint64_t delay = seconds * G_USEC_PER_SEC;
	if (kind == POLLING_INITIAL) {
		uint64_t tenth = (uint64_t)config->interval_sec * G_USEC_PER_SEC / 10;

		delay = tenth + (uint64_t)((double)random / G_MAXUINT32 * (double)(8 * tenth));
	}
	return (int64_t)(delay / speedup);
}

char *polling_describe(int64_t delay)
{
	const struct {
		int64_t seconds;
		char letter;
	} units[] = { { 24 * 60 * 60, 'd' }, { 60 * 60, 'h' }, { 60, 'm' }, { 1, 's' } };
	g_autoptr(GString) text = g_string_new(NULL);
	int64_t left = delay / G_USEC_PER_SEC;

	for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
		int64_t n = left / units[i].seconds;

		left -= n * units[i].seconds;
		if (n || (units[i].seconds == 1 && !text->len))
			g_string_append_printf(text, "%s%" G_GINT64_FORMAT "%c",
			                       text->len ? " " : "", n, units[i].letter);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

const char *polling_summary(const char *criterion)
{
	if (g_strcmp0(criterion, "higher-semver") == 0)
		return "update candidate found: higher semantic version";
	if (g_strcmp0(criterion, "different-version") == 0)
		return "update candidate found: different version";
	return "no update candidate available";
}

bool polling_wants_reboot(const ConfigPolling *config, bool has_succeeded)
{
	const char *const *criteria = (const char *const *)config->reboot_criteria;

	/* Every bundle that can be installed updates slots. */
	return criteria &&
	       g_strv_contains(criteria, has_succeeded ? "updated-slots" : "failed-update");
}
