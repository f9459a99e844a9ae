/* SPDX-License-Identifier: MIT */

#include "cli/update_show.h"

#include "base/error.h"
#include "cli/json.h"

static void add_bool(JsonBuilder *json, const char *name, bool value)
{
	json_builder_set_member_name(json, name);
	json_builder_add_boolean_value(json, value);
}

static void add_offer(JsonBuilder *json, const History *history)
{
	if (!history || !history->hash) {
		json_add_string(json, "offer", NULL);
		return;
	}
	json_open_object(json, "offer");
	json_add_string(json, "manifest-hash", history->hash);
	json_add_string(json, "version", history->version);
	json_add_string(json, "compatible", history->compatible);
	json_add_int(json, "size", (gint64)history->size);
	json_builder_end_object(json);
}

/* Of the search, of the installation, or of the reboot: the first there is. */
static void add_error(JsonBuilder *json, const UpdateShown *shown)
{
	const Outcome *outcome = shown->outcome;

	if (shown->error) {
		FailureFacts facts = failure_facts(shown->error);

		json_open_object(json, "error");
		json_add_string(json, "code", facts.name);
		json_add_string(json, "message", shown->error->message);
		json_add_string(json, "hint", facts.hint);
		json_builder_end_object(json);
	} else if (outcome && outcome->message) {
		json_open_object(json, "error");
		json_add_string(json, "code", outcome->code);
		json_add_string(json, "message", outcome->message);
		json_add_string(json, "hint", outcome->hint);
		json_builder_end_object(json);
	} else {
		json_add_string(json, "error", NULL);
	}
}

void update_show_json(GString *to, const UpdateShown *shown, bool is_pretty)
{
	static const char *const reboots[] = {
		[UPDATE_REBOOT_NONE] = "none",           [UPDATE_REBOOT_NEEDED] = "needed",
		[UPDATE_REBOOT_REQUESTED] = "requested", [UPDATE_REBOOT_HELD_BACK] = "held-back",
		[UPDATE_REBOOT_FAILED] = "failed",
	};
	const Update *update = shown->update;
	JsonBuilder *json = json_builder_new();

	json_open_object(json, NULL);
	json_add_string(json, "url", shown->url);
	json_add_string(json, "decision", update ? decision_name(update->decision.kind) : NULL);
	json_add_string(json, "reason", update ? update->decision.reason : NULL);
	add_bool(json, "not-modified", update && update->answer.http == STREAM_NOT_MODIFIED);
	json_add_int(json, "bytes", update ? (gint64)update->bytes : 0);
	add_offer(json, shown->history);
	add_bool(json, "installed", shown->outcome && shown->outcome->result == OUTCOME_SUCCEEDED);
	json_add_string(json, "reboot", reboots[shown->reboot]);
	json_add_int(json, "asked-again-in", shown->pause);
	add_error(json, shown);
	json_add_int(json, "exit-code", shown->code);
	json_builder_end_object(json);
	json_finish(json, to, is_pretty);
}
