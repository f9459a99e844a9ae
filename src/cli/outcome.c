/* SPDX-License-Identifier: MIT */

#include "cli/outcome.h"

#include "base/error.h"
#include "cli/json.h"

static void replace(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
}

void outcome_take_error(Outcome *outcome, const GError *error, const InstallReport *report)
{
	FailureFacts facts = failure_facts(error);

	replace(&outcome->message, error->message);
	replace(&outcome->code, facts.name);
	replace(&outcome->hint, facts.hint);
	outcome->can_retry = facts.can_retry;
	replace(&outcome->stage, report ? install_stage_name(report->stage) : NULL);
	replace(&outcome->slot, report && report->slot ? report->slot->name : NULL);
}

void outcome_take_info(Outcome *outcome, GVariant *info)
{
	const struct {
		const char *key;
		char **field;
	} texts[] = {
		{ "code", &outcome->code },       { "stage", &outcome->stage },
		{ "slot", &outcome->slot },       { "hint", &outcome->hint },
		{ "message", &outcome->message },
	};
	gboolean can_retry = FALSE;

	if (!g_variant_n_children(info))
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *value = NULL;

		g_variant_lookup(info, texts[i].key, "&s", &value);
		replace(texts[i].field, value);
	}
	g_variant_lookup(info, "can-retry", "b", &can_retry);
	outcome->can_retry = can_retry;
}

void outcome_take_statistics(Outcome *outcome, GVariant *statistics)
{
	GVariantIter iter;
	const char *name;
	GVariant *value;

	outcome->statistics = (InstallStatistics){ 0 };
	outcome->has_statistics = g_variant_n_children(statistics) > 0;
	g_variant_iter_init(&iter, statistics);
	while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) owned = value;
		GVariantIter seeds;
		const char *seed;
		uint64_t bytes;

		if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64))
			statistics_set(&outcome->statistics, name, g_variant_get_uint64(value));
		if (!g_str_equal(name, "seeds") ||
		    !g_variant_is_of_type(value, G_VARIANT_TYPE("a{st}")))
			continue;
		g_variant_iter_init(&seeds, value);
		while (g_variant_iter_next(&seeds, "{&st}", &seed, &bytes))
			statistics_add_seed(&outcome->statistics, seed, bytes);
	}
}

void outcome_clear(Outcome *outcome)
{
	g_free(outcome->code);
	g_free(outcome->stage);
	g_free(outcome->slot);
	g_free(outcome->message);
	g_free(outcome->hint);
}

static void show_statistics(JsonBuilder *json, const InstallStatistics *statistics)
{
	g_autofree char *summary = statistics_describe(statistics);
	StatisticsRow rows[STATISTICS_ROWS];

	json_open_object(json, "statistics");
	statistics_rows(statistics, rows);
	for (unsigned i = 0; i < STATISTICS_ROWS; i++)
		json_add_int(json, rows[i].name, (int64_t)MIN(rows[i].value, G_MAXINT64));
	json_open_object(json, "seeds");
	for (unsigned i = 0; i < statistics->n_seeds; i++)
		json_add_int(json, statistics->seeds[i].name,
		             (int64_t)MIN(statistics->seeds[i].bytes, G_MAXINT64));
	json_builder_end_object(json);
	json_add_string(json, "summary", summary);
	json_builder_end_object(json);
}

void outcome_show_json(GString *to, const Outcome *outcome, const char *bundle, bool is_pretty)
{
	static const char *const results[] = {
		[OUTCOME_SUCCEEDED] = "succeeded",   [OUTCOME_FAILED] = "failed",
		[OUTCOME_SERVICE] = "service-error", [OUTCOME_INTERRUPTED] = "interrupted",
		[OUTCOME_CANCELLED] = "cancelled",
	};
	JsonBuilder *json = json_builder_new();

	json_open_object(json, NULL);
	json_add_string(json, "bundle", bundle);
	json_add_string(json, "result", results[outcome->result]);
	json_add_int(json, "exit-code", outcome->result);
	if (outcome->message) {
		json_open_object(json, "error");
		json_add_string(json, "code", outcome->code);
		json_add_string(json, "stage", outcome->stage);
		json_add_string(json, "slot", outcome->slot);
		json_add_string(json, "message", outcome->message);
		json_add_string(json, "hint", outcome->hint);
		json_builder_set_member_name(json, "can-retry");
		json_builder_add_boolean_value(json, outcome->can_retry);
		json_builder_end_object(json);
	} else {
		json_add_string(json, "error", NULL);
	}
	if (outcome->has_statistics)
		show_statistics(json, &outcome->statistics);
	else
		json_add_string(json, "statistics", NULL);
	json_builder_end_object(json);
	json_finish(json, to, is_pretty);
}
