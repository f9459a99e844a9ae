/* SPDX-License-Identifier: MIT */

#include "install/update.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "model/window.h"
#include "system/trust.h"

enum { SMALL_FILE = 4096 };

void update_clear(Update *update)
{
	decision_clear(&update->decision);
	stream_answer_clear(&update->answer);
}

/* --- This device -------------------------------------------------------------- */

static const SlotStatus *running_status(System *system)
{
	const Slot *booted = system_booted(system);

	return booted ? system_status(system, booted) : NULL;
}

static const char *running_hash(System *system)
{
	const SlotStatus *status = running_status(system);

	return status ? status->bundle_hash : NULL;
}

/* One value of a file of os-release's kind. */
static char *find_value(const char *path, const char *key)
{
	size_t size;
	g_autofree char *text = file_read(path, SMALL_FILE, &size, NULL);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
	size_t length = strlen(key);

	for (char **line = lines; line && *line; line++) {
		if (g_str_has_prefix(*line, key) && (*line)[length] == '=')
			return g_shell_unquote(*line + length + 1, NULL);
	}
	return NULL;
}

static char *image_file(const char *path)
{
	const char *root = g_getenv("RAUC_TEST_IMAGE_ROOT");

	return g_strconcat(root ? root : "", path, NULL);
}

static char *image_version(void)
{
	static const char *const places[] = { "/etc/os-release", "/usr/lib/os-release" };

	for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
		g_autofree char *path = image_file(places[i]);
		char *version = find_value(path, "IMAGE_VERSION");

		if (version && *version)
			return version;
		g_free(version);
	}
	return NULL;
}

char *update_running_version(System *system)
{
	const char *said = system_version(system);
	const SlotStatus *status = running_status(system);

	if (said)
		return g_strdup(said);
	return status && status->bundle_version ? g_strdup(status->bundle_version)
	                                        : image_version();
}

/* Who this is, in the roll-out. */
static char *device_id(System *system)
{
	const char *serial = info_get(system_info(system), "RAUC_SYSTEM_SERIAL");
	g_autofree char *path = image_file("/etc/machine-id");
	size_t size;

	if (serial && *serial)
		return g_strdup(serial);
	char *id = file_read(path, SMALL_FILE, &size, NULL);
	return id ? g_strstrip(id) : g_strdup("");
}

static bool is_on_trial(System *system, const History *history)
{
	const Slot *booted = system_booted(system);
	const char *hash = running_hash(system);

	if (!booted)
		return false;
	system_refresh_boot(system);
	if (system_state(system, booted)->boot == SLOT_BOOT_BAD)
		return true;
	/* Boot loaders that count say good of what has attempts left; without one nobody marks anything. */
	return system_config(system)->bootloader != BOOTLOADER_NOOP && history->tried_hash &&
	       history->is_installed && g_strcmp0(hash, history->tried_hash) == 0 &&
	       !history_is_good();
}

/* A bundle of ours that is there whole: the root of a slot group, activated after it was written. */
static bool has_bundle(const SlotStatus *status, const char *hash)
{
	return g_strcmp0(status->bundle_hash, hash) == 0 && g_strcmp0(status->status, "ok") == 0 &&
	       status->activated_timestamp && status->installed_timestamp &&
	       strcmp(status->activated_timestamp, status->installed_timestamp) >= 0;
}

static const Slot *find_slot_with(System *system, const char *hash)
{
	const GPtrArray *slots = system_config(system)->slots;

	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];

		if (slot->boot_name && slot != system_booted(system) &&
		    has_bundle(system_status(system, slot), hash))
			return slot;
	}
	return NULL;
}

/* Something else was installed over it since: it never had its chance. */
static bool is_overwritten(System *system, const History *history)
{
	const Slot *slot = history->tried_slot
	                           ? slot_find(system_config(system)->slots, history->tried_slot)
	                           : NULL;
	const char *hash = slot ? system_status(system, slot)->bundle_hash : NULL;

	return hash && !g_str_equal(hash, history->tried_hash);
}

