/* SPDX-License-Identifier: MIT */

#include "system/trust.h"

#include <string.h>
#include <utime.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/maker.h"
#include "system/clock.h"
#include "system/device.h"

#define DAY ((int64_t)24 * 60 * 60)

enum { NEVER = -100000 };

static unsigned n_warnings;

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields G_GNUC_UNUSED,
                                       gsize n_fields G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED)
{
	n_warnings += level & G_LOG_LEVEL_WARNING ? 1 : 0;
	return G_LOG_WRITER_HANDLED;
}

static void test_load(void)
{
	g_autoptr(Maker) maker = maker_new();
	ConfigKeyring none = { 0 };
	ConfigKeyring good = { .path = maker->cert };
	ConfigKeyring missing = { .path = (char *)"/nonexistent/keyring.pem" };
	g_autoptr(GError) error = NULL, other = NULL;
	g_autoptr(Keyring) keyring = trust_load(&good, false, NULL);

	g_assert_nonnull(keyring);
	g_assert_null(trust_load(&none, false, &error));
	g_assert_cmpstr(error->message, ==, "No keyring file or directory provided");
	g_assert_null(trust_load(&missing, false, &other));
	g_assert_nonnull(g_strstr_len(other->message, -1, "/nonexistent/keyring.pem"));
}

static void test_demo(void)
{
	ConfigKeyring demo = { .path = (char *)"pki/demo/demo-ca.cert.pem" };
	ConfigKeyring missing = { .path = (char *)"/nonexistent/keyring.pem" };
	g_autoptr(GError) error = NULL;

	n_warnings = 0;
	g_assert_null(trust_load(&demo, false, &error));
	g_assert_true(g_error_matches(error, FAILURE, FAILURE_CONFIG));
	g_assert_nonnull(strstr(error->message, "allow-demo-keys=true"));
	g_autofree char *found = trust_find_demo(&demo);
	g_assert_true(g_str_has_prefix(
		found, "keyring pki/demo/demo-ca.cert.pem contains the public demo CA '"));
	g_assert_null(trust_find_demo(&missing));
	g_assert_cmpuint(n_warnings, ==, 0);

	demo.allow_demo_keys = true;
	g_autoptr(Keyring) keyring = trust_load(&demo, false, NULL);
	g_assert_nonnull(keyring);
	g_assert_cmpuint(n_warnings, ==, 1);
}

/* The image says when it was built; days from now. */
static void built(const Device *device, int days)
{
	g_autofree char *folder = g_build_filename(device->folder, "usr/lib", NULL);
	g_autofree char *path = g_build_filename(folder, "os-release", NULL);
	struct utimbuf times;

	if (days == NEVER)
		return;
	times.actime = times.modtime = clock_now() + days * DAY;
	g_assert_true(file_make_folders(folder, 0755, NULL));
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
	g_assert_cmpint(utime(path, &times), ==, 0);
}

static char *days_from_now(int days)
{
	return days == NEVER ? NULL : clock_format(clock_now() + days * DAY);
}

static char *data_folder(const Device *device)
{
	return g_build_filename(device->folder, "data", NULL);
}

static void keep(const Device *device, TrustState state)
{
	g_autofree char *folder = data_folder(device);
	TrustStateFound found = { .kind = TRUST_STATE_KEPT, .state = state };

	g_assert_true(trust_state_save(folder, &found, NULL));
}

static TrustStateFound kept(const Device *device)
{
	g_autofree char *folder = data_folder(device);

	return trust_state_load(folder);
}

static const Slot *slot_of(System *system, unsigned i)
{
	return system_config(system)->slots->pdata[i];
}

