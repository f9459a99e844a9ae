/* SPDX-License-Identifier: MIT */

#include "system/trust.h"

#include "base/error.h"
#include "model/epoch.h"
#include "system/clock.h"

enum {
	DAY = 24 * 60 * 60,
	/* How far behind the build of its image a signing time may lie where no clock confirms it. */
	LATE_SIGNING = 366 * DAY,
	/* Raising the floor is a write: not each time the clock goes on. */
	SYNC_STEP = 7 * DAY,
};

/* The keyring. */

static KeyringRules rules_of(const ConfigKeyring *config, bool no_check_time)
{
	return (KeyringRules){
		.path = config->path,
		.directory = config->directory,
		.check_crl = config->check_crl,
		.allow_partial_chain = config->allow_partial_chain,
		.use_bundle_signing_time = config->use_bundle_signing_time,
		.no_check_time = no_check_time,
		.check_purpose = config->check_purpose,
		.allowed_signer_cns = (const char *const *)config->allowed_signer_cns,
		.refuse_demo = !config->allow_demo_keys,
	};
}

Keyring *trust_load(const ConfigKeyring *config, bool no_check_time, GError **error)
{
	KeyringRules rules = rules_of(config, no_check_time);

	return keyring_load(&rules, error);
}

EnvelopeKey trust_decryption(const Config *config)
{
	const char *passphrase = g_getenv("RAUC_KEY_PASSPHRASE");

	return (EnvelopeKey){
		.key_path = config->encryption_key,
		.cert_path = config->encryption_cert,
		.passphrase = passphrase && *passphrase ? passphrase : NULL,
	};
}

static BundleFile *open_remote(const Config *config, const char *url, const StreamAccess *access,
                               GError **error)
{
	g_autoptr(Source) source = stream_open(config, access, url, error);

	return source ? bundle_file_open_source(source, url, config->max_bundle_signature_size,
	                                        error)
	              : NULL;
}

BundleFile *trust_find_file(const Config *config, const char *location, const StreamAccess *access,
                            GError **error)
{
	return stream_is_url(location)
	               ? open_remote(config, location, access, error)
	               : bundle_file_open(location, config->max_bundle_signature_size, error);
}

BundleFile *trust_open_file(const Config *config, const char *location, const StreamAccess *access,
                            GError **error)
{
	EnvelopeKey key = trust_decryption(config);
	g_autoptr(BundleFile) file = trust_find_file(config, location, access, error);

	return file && bundle_file_decrypt(file, &key, error) ? g_steal_pointer(&file) : NULL;
}

char *trust_find_demo(const ConfigKeyring *config)
{
	KeyringRules rules = rules_of(config, false);

	rules.refuse_demo = false;
	rules.keep_quiet = true;
	g_autoptr(Keyring) keyring = keyring_load(&rules, NULL);
	return keyring ? g_strdup(keyring_demo(keyring)) : NULL;
}

char *trust_time_describe(const TrustTime *time)
{
	return time->detail ? g_strdup_printf("%s, %s", time->words, time->detail)
	                    : g_strdup(time->words);
}

/* Why certificates are checked for that time, as part of a sentence. */
static char *reason_of(const TrustTime *time)
{
	g_autofree char *clock = clock_format(time->clock);
	g_autofree char *floor = clock_format(time->floor);
	g_autofree char *from = trust_time_describe(time);

	if (time->floor > time->clock)
		return g_strdup_printf("the clock says %s, using %s from %s", clock, floor, from);
	if (!time->floor)
		return g_strdup("the clock says so; if it is wrong, set it");
	return g_strdup_printf("the clock says so; if it is wrong, set it: otherwise the latest "
	                       "time known is %s from %s",
	                       floor, from);
}

Keyring *trust_load_here(System *system, GError **error)
{
	const ConfigKeyring *config = &system_config(system)->keyring;
	KeyringRules rules = rules_of(config, false);
	TrustTime time = trust_facts(system).time;
	g_autofree char *reason = reason_of(&time);

	rules.check_reason = reason;
	if (time.floor > time.clock) {
		rules.check_time = time.floor;
		if (!config->use_bundle_signing_time)
			g_warning("%s", reason);
	}
	return keyring_load(&rules, error);
}

/* What is known. */

static const SlotStatus *booted_status(System *system)
{
	const Slot *booted = system_booted(system);
	const SlotStatus *status = booted ? system_status(system, booted) : NULL;

	return status && g_strcmp0(status->status, "ok") == 0 ? status : NULL;
}

/* What no floor may pass: one day before the chain that vouched for the running system ends, while
 * those who signed it are still valid. 0: nobody knows. */
static int64_t ceiling_of(const SlotStatus *status)
{
	int64_t until = status ? clock_parse(status->bundle_signed_until) : 0;

	return until > DAY ? until - DAY : 0;
}