static DecisionPlace find_place(System *system, const History *history)
{
	bool is_ours = g_strcmp0(history->tried_hash, history->hash) == 0;

	if (is_ours && !history->is_installed)
		return DECISION_NOWHERE; /* whatever of it is there */
	if (is_ours && update_may_reboot(history))
		return is_overwritten(system, history) ? DECISION_NOWHERE : DECISION_BOOTS_NEXT;

	const Slot *slot = find_slot_with(system, history->hash);
	if (!slot)
		return DECISION_NOWHERE;
	return boot_get_primary(system_boot(system), NULL) == slot ? DECISION_BOOTS_NEXT
	                                                           : DECISION_ELSEWHERE;
}

const char *update_find_inhibitor(const char *const *files)
{
	for (; files && *files; files++) {
		if (g_file_test(*files, G_FILE_TEST_EXISTS))
			return *files;
	}
	return NULL;
}

/* --- The past ----------------------------------------------------------------- */

static void forget_try(History *history)
{
	g_clear_pointer(&history->tried_hash, g_free);
	g_clear_pointer(&history->tried_version, g_free);
	g_clear_pointer(&history->tried_boot, g_free);
	g_clear_pointer(&history->tried_slot, g_free);
	history->is_installed = false;
	history->n_refused = 0;
}

bool update_may_reboot(const History *history)
{
	g_autofree char *boot = history_boot_id();

	return history->is_installed && g_strcmp0(history->tried_boot, boot) == 0;
}

static void note_slot(System *system, History *history)
{
	const Slot *slot = find_slot_with(system, history->tried_hash);

	if (!slot)
		return;
	g_free(history->tried_slot);
	history->tried_slot = g_strdup(slot->name);
}

void update_learn(System *system, History *history)
{
	const char *hash = running_hash(system);

	if (!history->tried_hash || !history->is_installed)
		return;
	if (update_may_reboot(history)) {
		note_slot(system, history);
		return;
	}
	if (!system_booted(system) || !system_config(system)->activate_installed)
		return;
	if (g_strcmp0(hash, history->tried_hash) == 0) {
		if (!history_is_good())
			return;
		history_forgive(history, history->tried_hash);
	} else if (!is_overwritten(system, history)) {
		g_warning(
			"the bundle %s (%s) was installed and did not boot: it is not tried again",
			history->tried_version ? history->tried_version : "of no version",
			history->tried_hash);
		history_reject(history, history->tried_hash);
	}
	forget_try(history);
}

void update_begin(History *history)
{
	if (g_strcmp0(history->tried_hash, history->hash) != 0) {
		forget_try(history);
		history->tried_hash = g_strdup(history->hash);
		history->tried_version = g_strdup(history->version);
	}
	history->is_installed = false;
	g_free(history->tried_boot);
	history->tried_boot = history_boot_id();
}

void update_end(History *history, const char *failure)
{
	Failure why;

	history->is_installed = !failure;
	if (!failure) {
		history->n_refused = 0;
		history_forgive(history, history->tried_hash);
	} else if (!failure_by_name(failure, &why) || !failure_can_retry(why)) {
		history->n_refused += history->n_refused < G_MAXINT;
	}
}

bool update_can_retry(const GError *error)
{
	return g_error_matches(error, FAILURE, FAILURE_NETWORK) ||
	       g_error_matches(error, FAILURE, FAILURE_NOT_FOUND) ||
	       g_error_matches(error, FAILURE, FAILURE_BUSY);
}

void update_note_error(History *history, int64_t now, uint32_t random)
{
	history->n_errors += history->n_errors < G_MAXINT;
	history->retry_at = now + decision_pause(history->n_errors, random);
}

unsigned update_pause(const History *history, int64_t now)
{
	int64_t left = history->n_errors ? history->retry_at - now : 0;

	return left > 0 && left <= DECISION_LONGEST_PAUSE ? (unsigned)left : 0;
}

/* --- The server --------------------------------------------------------------- */