/* Days from now. What the floor is after the booted slot was marked good. */
static const struct {
	int build, signing, until;
	bool is_sync;
	int before, after;
	TrustStateSource source;
} times[] = {
	/* nothing is known, nothing is learned */
	{ NEVER, NEVER, NEVER, false, NEVER, NEVER, TRUST_STATE_UNKNOWN },
	{ -30, -20, NEVER, true, NEVER, NEVER, TRUST_STATE_UNKNOWN },
	/* the ordinary case: signed after the build, marked good later */
	{ -30, -29, 3000, false, NEVER, -29, TRUST_STATE_SIGNING },
	{ -30, NEVER, 3000, false, NEVER, -30, TRUST_STATE_BUILD },
	{ -30, -29, 3000, true, NEVER, 0, TRUST_STATE_SYNC },
	/* never back */
	{ -30, -29, 3000, false, -10, -10, TRUST_STATE_UNKNOWN },
	{ -30, -29, 3000, true, -10, 0, TRUST_STATE_SYNC },
	/* a synchronised clock is not written down each time */
	{ -30, -29, 3000, true, -6, -6, TRUST_STATE_UNKNOWN },
	{ -30, -29, 3000, true, -8, 0, TRUST_STATE_SYNC },
	/* a signer whose clock is wrong, or who lies: the clock knows better */
	{ -30, 2, 3000, true, -3, -3, TRUST_STATE_UNKNOWN },
	{ -30, 26000, 30000, true, -3, -3, TRUST_STATE_UNKNOWN },
	/* nobody knows better: a year behind the build, and no more */
	{ -30, 26000, 30000, false, NEVER, -30, TRUST_STATE_BUILD },
	{ -30, 335, 3000, false, NEVER, 335, TRUST_STATE_SIGNING },
	{ -30, 337, 3000, false, NEVER, -30, TRUST_STATE_BUILD },
	/* without a build time not even that */
	{ NEVER, 1, 3000, false, NEVER, NEVER, TRUST_STATE_UNKNOWN },
	/* behind the end of his own chain: a lie */
	{ -30, 20, 10, false, NEVER, -30, TRUST_STATE_BUILD },
	/* an image from the future, a server of time that lies: up to the end of the chain */
	{ 26000, NEVER, 3000, false, NEVER, 2999, TRUST_STATE_BUILD },
	{ -30, -29, -2, true, NEVER, -3, TRUST_STATE_SYNC },
};

static void assert_days(int64_t time, int days)
{
	if (days == NEVER)
		g_assert_cmpint(time, ==, 0);
	else
		g_assert_cmpint(ABS(time - (clock_now() + days * DAY)), <, 60);
}

static void test_times(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(times); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
		g_autoptr(SlotStatus) status = slot_status_new();

		g_test_message("row %u", i);
		g_setenv("RAUC_TEST_CLOCK_SYNCHRONISED", times[i].is_sync ? "yes" : "no", TRUE);
		built(device, times[i].build);
		if (times[i].before != NEVER)
			keep(device,
			     (TrustState){ .time_floor = clock_now() + times[i].before * DAY });
		status->status = g_strdup("ok");
		status->bundle_signing_time = days_from_now(times[i].signing);
		status->bundle_signed_until = days_from_now(times[i].until);
		g_assert_true(system_save_status(system, slot_of(system, 0), status, NULL));
		trust_note_good(system, slot_of(system, 0));

		TrustStateFound found = kept(device);
		g_assert_cmpint(found.kind, ==, TRUST_STATE_KEPT);
		assert_days(found.state.time_floor, times[i].after);
		g_assert_cmpint(found.state.time_source, ==, times[i].source);
		/* again: nothing new, nothing is written */
		trust_note_good(system, slot_of(system, 0));
		g_assert_cmpuint(kept(device).state.sequence, ==, found.state.sequence);
	}
}

/* After an installation, from the running system's ceiling; only where a state is kept. */
static const struct {
	int until, before, after;
	bool is_sync;
} syncs[] = {
	{ 3000, -30, 0, true },    { 3000, -30, -30, false }, { 3000, -6, -6, true },
	{ NEVER, -30, -30, true }, { -1, -30, -2, true },     { 3000, NEVER, NEVER, true },
};

