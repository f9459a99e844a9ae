/* SPDX-License-Identifier: MIT */

#include "cli/status_reply.h"

#include "base/error.h"

struct StatusReply {
	GVariant *properties;
	GVariant *trust;     /* NULL: the service does not say */
	GPtrArray *slots;    /* of Slot */
	GPtrArray *statuses; /* of SlotStatus */
	GPtrArray *repos;    /* of ConfigRepo */
	SlotState *states;
	ShowSlot *shown;
	KeyringHealth *keyring;
	ShowStatus status;
};

static char *take(GVariant *facts, const char *key)
{
	char *value = NULL;

	g_variant_lookup(facts, key, "s", &value);
	return value;
}

static uint32_t count(GVariant *facts, const char *key)
{
	guint32 value = 0;

	g_variant_lookup(facts, key, "u", &value);
	return value;
}

static Slot *make_slot(const char *name, GVariant *facts, GError **error)
{
	g_autoptr(Slot) slot = g_new0(Slot, 1);
	g_autofree char *type = take(facts, "type");

	slot->name = g_strdup(name);
	if (!type || !slot_type_by_name(type, &slot->type))
		return fail_null(error, FAILURE_SERVICE,
		                 "the service says that slot %s is of the unknown type '%s'", name,
		                 type ? type : "");
	slot->class = take(facts, "class");
	slot->device = take(facts, "device");
	slot->description = take(facts, "description");
	slot->boot_name = take(facts, "bootname");
	slot->parent_name = take(facts, "parent");
	return slot->class && slot->device
	               ? g_steal_pointer(&slot)
	               : fail_null(error, FAILURE_SERVICE,
	                           "the service does not say what slot %s is", name);
}

static SlotState make_state(GVariant *facts)
{
	g_autofree char *activity = take(facts, "state");
	g_autofree char *boot = take(facts, "boot-status");
	SlotState state = { .mount_point = take(facts, "mountpoint") };

	if (g_strcmp0(activity, "booted") == 0)
		state.activity = SLOT_BOOTED;
	else if (g_strcmp0(activity, "active") == 0)
		state.activity = SLOT_ACTIVE;
	if (g_strcmp0(boot, "good") == 0)
		state.boot = SLOT_BOOT_GOOD;
	else if (g_strcmp0(boot, "bad") == 0)
		state.boot = SLOT_BOOT_BAD;
	return state;
}

static SlotStatus *make_status(GVariant *facts)
{
	SlotStatus *status = slot_status_new();
	guint64 size = 0;

	status->bundle_compatible = take(facts, "bundle.compatible");
	status->bundle_version = take(facts, "bundle.version");
	status->bundle_description = take(facts, "bundle.description");
	status->bundle_build = take(facts, "bundle.build");
	status->bundle_hash = take(facts, "bundle.hash");
	status->bundle_epoch = count(facts, "bundle.security-epoch");
	status->status = take(facts, "status");
	status->sha256 = take(facts, "sha256");
	g_variant_lookup(facts, "size", "t", &size);
	status->size = size;
	status->installed_transaction = take(facts, "installed.transaction");
	status->installed_timestamp = take(facts, "installed.timestamp");
	status->installed_count = count(facts, "installed.count");
	status->activated_timestamp = take(facts, "activated.timestamp");
	status->activated_count = count(facts, "activated.count");
	return status;
}

static bool take_slots(StatusReply *reply, GVariant *slots, GError **error)
{
	size_t n = g_variant_n_children(slots);

	reply->states = g_new0(SlotState, n);
	reply->shown = g_new0(ShowSlot, n);
	for (size_t i = 0; i < n; i++) {
		g_autoptr(GVariant) facts = NULL;
		const char *name;

		g_variant_get_child(slots, i, "(&s@a{sv})", &name, &facts);
		Slot *slot = make_slot(name, facts, error);
		if (!slot)
			return false;
		g_ptr_array_add(reply->slots, slot);
		g_ptr_array_add(reply->statuses, make_status(facts));
		reply->states[i] = make_state(facts);
		reply->shown[i] = (ShowSlot){ slot, &reply->states[i], reply->statuses->pdata[i] };
	}
	for (size_t i = 0; i < n; i++) {
		Slot *slot = reply->slots->pdata[i];

		if (slot->parent_name)
			slot->parent = slot_find(reply->slots, slot->parent_name);
	}
	return true;
}

static void take_repos(StatusReply *reply, GVariant *repos)
{
	size_t n = repos ? g_variant_n_children(repos) : 0;

	for (size_t i = 0; i < n; i++) {
		g_autoptr(GVariant) facts = g_variant_get_child_value(repos, i);
		ConfigRepo *repo = g_new0(ConfigRepo, 1);

		repo->name = take(facts, "name");
		repo->path = take(facts, "path");
		repo->type = take(facts, "type");
		repo->description = take(facts, "description");
		g_ptr_array_add(reply->repos, repo);
	}
}

static const char *property(const StatusReply *reply, const char *name)
{
	const char *value = NULL;

	g_variant_lookup(reply->properties, name, "&s", &value);
	return value;
}

static const Slot *find_booted(const StatusReply *reply)
{
	for (unsigned i = 0; i < reply->slots->len; i++) {
		if (reply->states[i].activity == SLOT_BOOTED)
			return reply->slots->pdata[i];
	}
	return NULL;
}

