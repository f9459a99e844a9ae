/* SPDX-License-Identifier: MIT */

#include "service/reply.h"

#include "base/error.h"
#include "system/clock.h"
#include "system/trust.h"

static void add(GVariantBuilder *to, const char *key, GVariant *value)
{
	g_variant_builder_add(to, "{sv}", key, value);
}

/* A member that is a variant itself. */
static void add_boxed(GVariantBuilder *to, const char *key, GVariant *value)
{
	add(to, key, g_variant_new_variant(value));
}

/* D-Bus knows no other text than UTF-8, files may. */
static void add_text(GVariantBuilder *to, const char *key, const char *text)
{
	if (text)
		add(to, key, g_variant_new_take_string(g_utf8_make_valid(text, -1)));
}

static GVariant *make_texts(const char *const *texts)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("as"));
	for (; texts && *texts; texts++)
		g_variant_builder_add_value(&builder, g_variant_new_take_string(
							      g_utf8_make_valid(*texts, -1)));
	return g_variant_builder_end(&builder);
}

static void add_event(GVariantBuilder *to, const char *name, const char *timestamp, uint32_t count)
{
	g_autofree char *timestamp_key = g_strconcat(name, ".timestamp", NULL);
	g_autofree char *count_key = g_strconcat(name, ".count", NULL);

	if (!timestamp)
		return;
	add_text(to, timestamp_key, timestamp);
	add(to, count_key, g_variant_new_uint32(count));
}

static void add_status(GVariantBuilder *to, const SlotStatus *status)
{
	add_text(to, "bundle.compatible", status->bundle_compatible);
	add_text(to, "bundle.version", status->bundle_version);
	add_text(to, "bundle.description", status->bundle_description);
	add_text(to, "bundle.build", status->bundle_build);
	add_text(to, "bundle.hash", status->bundle_hash);
	if (status->bundle_epoch)
		add(to, "bundle.security-epoch", g_variant_new_uint32(status->bundle_epoch));
	add_text(to, "status", status->status);
	if (status->sha256) {
		add_text(to, "sha256", status->sha256);
		add(to, "size", g_variant_new_uint64(status->size));
	}
	add_text(to, "installed.transaction", status->installed_transaction);
	add_event(to, "installed", status->installed_timestamp, status->installed_count);
	add_event(to, "activated", status->activated_timestamp, status->activated_count);
}

static GVariant *make_slot(System *system, const Slot *slot)
{
	static const char *const activities[] = {
		[SLOT_INACTIVE] = "inactive",
		[SLOT_ACTIVE] = "active",
		[SLOT_BOOTED] = "booted",
	};
	static const char *const boots[] = {
		[SLOT_BOOT_UNKNOWN] = "unknown",
		[SLOT_BOOT_GOOD] = "good",
		[SLOT_BOOT_BAD] = "bad",
	};
	const SlotState *state = system_state(system, slot);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "class", slot->class);
	add_text(&builder, "device", slot->device);
	add_text(&builder, "type", slot_type_name(slot->type));
	add_text(&builder, "bootname", slot->boot_name);
	add_text(&builder, "state", activities[state->activity]);
	add_text(&builder, "description", slot->description);
	add_text(&builder, "parent", slot->parent ? slot->parent->name : NULL);
	add_text(&builder, "mountpoint", state->mount_point);
	add_text(&builder, "boot-status", slot->boot_name ? boots[state->boot] : NULL);
	add_status(&builder, system_status(system, slot));
	return g_variant_builder_end(&builder);
}

GVariant *reply_slot_status(System *system)
{
	const GPtrArray *slots = system_config(system)->slots;
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("a(sa{sv})"));
	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];

		g_variant_builder_add(&builder, "(s@a{sv})", slot->name, make_slot(system, slot));
	}
	return g_variant_builder_end(&builder);
}

GVariant *reply_trust(System *system)
{
	TrustFacts facts = trust_facts(system);
	g_autofree char *demo = trust_find_demo(&system_config(system)->keyring);
	g_autofree char *floor = clock_format(facts.time.floor);
	g_autofree char *words = trust_time_describe(&facts.time);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add(&builder, "security-epoch", g_variant_new_uint32(facts.epoch));
	add(&builder, "kept", g_variant_new_boolean(facts.kind != TRUST_STATE_NONE));
	if (facts.time.floor) {
		add_text(&builder, "time-floor", floor);
		add_text(&builder, "time-floor-source", trust_state_source_name(facts.time.source));
		add_text(&builder, "time-floor-text", words);
	}
	add_text(&builder, "demo-keys", demo);
	return g_variant_builder_end(&builder);
}