static void test_sync(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(syncs); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
		g_autoptr(SlotStatus) status = slot_status_new();

		g_test_message("row %u", i);
		g_setenv("RAUC_TEST_CLOCK_SYNCHRONISED", syncs[i].is_sync ? "yes" : "no", TRUE);
		if (syncs[i].before != NEVER)
			keep(device,
			     (TrustState){ .time_floor = clock_now() + syncs[i].before * DAY,
			                   .security_epoch = 3 });
		status->status = g_strdup("ok");
		status->bundle_epoch = 9;
		status->bundle_signed_until = days_from_now(syncs[i].until);
		g_assert_true(system_save_status(system, slot_of(system, 0), status, NULL));
		trust_note_sync(system);
		assert_days(kept(device).state.time_floor, syncs[i].after);
		g_assert_cmpuint(kept(device).state.security_epoch, ==,
		                 syncs[i].before == NEVER ? 0 : 3);
	}
}

/* Before an installation: a copy is mended, a state that is lost or new is not invented. */
static void test_mend(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	g_autofree char *second = g_build_filename(device->folder, "data", "trust.2", NULL);
	g_autofree char *first = g_build_filename(device->folder, "data", "trust.1", NULL);

	n_warnings = 0;
	trust_mend(system);
	g_assert_cmpint(kept(device).kind, ==, TRUST_STATE_NEW);
	keep(device, (TrustState){ .security_epoch = 3 });
	trust_mend(system);
	g_assert_cmpuint(kept(device).state.sequence, ==, 1);
	g_assert_cmpuint(n_warnings, ==, 0);

	g_assert_true(g_file_set_contents(second, "x", 1, NULL));
	trust_mend(system);
	g_assert_cmpuint(n_warnings, ==, 1);
	g_assert_true(kept(device).is_whole);
	g_assert_cmpuint(kept(device).state.security_epoch, ==, 3);
	g_assert_true(g_file_set_contents(first, "x", 1, NULL));
	g_assert_true(g_file_set_contents(second, "x", 1, NULL));
	trust_mend(system);
	g_assert_cmpuint(n_warnings, ==, 2);
	g_assert_cmpint(kept(device).kind, ==, TRUST_STATE_LOST);
}

/* Which time counts now. */
static const struct {
	int build, until, kept;
	int floor;
	const char *words;
} floors[] = {
	{ NEVER, NEVER, NEVER, NEVER, "nowhere" },
	{ -9, NEVER, NEVER, -9, "the build time of the image" },
	{ -9, NEVER, -8, -8, "the clock when it was synchronised" },
	{ -9, NEVER, -10, -9, "the build time of the image" },
	{ 26000, NEVER, -10, 26000, "the build time of the image" },
	{ 26000, 100, -10, 99, "the build time of the image" },
};

static void test_floors(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(floors); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
		g_autoptr(SlotStatus) status = slot_status_new();

		g_test_message("row %u", i);
		built(device, floors[i].build);
		if (floors[i].kept != NEVER)
			keep(device, (TrustState){ .time_floor = clock_now() + floors[i].kept * DAY,
			                           .time_source = TRUST_STATE_SYNC });
		status->status = g_strdup("ok");
		status->bundle_signed_until = days_from_now(floors[i].until);
		g_assert_true(system_save_status(system, slot_of(system, 0), status, NULL));

		TrustFacts facts = trust_facts(system);
		assert_days(facts.time.floor, floors[i].floor);
		assert_days(facts.time.clock, 0);
		g_assert_cmpstr(facts.time.words, ==, floors[i].words);
	}
}

/* A floor above the clock counts, and is said; messages name both. */
static void test_keyring_here(void)
{
	g_autoptr(Maker) maker = maker_new();
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, maker->cert, NULL, NULL);

	n_warnings = 0;
	g_autoptr(Keyring) now = trust_load_here(system, NULL);
	g_assert_nonnull(now);
	g_assert_cmpuint(n_warnings, ==, 0);
	built(device, 10);
	g_autoptr(Keyring) later = trust_load_here(system, NULL);
	g_assert_nonnull(later);
	g_assert_cmpuint(n_warnings, ==, 1);
	trust_tell(system);
	g_assert_cmpuint(n_warnings, ==, 2);
}