static void take_bytes(void *user, const RemoteStats *stats)
{
	((Update *)user)->bytes = stats->bytes;
}

static void take_offer(History *history, const UpdateRequest *request, const StreamAnswer *answer,
                       const Bundle *bundle)
{
	const Manifest *manifest = bundle_manifest(bundle);

	history_forget_offer(history);
	history->url = g_strdup(request->url);
	history->etag = answer->etag && *answer->etag ? g_strdup(answer->etag) : NULL;
	history->hash = g_strdup(bundle_manifest_hash(bundle));
	history->version = g_strdup(manifest->version);
	history->compatible = g_strdup(manifest->compatible);
	history->size = answer->size;
}

static Bundle *open_offer(System *system, const UpdateRequest *request, const StreamAccess *access,
                          GError **error)
{
	const Config *config = system_config(system);
	g_autoptr(Keyring) keyring = trust_load_here(system, error);
	BundleFile *file = keyring ? trust_open_file(config, request->url, access, error) : NULL;
	BundleRules rules = { .keyring = keyring, .formats = config->bundle_formats };

	return file ? bundle_verify(file, &rules, error) : NULL;
}

/* What the server has now; the history knows what it had. */
static bool ask(System *system, History *history, const UpdateRequest *request, Update *update,
                GError **error)
{
	bool is_known = history->hash && g_strcmp0(history->url, request->url) == 0;
	StreamAccess access = request->access;
	g_autoptr(GError) reason = NULL;

	access.system = system;
	access.etag = is_known ? history->etag : NULL;
	access.answer = &update->answer;
	access.fetched = take_bytes;
	access.user = update;
	g_autoptr(Bundle) bundle = open_offer(system, request, &access, &reason);
	if (bundle) {
		take_offer(history, request, &update->answer, bundle);
		if (request->seen)
			request->seen(request->user, bundle);
		return true;
	}
	if (update->answer.http == STREAM_NOT_MODIFIED && access.etag)
		return true;
	if (update->answer.http == STREAM_NO_CONTENT) {
		history_forget_offer(history);
		return true;
	}
	g_propagate_error(error, g_steal_pointer(&reason));
	return false;
}

/* --- Both --------------------------------------------------------------------- */

static bool decide(System *system, const History *history, const UpdateRequest *request,
                   Update *update, GError **error)
{
	const Config *config = system_config(system);
	const ConfigUpdate *rules = &config->update;
	g_autofree char *version = request->system_version ? g_strdup(request->system_version)
	                                                   : update_running_version(system);
	g_autofree char *device = device_id(system);
	const char *inhibitor = update_find_inhibitor((const char *const *)rules->inhibit_files);
	DecisionFacts facts = {
		.hash = history->hash,
		.version = history->version,
		.compatible = history->compatible,
		.device_compatible = config->compatible,
		.running_hash = running_hash(system),
		.running_version = version,
		.criteria = request->criteria,
		.install_criteria = request->install_criteria,
		.inhibited_by =
			inhibitor ? inhibitor : update_find_inhibitor(request->inhibit_files),
		.n_refused =
			g_strcmp0(history->tried_hash, history->hash) == 0 ? history->n_refused : 0,
		.rollout_percent = (unsigned)rules->rollout_percent,
		.window_wait = window_wait((const char *const *)rules->window, request->moment),
		.is_forced = request->is_forced,
	};

	if (facts.hash) {
		facts.place = find_place(system, history);
		facts.is_rejected = history_is_rejected(history, facts.hash);
		facts.share = decision_share(device, facts.version ? facts.version : facts.hash);
		facts.is_on_trial = is_on_trial(system, history);
	}
	return decision_make(&facts, &update->decision, error);
}

bool update_check(System *system, History *history, const UpdateRequest *request, Update *update,
                  GError **error)
{
	*update = (Update){ 0 };
	system_refresh_status(system);
	update_learn(system, history);
	if (!ask(system, history, request, update, error) ||
	    !decide(system, history, request, update, error))
		return false;
	history->n_errors = 0;
	history->retry_at = 0;
	return true;
}