GVariant *reply_artifact_status(const Config *config)
{
	GVariantBuilder repos;

	g_variant_builder_init(&repos, G_VARIANT_TYPE("aa{sv}"));
	for (unsigned i = 0; config->repos && i < config->repos->len; i++) {
		const ConfigRepo *repo = config->repos->pdata[i];
		GVariantBuilder builder;

		g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
		add_text(&builder, "name", repo->name);
		add_text(&builder, "description", repo->description);
		add_text(&builder, "path", repo->path);
		add_text(&builder, "type", repo->type);
		add(&builder, "artifacts", g_variant_new_array(G_VARIANT_TYPE_VARDICT, NULL, 0));
		g_variant_builder_add_value(&repos, g_variant_builder_end(&builder));
	}
	return g_variant_builder_end(&repos);
}

static GVariant *make_notes(const KeyringHealth *health)
{
	GVariantBuilder notes;

	g_variant_builder_init(&notes, G_VARIANT_TYPE("aa{sv}"));
	for (unsigned i = 0; i < health->notes->len; i++) {
		const KeyringNote *note = health->notes->pdata[i];
		GVariantBuilder builder;

		g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
		add_text(&builder, "level", keyring_health_word(note->level));
		add_text(&builder, "code", note->code);
		add_text(&builder, "text", note->text);
		add(&builder, "at", g_variant_new_int64(note->at));
		g_variant_builder_add_value(&notes, g_variant_builder_end(&builder));
	}
	return g_variant_builder_end(&notes);
}

static GVariant *make_cert(const KeyringContent *content, const KeyringCert *cert,
                           const ConfigKeyring *config)
{
	const KeyringCrl *crl = cert->crl >= 0 ? content->crls->pdata[cert->crl] : NULL;
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "subject", cert->facts->subject);
	add_text(&builder, "issuer", cert->facts->issuer);
	add_text(&builder, "spki-sha256", cert->facts->spki_hash);
	add(&builder, "not-before", g_variant_new_int64(cert->facts->not_before_unix));
	add(&builder, "not-after", g_variant_new_int64(cert->facts->not_after_unix));
	add(&builder, "is-anchor", g_variant_new_boolean(keyring_health_is_anchor(cert, config)));
	if (crl)
		add(&builder, "crl-renew-before", g_variant_new_int64(crl->renew));
	return g_variant_builder_end(&builder);
}

GVariant *reply_keyring_status(const ConfigKeyring *config, int64_t now)
{
	g_autoptr(KeyringHealth) health = trust_health(config, now);
	g_autoptr(KeyringContent) content = health ? trust_load_content(config, NULL) : NULL;
	GVariantBuilder builder, certs;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	if (!health)
		return g_variant_builder_end(&builder);
	add_text(&builder, "state", keyring_health_word(health->level));
	add_text(&builder, "action", health->action);
	add(&builder, "until", g_variant_new_int64(health->until));
	add(&builder, "notes", make_notes(health));
	g_variant_builder_init(&certs, G_VARIANT_TYPE("aa{sv}"));
	for (unsigned i = 0; content && i < content->certs->len; i++)
		g_variant_builder_add_value(&certs,
		                            make_cert(content, content->certs->pdata[i], config));
	add(&builder, "certificates", g_variant_builder_end(&certs));
	return g_variant_builder_end(&builder);
}

GVariant *reply_error_info(const GError *error, const InstallReport *report)
{
	FailureFacts facts = failure_facts(error);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "code", facts.name);
	add_text(&builder, "stage", install_stage_name(report->stage));
	add_text(&builder, "slot", report->slot ? report->slot->name : NULL);
	add_text(&builder, "message", error->message);
	add_text(&builder, "hint", facts.hint);
	add(&builder, "can-retry", g_variant_new_boolean(facts.can_retry));
	return g_variant_builder_end(&builder);
}

GVariant *reply_waiting(const RemoteWaiting *waiting)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	if (!waiting)
		return g_variant_builder_end(&builder);
	add_text(&builder, "message", waiting->message);
	add_text(&builder, "reason", waiting->reason);
	add(&builder, "seconds", g_variant_new_uint32(waiting->seconds));
	add(&builder, "attempt", g_variant_new_uint32(waiting->attempt));
	return g_variant_builder_end(&builder);
}

