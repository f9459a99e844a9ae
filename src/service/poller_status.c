/* SPDX-License-Identifier: MIT */

#include "service/poller_status.h"

#include "install/polling.h"
#include "service/reply.h"

GVariant *poller_status_manifest(const Bundle *bundle)
{
	return reply_inspect(bundle_manifest(bundle), bundle_manifest_hash(bundle));
}

static void forget_bundle(PollerStatus *status)
{
	g_clear_pointer(&status->manifest, g_variant_unref);
	stream_answer_clear(&status->bundle);
}

static void forget_decision(PollerStatus *status)
{
	g_clear_pointer(&status->decision, g_free);
	g_clear_pointer(&status->reason, g_free);
}

void poller_status_clear(PollerStatus *status)
{
	forget_bundle(status);
	forget_decision(status);
	g_clear_pointer(&status->last_error, g_free);
	g_clear_pointer(&status->attempted_hash, g_free);
}

static void take_bundle(PollerStatus *status, const StreamAnswer *answer, GVariant *manifest)
{
	forget_bundle(status);
	status->manifest = g_variant_ref(manifest);
	status->bundle = (StreamAnswer){ .url = g_strdup(answer->url),
		                         .etag = g_strdup(answer->etag),
		                         .size = answer->size,
		                         .modified = answer->modified };
}

void poller_status_succeed(PollerStatus *status, const Update *update, GVariant *manifest,
                           int64_t now)
{
	const Decision *decision = &update->decision;
	bool has_none = decision->kind == DECISION_NOTHING;

	if (manifest)
		take_bundle(status, &update->answer, manifest);
	else if (has_none)
		forget_bundle(status);
	forget_decision(status);
	g_clear_pointer(&status->last_error, g_free);
	status->recent_errors = 0;
	status->last_success = now;
	status->is_available = decision->criterion != NULL;
	status->summary =
		has_none ? "no update bundle available" : polling_summary(decision->criterion);
	status->decision = g_strdup(decision_name(decision->kind));
	status->reason = g_strdup(decision->reason);
}

void poller_status_fail(PollerStatus *status, const GError *error)
{
	status->recent_errors++;
	g_free(status->last_error);
	status->last_error = g_strdup(error->message);
}

static void add(GVariantBuilder *to, const char *key, GVariant *value)
{
	g_variant_builder_add(to, "{sv}", key, value);
}

static void add_text(GVariantBuilder *to, const char *key, const char *text)
{
	if (text && *text)
		add(to, key, g_variant_new_take_string(g_utf8_make_valid(text, -1)));
}

static GVariant *make_bundle(const StreamAnswer *bundle)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	if (bundle->size)
		add(&builder, "size", g_variant_new_uint64(bundle->size));
	add_text(&builder, "effective-url", bundle->url);
	if (bundle->modified)
		add(&builder, "modified-time", g_variant_new_uint64(bundle->modified));
	add_text(&builder, "etag", bundle->etag);
	return g_variant_builder_end(&builder);
}

GVariant *poller_status_reply(const PollerStatus *status)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add(&builder, "attempt-count", g_variant_new_uint64(status->attempts));
	add(&builder, "recent-error-count", g_variant_new_uint64(status->recent_errors));
	add(&builder, "last-attempt-time", g_variant_new_uint64((uint64_t)status->last_attempt));
	add(&builder, "last-success-time", g_variant_new_uint64((uint64_t)status->last_success));
	add_text(&builder, "last-error-message", status->last_error);
	add(&builder, "update-available", g_variant_new_boolean(status->is_available));
	add_text(&builder, "summary", status->summary);
	add_text(&builder, "attempted-hash", status->attempted_hash);
	add_text(&builder, "decision", status->decision);
	add_text(&builder, "reason", status->reason);
	if (status->manifest) {
		add(&builder, "manifest", status->manifest);
		add(&builder, "bundle", make_bundle(&status->bundle));
	}
	return g_variant_builder_end(&builder);
}