/* An image was not built after those who signed it ceased to be valid, whatever its files say. */
static int64_t build_time(const SlotStatus *status, const char **detail)
{
	int64_t ceiling = ceiling_of(status);
	int64_t build = clock_build_time(detail);

	return ceiling ? MIN(build, ceiling) : build;
}

static TrustTime time_of(System *system, const TrustState *state)
{
	static const char *const words[] = {
		[TRUST_STATE_UNKNOWN] = "nowhere",
		[TRUST_STATE_BUILD] = "the build time of an image that was marked good",
		[TRUST_STATE_SIGNING] = "the signing time of a bundle that was marked good",
		[TRUST_STATE_SYNC] = "the clock when it was synchronised",
	};
	TrustTime time = {
		.clock = clock_now(),
		.floor = state->time_floor,
		.source = state->time_source,
		.words = words[state->time_source],
	};
	const char *detail;
	int64_t build = build_time(booted_status(system), &detail);

	if (build > time.floor) {
		time.floor = build;
		time.source = TRUST_STATE_BUILD;
		time.words = "the build time of the image";
		time.detail = detail;
	}
	return time;
}

TrustFacts trust_facts(System *system)
{
	TrustStateFound found = trust_state_load(system_config(system)->data_directory);
	const SlotStatus *status = booted_status(system);
	TrustFacts facts = {
		.time = time_of(system, &found.state),
		.epoch = found.state.security_epoch,
		.kind = found.kind,
	};

	/* Without a memory of its own the device is where the running system is. */
	if (found.kind != TRUST_STATE_KEPT && status)
		facts.epoch = status->bundle_epoch;
	return facts;
}

void trust_tell(System *system)
{
	const Config *config = system_config(system);
	TrustFacts facts = trust_facts(system);
	g_autofree char *demo = trust_find_demo(&config->keyring);
	g_autofree char *reason = reason_of(&facts.time);

	trust_state_examine(config->data_directory);
	if (facts.kind == TRUST_STATE_NONE)
		g_message(
			"without a data-directory no trust state is kept: time and security epoch "
			"(%u) are those of the running system",
			facts.epoch);
	if (facts.kind == TRUST_STATE_NEW)
		g_message("no trust state in %s yet: it begins when the booted slot is marked good",
		          config->data_directory);
	if (facts.time.floor > facts.time.clock)
		g_warning("%s", reason);
	if (demo)
		g_warning("%s: NOT FOR PRODUCTION, anyone can sign for this device%s", demo,
		          config->keyring.allow_demo_keys ? "" : "; bundles are refused");
}

void trust_mend(System *system)
{
	const char *folder = system_config(system)->data_directory;
	TrustStateFound found = trust_state_examine(folder);
	g_autoptr(GError) error = NULL;

	if (found.kind == TRUST_STATE_KEPT && !found.is_whole &&
	    !trust_state_save(folder, &found, &error))
		g_warning("%s", error->message);
}

/* Whatever --ignore-compatible says, and whatever the bundle's own check would: a permission to go
 * back is for one kind of device, from one epoch, and for some time. */
static bool check_permission(System *system, const TrustFacts *facts, const Manifest *manifest,
                             const Epoch *epoch, GError **error)
{
	const char *compatible = system_config(system)->compatible;

	if (g_strcmp0(compatible, manifest->compatible) != 0)
		return fail(error, FAILURE_VERSION,
		            "Security epoch too low: the bundle has %u, this device is at %u; the "
		            "permission to go back in its manifest is for '%s', this is '%s'",
		            epoch->number, facts->epoch, manifest->compatible, compatible);
	if (MAX(facts->time.clock, facts->time.floor) > epoch->until) {
		g_autofree char *until = clock_format(epoch->until);

		return fail(error, FAILURE_VERSION,
		            "Security epoch too low: the bundle has %u, this device is at %u; the "
		            "permission to go back in its manifest ended at %s",
		            epoch->number, facts->epoch, until);
	}
	return true;
}

bool trust_check_epoch(System *system, const Manifest *manifest, GError **error)
{
	TrustFacts facts = trust_facts(system);
	Epoch epoch;

	if (!epoch_parse(manifest, &epoch, error))
		return false;
	if (epoch.number >= facts.epoch)
		return true;
	if (epoch_permits(&epoch, facts.epoch))
		return check_permission(system, &facts, manifest, &epoch, error);
	return fail(
		error, FAILURE_VERSION,
		"Security epoch too low: the bundle has %u, this device is at %u: take a bundle "
		"with security-epoch=%u or higher, or one whose signed manifest permits to go "
		"back (security-epoch-downgrade-from=%u)",
		epoch.number, facts.epoch, facts.epoch, facts.epoch);
}

/* What is learned. */