GVariant *reply_statistics(const InstallStatistics *statistics)
{
	g_autofree char *summary = statistics_describe(statistics);
	StatisticsRow rows[STATISTICS_ROWS];
	GVariantBuilder builder, seeds;

	statistics_rows(statistics, rows);
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	for (unsigned i = 0; i < STATISTICS_ROWS; i++)
		add(&builder, rows[i].name, g_variant_new_uint64(rows[i].value));
	g_variant_builder_init(&seeds, G_VARIANT_TYPE("a{st}"));
	for (unsigned i = 0; i < statistics->n_seeds; i++)
		g_variant_builder_add(&seeds, "{st}", statistics->seeds[i].name,
		                      statistics->seeds[i].bytes);
	add(&builder, "seeds", g_variant_builder_end(&seeds));
	add_text(&builder, "summary", summary);
	return g_variant_builder_end(&builder);
}

static GVariant *make_update(const Manifest *manifest)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "compatible", manifest->compatible);
	add_text(&builder, "version", manifest->version);
	add_text(&builder, "description", manifest->description);
	add_text(&builder, "build", manifest->build);
	return g_variant_builder_end(&builder);
}

static GVariant *make_bundle(const Manifest *manifest)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "format", manifest_format_name(manifest->format));
	add_text(&builder, "verity-hash", manifest->verity_hash);
	add_text(&builder, "verity-salt", manifest->verity_salt);
	if (manifest->verity_size)
		add(&builder, "verity-size", g_variant_new_uint64(manifest->verity_size));
	return g_variant_builder_end(&builder);
}

static GVariant *make_hooks(const Manifest *manifest)
{
	static const char *const check[] = { "install-check", NULL };
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "filename", manifest->hook_filename);
	if (manifest->hook_filename)
		add_boxed(&builder, "hooks",
		          make_texts(manifest->has_install_check ? check : NULL));
	return g_variant_builder_end(&builder);
}

static GVariant *make_handler(const Manifest *manifest)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "filename", manifest->handler_filename);
	add_text(&builder, "args", manifest->handler_args);
	return g_variant_builder_end(&builder);
}

static void add_texts(GVariantBuilder *to, const char *key, GStrv texts)
{
	if (texts)
		add(to, key, make_texts((const char *const *)texts));
}

static GVariant *make_image(const Image *image)
{
	const char *type = image_type_name(image->type);
	uint64_t size = image->filename ? image->size : G_MAXUINT64;
	g_auto(GStrv) hooks = image_hook_names(image->hooks);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "slot-class", image->class);
	add_text(&builder, "artifact", image->artifact);
	add_text(&builder, "variant", image->variant);
	add_text(&builder, "filename", image->filename);
	add_text(&builder, "type", type ? type : image->foreign_type);
	add_text(&builder, "checksum", image->sha256);
	if (size)
		add(&builder, "size", g_variant_new_uint64(size));
	add(&builder, "hooks", make_texts((const char *const *)hooks));
	add_texts(&builder, "adaptive", image->adaptive);
	add_texts(&builder, "convert", image->convert);
	add_texts(&builder, "converted", image->converted);
	return g_variant_builder_end(&builder);
}

static GVariant *make_images(const GPtrArray *images)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (unsigned i = 0; i < images->len; i++)
		g_variant_builder_add_value(&builder, make_image(images->pdata[i]));
	return g_variant_builder_end(&builder);
}

static GVariant *make_meta(const GPtrArray *meta)
{
	GVariantBuilder groups;

	g_variant_builder_init(&groups, G_VARIANT_TYPE("a{sa{ss}}"));
	for (unsigned i = 0; meta && i < meta->len; i++) {
		const MetaGroup *group = meta->pdata[i];
		GVariantBuilder entries;

		g_variant_builder_init(&entries, G_VARIANT_TYPE("a{ss}"));
		for (unsigned k = 0; k < group->entries->len; k++) {
			const MetaEntry *entry = group->entries->pdata[k];

			g_variant_builder_add(&entries, "{ss}", entry->key, entry->value);
		}
		g_variant_builder_add(&groups, "{sa{ss}}", group->label, &entries);
	}
	return g_variant_builder_end(&groups);
}

GVariant *reply_inspect(const Manifest *manifest, const char *hash)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	add_text(&builder, "manifest-hash", hash);
	add_boxed(&builder, "update", make_update(manifest));
	add_boxed(&builder, "bundle", make_bundle(manifest));
	add_boxed(&builder, "hooks", make_hooks(manifest));
	add_boxed(&builder, "handler", make_handler(manifest));
	add_boxed(&builder, "images", make_images(manifest->images));
	add_boxed(&builder, "meta", make_meta(manifest->meta));
	return g_variant_builder_end(&builder);
}