static ShowTrust make_trust(GVariant *facts)
{
	ShowTrust trust = { .is_known = facts != NULL, .words = "" };
	gboolean is_kept = FALSE;

	if (!facts)
		return trust;
	trust.epoch = count(facts, "security-epoch");
	g_variant_lookup(facts, "time-floor", "&s", &trust.floor);
	g_variant_lookup(facts, "time-floor-source", "&s", &trust.source);
	g_variant_lookup(facts, "time-floor-text", "&s", &trust.words);
	g_variant_lookup(facts, "demo-keys", "&s", &trust.demo);
	g_variant_lookup(facts, "kept", "b", &is_kept);
	trust.is_kept = is_kept;
	return trust;
}

StatusReply *status_reply_new(const StatusReplyParts *parts, const char *primary, GError **error)
{
	g_autoptr(StatusReply) reply = g_new0(StatusReply, 1);

	reply->properties = g_variant_ref(parts->properties);
	reply->trust = parts->trust ? g_variant_ref(parts->trust) : NULL;
	reply->slots = g_ptr_array_new_with_free_func((GDestroyNotify)slot_free);
	reply->statuses = g_ptr_array_new_with_free_func((GDestroyNotify)slot_status_free);
	reply->repos = g_ptr_array_new_with_free_func((GDestroyNotify)config_repo_free);
	if (!take_slots(reply, parts->slots, error))
		return NULL;
	take_repos(reply, parts->repos);
	reply->status = (ShowStatus){
		.compatible = property(reply, "Compatible"),
		.variant = property(reply, "Variant"),
		.version = property(reply, "SystemVersion"),
		.boot_slot = property(reply, "BootSlot"),
		.booted = find_booted(reply),
		.primary = primary ? slot_find(reply->slots, primary) : NULL,
		.slots = reply->shown,
		.n_slots = reply->slots->len,
		.repos = reply->repos,
		.trust = make_trust(reply->trust),
	};
	return g_steal_pointer(&reply);
}

/* Older services know no artifacts, and those of others nothing of trust. */
static GVariant *ask(Client *client, const char *method, const char *type)
{
	g_autoptr(GVariant) reply = client_call(client, method, NULL, type, NULL);

	return reply ? g_variant_get_child_value(reply, 0) : NULL;
}

static char *ask_primary(Client *client)
{
	g_autoptr(GError) reason = NULL;
	g_autoptr(GVariant) reply = client_call(client, "GetPrimary", NULL, "(s)", &reason);
	char *primary = NULL;

	if (reply)
		g_variant_get(reply, "(s)", &primary);
	else
		g_warning("%s", reason->message);
	return primary;
}

static void take_note(KeyringHealth *health, GVariant *facts)
{
	g_autofree char *level = take(facts, "level");
	g_autofree char *code = take(facts, "code");
	g_autofree char *text = take(facts, "text");
	gint64 at = 0;

	g_variant_lookup(facts, "at", "x", &at);
	keyring_health_add(health, keyring_health_level(level), code, text, at);
}

void status_reply_set_keyring(StatusReply *reply, GVariant *facts)
{
	g_autofree char *state = take(facts, "state");
	g_autofree char *action = take(facts, "action");
	g_autoptr(GVariant) notes =
		g_variant_lookup_value(facts, "notes", G_VARIANT_TYPE("aa{sv}"));
	gint64 until = 0;

	if (!state)
		return;
	g_variant_lookup(facts, "until", "x", &until);
	g_clear_pointer(&reply->keyring, keyring_health_free);
	reply->keyring = keyring_health_new(keyring_health_level(state), action, until, 0);
	for (size_t i = 0; notes && i < g_variant_n_children(notes); i++) {
		g_autoptr(GVariant) note = g_variant_get_child_value(notes, i);

		take_note(reply->keyring, note);
	}
	reply->status.keyring = reply->keyring;
}

/* RAUC's service does not know. */
static void ask_keyring(Client *client, StatusReply *reply)
{
	g_autoptr(GVariant) answer = client_call(client, "GetKeyringStatus", NULL, "(a{sv})", NULL);
	g_autoptr(GVariant) facts = answer ? g_variant_get_child_value(answer, 0) : NULL;

	if (facts)
		status_reply_set_keyring(reply, facts);
}

StatusReply *status_reply_fetch(Client *client, GError **error)
{
	ERROR_WHILE(error, "Error retrieving slot status via D-Bus");
	g_autofree char *primary = ask_primary(client);
	g_autoptr(GVariant) properties = client_properties(client, error);
	g_autoptr(GVariant) answer =
		properties ? client_call(client, "GetSlotStatus", NULL, "(a(sa{sv}))", error)
			   : NULL;

	if (!answer)
		return NULL;
	g_autoptr(GVariant) slots = g_variant_get_child_value(answer, 0);
	g_autoptr(GVariant) repos = ask(client, "GetArtifactStatus", "(aa{sv})");
	g_autoptr(GVariant) trust = ask(client, "GetTrustStatus", "(a{sv})");
	StatusReplyParts parts = { properties, slots, repos, trust };
	StatusReply *reply = status_reply_new(&parts, primary, error);
	if (reply)
		ask_keyring(client, reply);
	return reply;
}

void status_reply_free(StatusReply *reply)
{
	for (unsigned i = 0; reply->states && i < reply->slots->len; i++)
		g_free(reply->states[i].mount_point);
	g_ptr_array_unref(reply->slots);
	g_ptr_array_unref(reply->statuses);
	g_ptr_array_unref(reply->repos);
	g_clear_pointer(&reply->keyring, keyring_health_free);
	g_variant_unref(reply->properties);
	g_clear_pointer(&reply->trust, g_variant_unref);
	g_free(reply->states);
	g_free(reply->shown);
	g_free(reply);
}

const ShowStatus *status_reply_shown(const StatusReply *reply)
{
	return &reply->status;
}