/* The booted slot is rootfs.0. */
static const struct {
	uint32_t kept, booted, from; /* kept 0: no state yet */
	const char *status;
	unsigned marked;
	uint32_t facts_before, after;
	bool is_spent;
} epochs[] = {
	{ 0, 0, 0, "ok", 0, 0, 0, false },
	{ 0, 2, 0, "ok", 0, 2, 2, false },
	{ 1, 2, 0, "ok", 0, 1, 2, false },
	{ 3, 2, 0, "ok", 0, 3, 3, false },
	{ 1, 2, 0, "failed", 0, 1, 1, false },
	{ 1, 2, 0, NULL, 0, 1, 1, false },
	{ 0, 2, 0, "failed", 0, 0, 0, false },
	/* not the slot that runs */
	{ 1, 2, 0, "ok", 1, 1, 1, false },
	/* going back was permitted */
	{ 3, 1, 3, "ok", 0, 3, 1, true },
	{ 4, 1, 3, "ok", 0, 4, 4, true },
	{ 1, 1, 3, "ok", 0, 1, 1, true },
	{ 3, 1, 3, "ok", 1, 3, 3, false },
	{ 3, 1, 3, "failed", 0, 3, 3, false },
};

static void test_epochs(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(epochs); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
		g_autoptr(SlotStatus) status = slot_status_new();

		g_test_message("row %u", i);
		if (epochs[i].kept)
			keep(device, (TrustState){ .security_epoch = epochs[i].kept });
		status->status = g_strdup(epochs[i].status);
		status->bundle_epoch = epochs[i].booted;
		status->bundle_epoch_from = epochs[i].from;
		g_assert_true(system_save_status(system, slot_of(system, 0), status, NULL));

		g_assert_cmpuint(trust_facts(system).epoch, ==, epochs[i].facts_before);
		trust_note_good(system, slot_of(system, epochs[i].marked));
		g_assert_cmpuint(kept(device).state.security_epoch, ==, epochs[i].after);
		uint32_t from = system_status(system, slot_of(system, 0))->bundle_epoch_from;
		g_assert_cmpuint(from, ==, epochs[i].is_spent ? 0 : epochs[i].from);
	}
}

/* Nothing is kept: the running system's is the device's. */
static void test_without_folder(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_strdup_printf(
		"[system]\ncompatible=Test\nbootloader=grub\ngrubenv=grubenv\nstatusfile=status\n"
		"[slot.rootfs.0]\ndevice=slot-a\nbootname=A\n");
	g_autofree char *path = g_build_filename(device->folder, "system.conf", NULL);
	SystemOptions options = { config_parse(text, strlen(text), path, NULL, &error), NULL };

	g_assert_no_error(error);
	g_autoptr(System) system = system_open(&options, &error);
	g_assert_no_error(error);
	g_autoptr(SlotStatus) status = slot_status_new();
	status->status = g_strdup("ok");
	status->bundle_epoch = 2;
	g_assert_true(system_save_status(system, slot_of(system, 0), status, NULL));
	g_assert_cmpint(trust_facts(system).kind, ==, TRUST_STATE_NONE);
	g_assert_cmpuint(trust_facts(system).epoch, ==, 2);
	trust_note_good(system, slot_of(system, 0));
	g_autofree char *none = g_build_filename(device->folder, "trust.1", NULL);
	g_assert_false(g_file_test(none, G_FILE_TEST_EXISTS));
	trust_tell(system);
}

static const struct {
	const char *meta, *compatible;
	uint32_t device;
	uint32_t from;    /* what the slot remembers */
	const char *part; /* of the error; NULL: taken */
} checks[] = {
	{ "", "Test", 0, 0, NULL },
	{ "security-epoch=5\n", "Test", 0, 0, NULL },
	{ "security-epoch=5\n", "Test", 5, 0, NULL },
	{ "security-epoch=6\n", "Test", 5, 0, NULL },
	{ "security-epoch=6\n", "Other", 5, 0, NULL }, /* that is for others to say */
	{ "security-epoch=4\n", "Test", 5, 0,
	  "Security epoch too low: the bundle has 4, this device is at 5: take a bundle with "
	  "security-epoch=5 or higher" },
	{ "", "Test", 1, 0, "the bundle has 0, this device is at 1" },
	{ "security-epoch=4\nsecurity-epoch-downgrade-from=5\n"
	  "security-epoch-downgrade-until=2100-01-01\n",
	  "Test", 5, 5, NULL },
	{ "security-epoch=4\nsecurity-epoch-downgrade-from=5\n"
	  "security-epoch-downgrade-until=2100-01-01\n",
	  "Test", 4, 0, NULL },
	{ "security-epoch=4\nsecurity-epoch-downgrade-from=5\n"
	  "security-epoch-downgrade-until=2100-01-01\n",
	  "Test", 6, 0, "the bundle has 4, this device is at 6: take" },
	{ "security-epoch=4\nsecurity-epoch-downgrade-from=5\n"
	  "security-epoch-downgrade-until=2100-01-01\n",
	  "Other", 5, 0, "permission to go back in its manifest is for 'Other', this is 'Test'" },
	{ "security-epoch=4\nsecurity-epoch-downgrade-from=5\n"
	  "security-epoch-downgrade-until=2020-01-01\n",
	  "Test", 5, 0, "permission to go back in its manifest ended at 2020-01-01T23:59:59Z" },
};