void trust_note_bundle(System *system, SlotStatus *status, const Manifest *manifest,
                       const Signers *signers)
{
	int64_t time = signers_time(signers), until = signers_until(signers);
	uint32_t current = trust_facts(system).epoch;
	Epoch epoch;

	if (!epoch_parse(manifest, &epoch, NULL)) /* was checked with the manifest */
		return;
	status->bundle_epoch = epoch.number;
	status->bundle_epoch_from = epoch_permits(&epoch, current) ? current : 0;
	g_free(status->bundle_signing_time);
	status->bundle_signing_time = time > 0 ? clock_format(time) : NULL;
	g_free(status->bundle_signed_until);
	status->bundle_signed_until = until > 0 ? clock_format(until) : NULL;
}

/* A signing time that cannot be true is not used at all. */
static bool is_credible(int64_t signing, int64_t ceiling, int64_t build, int64_t now, bool is_sync)
{
	if (signing <= 0 || signing > ceiling)
		return false;
	return is_sync ? signing <= now : signing - LATE_SIGNING <= build;
}

/* The kernel's word, up to the ceiling. */
static bool learn_sync(TrustState *state, const SlotStatus *status)
{
	int64_t now = MIN(clock_now(), ceiling_of(status));

	return now >= state->time_floor + SYNC_STEP && clock_is_synchronised() &&
	       trust_state_raise_time(state, now, TRUST_STATE_SYNC);
}

/* Without a ceiling nothing is learned: what was believed once must not keep out everybody who is
 * valid today, and there is no way down again. */
static bool learn_time(TrustState *state, const SlotStatus *status)
{
	const char *detail;
	int64_t ceiling = ceiling_of(status);
	int64_t signing = status ? clock_parse(status->bundle_signing_time) : 0;
	int64_t build = build_time(status, &detail), now = clock_now();
	bool is_sync = clock_is_synchronised();

	if (!ceiling)
		return false;

	bool is_new = trust_state_raise_time(state, build, TRUST_STATE_BUILD);
	if (is_credible(signing, ceiling, build, now, is_sync))
		is_new |= trust_state_raise_time(state, signing, TRUST_STATE_SIGNING);
	return learn_sync(state, status) || is_new;
}

static bool learn_epoch(TrustState *state, const SlotStatus *status)
{
	uint32_t before = state->security_epoch;

	if (status && status->bundle_epoch_from && status->bundle_epoch_from == before) {
		state->security_epoch = status->bundle_epoch;
		g_warning("the security epoch of this device goes back from %u to %u, as the "
		          "signed manifest permits",
		          before, state->security_epoch);
		return true;
	}
	if (!status || !trust_state_raise_epoch(state, status->bundle_epoch))
		return false;
	g_message("the security epoch of this device is %u now, it was %u", state->security_epoch,
	          before);
	return true;
}

/* A permission is for once, used or not. After the state, so that it is not lost unused. */
static void spend_permission(System *system, const Slot *slot)
{
	g_autoptr(SlotStatus) status = slot_status_copy(system_status(system, slot));
	g_autoptr(GError) error = NULL;

	status->bundle_epoch_from = 0;
	if (!system_save_status(system, slot, status, &error))
		g_warning("%s", error->message);
}

/* False: it could not be saved, and is tried again when the slot is next marked good. */
static bool learn(const char *folder, const SlotStatus *status)
{
	TrustStateFound found = trust_state_examine(folder);
	g_autoptr(GError) error = NULL;

	if (found.kind == TRUST_STATE_NONE)
		return true;
	bool is_new = learn_time(&found.state, status);
	is_new |= learn_epoch(&found.state, status);
	if ((!is_new && found.is_whole) || trust_state_save(folder, &found, &error))
		return true;
	g_warning("%s: it is tried again when the slot is next marked good", error->message);
	return false;
}

void trust_note_sync(System *system)
{
	const char *folder = system_config(system)->data_directory;
	TrustStateFound found = trust_state_load(folder);
	g_autoptr(GError) error = NULL;

	/* A state that is not there yet begins with a slot that is good. */
	if (found.kind == TRUST_STATE_KEPT && learn_sync(&found.state, booted_status(system)) &&
	    !trust_state_save(folder, &found, &error))
		g_warning("%s", error->message);
}

void trust_note_good(System *system, const Slot *slot)
{
	if (slot != system_booted(system))
		return;
	const SlotStatus *status = booted_status(system);
	if (learn(system_config(system)->data_directory, status) && status &&
	    status->bundle_epoch_from)
		spend_permission(system, slot);
}

KeyringContent *trust_load_content(const ConfigKeyring *config, GError **error)
{
	KeyringRules rules = { .path = config->path, .directory = config->directory };

	return keyring_content_load(&rules, error);
}

int64_t trust_now(System *system)
{
	TrustTime time = trust_facts(system).time;

	return MAX(time.clock, time.floor);
}

KeyringHealth *trust_health(const ConfigKeyring *config, int64_t now)
{
	g_autoptr(GError) error = NULL;

	if (!config->path && !config->directory)
		return NULL;
	g_autoptr(KeyringContent) content = trust_load_content(config, &error);
	return content ? keyring_health_judge(content, config, now)
	               : keyring_health_unreadable(error->message, now);
}