static void test_checks(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(checks); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
		g_autofree char *text = g_strdup_printf(
			"[update]\ncompatible=%s\n\n[image.rootfs]\nfilename=a.img\n\n"
			"[meta.moonforge]\n%s",
			checks[i].compatible, checks[i].meta);
		g_autoptr(GError) error = NULL;
		g_autoptr(Manifest) manifest = manifest_parse(text, strlen(text), &error);

		g_test_message("row %u", i);
		g_assert_no_error(error);
		keep(device, (TrustState){ .security_epoch = checks[i].device });
		g_assert_true(trust_check_epoch(system, manifest, &error) == !checks[i].part);
		if (checks[i].part) {
			g_assert_true(g_error_matches(error, FAILURE, FAILURE_VERSION));
			g_assert_nonnull(strstr(error->message, checks[i].part));
			continue;
		}
		g_autoptr(SlotStatus) status = slot_status_new();
		g_autoptr(Signers) signers = signers_new_take(g_strdup(""), NULL);
		signers_set_time(signers, 1772409600);
		trust_note_bundle(system, status, manifest, signers);
		g_assert_cmpuint(status->bundle_epoch_from, ==, checks[i].from);
		g_assert_cmpstr(status->bundle_signing_time, ==, "2026-03-02T00:00:00Z");
		g_assert_null(status->bundle_signed_until);
	}
}

static void test_health(void)
{
	g_autoptr(Maker) maker = maker_new(); /* its key is good for 300 days */
	ConfigKeyring none = { 0 };
	ConfigKeyring good = { .path = maker->cert, .expiry_warning_days = 180 };
	ConfigKeyring soon = { .path = maker->cert, .expiry_warning_days = 301 };
	ConfigKeyring missing = { .path = (char *)"/nonexistent/keyring.pem" };
	g_autoptr(KeyringHealth) fine = trust_health(&good, clock_now()),
				 late = trust_health(&soon, clock_now()),
				 gone = trust_health(&missing, clock_now());

	g_assert_null(trust_health(&none, clock_now()));
	g_assert_cmpint(fine->level, ==, KEYRING_FINE);
	g_assert_cmpint(late->level, ==, KEYRING_SOON);
	g_assert_cmpint(gone->level, ==, KEYRING_BROKEN);
	g_assert_cmpstr(((KeyringNote *)gone->notes->pdata[0])->code, ==, "unreadable");
	g_assert_nonnull(g_strstr_len(gone->action, -1, "/nonexistent/keyring.pem"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_log_set_writer_func(count_warnings, NULL, NULL);
	g_test_add_func("/system/trust/load", test_load);
	g_test_add_func("/system/trust/demo", test_demo);
	g_test_add_func("/system/trust/times", test_times);
	g_test_add_func("/system/trust/sync", test_sync);
	g_test_add_func("/system/trust/mend", test_mend);
	g_test_add_func("/system/trust/floors", test_floors);
	g_test_add_func("/system/trust/keyring-here", test_keyring_here);
	g_test_add_func("/system/trust/epochs", test_epochs);
	g_test_add_func("/system/trust/without-folder", test_without_folder);
	g_test_add_func("/system/trust/checks", test_checks);
	g_test_add_func("/system/trust/health", test_health);
	return g_test_run();
}
