/* SPDX-License-Identifier: MIT */

/* The search for updates without a network: bundles lie in a folder, and the device boots when it is told to. What
 * a server does is for test/flow. */

#include "install/update.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/maker.h"
#include "install/install.h"
#include "system/device.h"
#include "system/mark.h"

#define IMAGE_SIZE 100000

static Maker *maker;
static char *two, *three; /* bundles */

static const char *const different[] = { "different-bundle", NULL };

static void boot(const char *slot, const char *id)
{
	g_autofree char *cmdline = g_strdup_printf("quiet rauc.slot=%s", slot);

	g_setenv("RAUC_TEST_CMDLINE", cmdline, TRUE);
	g_setenv("RAUC_TEST_BOOT_ID", id, TRUE);
}

static System *open_device(const Device *device)
{
	g_autoptr(GError) error = NULL;
	System *system = device_open(device, maker->cert, NULL, &error);

	g_assert_no_error(error);
	return system;
}

/* One poll of this bundle, in a process of its own: "current", …. */
static char *poll_forced(const Device *device, const char *url, bool is_forced)
{
	g_autoptr(System) system = open_device(device);
	g_autoptr(History) history = history_load(system);
	UpdateRequest request = { .url = url, .criteria = different, .is_forced = is_forced };
	g_auto(Update) update = { 0 };
	g_autoptr(GError) error = NULL;

	g_assert_true(update_check(system, history, &request, &update, &error));
	g_test_message("%s", update.decision.reason);
	g_assert_true(history_save(system, history, NULL));
	return g_strdup(decision_name(update.decision.kind));
}

static void expect(const Device *device, const char *url, const char *name)
{
	g_autofree char *found = poll_forced(device, url, false);

	g_assert_cmpstr(found, ==, name);
}

static void expect_forced(const Device *device, const char *url, const char *name)
{
	g_autofree char *found = poll_forced(device, url, true);

	g_assert_cmpstr(found, ==, name);
}

/* What was offered last. `failure` not NULL: it fails that way. */
static void install(const Device *device, const char *url, const char *failure)
{
	g_autoptr(System) system = open_device(device);
	g_autoptr(History) history = history_load(system);
	InstallRequest request = { .bundle = url, .require_manifest_hash = history->hash };
	InstallEvents events = { 0 };
	g_autoptr(GError) error = NULL;

	update_begin(history);
	g_assert_true(history_save(system, history, NULL));
	if (!failure)
		g_assert_true(install_run(system, &request, &events, &error));
	update_end(history, failure);
	system_refresh_status(system);
	update_learn(system, history);
	g_assert_true(history_save(system, history, NULL));
}

static void mark_good(const Device *device)
{
	g_autoptr(System) system = open_device(device);
	g_autofree char *message = NULL;

	g_assert_true(mark_slots(system, MARK_GOOD, "booted", &message, NULL));
}

static void test_good_life(void)
{
	g_autoptr(Device) device = device_new();

	boot("A", "1");
	expect(device, two, "install");
	install(device, two, NULL);
	expect(device, two, "awaits-boot");
	boot("B", "2");
	expect(device, two, "current");
	expect(device, three, "on-trial");
	mark_good(device);
	expect(device, three, "install");
	expect(device, two, "current");
	boot("B", "3"); /* it was good once: that it is not marked again is no trial */
	expect(device, three, "install");
	expect_forced(device, two, "install");
}

static void test_rolled_back(void)
{
	g_autoptr(Device) device = device_new();

	boot("A", "1");
	expect(device, two, "install");
	install(device, two, NULL);
	boot("B", "2"); /* tried, but not good */
	boot("A", "3");
	expect(device, two, "rejected");
	boot("A", "4");
	expect(device, two, "rejected");
	expect_forced(device, two, "install");
	expect(device, three, "install");
	install(device, three, NULL); /* over the one that failed */
	boot("B", "5");
	mark_good(device);
	expect(device, three, "current");
	expect(device, two, "rejected"); /* and it is still known */
	expect_forced(device, two, "install");
	install(device, two, NULL);
	boot("A", "6");
	mark_good(device);
	expect(device, two, "current");
	expect(device, three, "not-booted");
}

/* Installed by hand: there is no history, but there are slots. */
static void test_without_history(void)
{
	g_autoptr(Device) device = device_new();
	g_autofree char *state = g_build_filename(device->folder, "data", "update.state", NULL);

	boot("A", "1");
	expect(device, two, "install");
	install(device, two, NULL);
	g_assert_true(file_remove_tree(state, NULL));
	expect(device, two, "awaits-boot");
	device_set_env(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n");
	expect(device, two, "not-booted");
	expect(device, three, "install");
}

/* Somebody installs another one before it is booted: it has not failed. */
static void test_overwritten(void)
{
	g_autoptr(Device) device = device_new();

	boot("A", "1");
	expect(device, two, "install");
	install(device, two, NULL);
	g_autoptr(System) system = open_device(device);
	InstallRequest request = { .bundle = three };
	InstallEvents events = { 0 };
	g_assert_true(install_run(system, &request, &events, NULL));
	g_clear_pointer(&system, system_free);
	expect(device, three, "awaits-boot");
	expect(device, two, "install");
	boot("B", "2");
	mark_good(device);
	expect(device, three, "current");
	expect(device, two, "install");
}

static void test_refused(void)
{
	g_autoptr(Device) device = device_new();

	boot("A", "1");
	for (unsigned i = 0; i < DECISION_MAX_REFUSED; i++) {
		expect(device, two, "install");
		install(device, two, failure_name(FAILURE_REJECTED));
	}
	expect(device, two, "refused");
	expect(device, three, "install");
	install(device, three, failure_name(FAILURE_NETWORK));
	for (unsigned i = 0; i < 5; i++)
		install(device, three, failure_name(FAILURE_NETWORK)); /* never its fault */
	expect(device, three, "install");
	expect_forced(device, two, "install");
	install(device, two, NULL);
	expect(device, two, "awaits-boot");
}

/* A power cut in the middle is no verdict. */
static void test_cut_short(void)
{
	g_autoptr(Device) device = device_new();

	boot("A", "1");
	for (unsigned i = 0; i < 10; i++) {
		g_autoptr(System) system = open_device(device);
		g_autoptr(History) history = history_load(system);

		expect(device, two, "install");
		g_autoptr(History) offered = history_load(system);
		update_begin(offered);
		g_assert_true(history_save(system, offered, NULL));
	}
	boot("A", "2");
	expect(device, two, "install");
}

static void test_errors(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device);
	g_autoptr(History) history = history_load(system);
	UpdateRequest request = { .url = "/nowhere.raucb", .criteria = different };
	g_auto(Update) update = { 0 };
	g_autoptr(GError) error = NULL;

	g_assert_false(update_check(system, history, &request, &update, &error));
	g_assert_cmpuint(update_pause(history, 1000), ==, 0);
	update_note_error(history, 1000, 0);
	g_assert_cmpuint(update_pause(history, 1000), ==, 900);
	g_assert_cmpuint(update_pause(history, 1899), ==, 1);
	g_assert_cmpuint(update_pause(history, 1900), ==, 0);
	update_note_error(history, 1900, 0);
	g_assert_cmpuint(update_pause(history, 1900), ==, 1800);
	g_assert_cmpuint(update_pause(history, -1000000), ==, 0); /* the clock was set */
	request.url = two;
	g_assert_true(update_check(system, history, &request, &update, NULL));
	g_assert_cmpuint(update_pause(history, 1900), ==, 0);
}

static void test_can_retry(void)
{
	static const struct {
		Failure why;
		bool can_retry;
	} rows[] = { { FAILURE_NETWORK, true }, { FAILURE_NOT_FOUND, true },
		     { FAILURE_BUSY, true },    { FAILURE_SIGNATURE, false },
		     { FAILURE_FORMAT, false }, { FAILURE_CONFIG, false } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		fail(&error, rows[i].why, "x");
		g_assert_true(update_can_retry(error) == rows[i].can_retry);
	}
}

static void test_version(void)
{
	static const struct {
		const char *text, *version;
	} rows[] = { { "ID=x\n", NULL },
		     { "IMAGE_VERSION=1.5\n", "1.5" },
		     { "A=b\nIMAGE_VERSION=\"2 3\"\n", "2 3" },
		     { "IMAGE_VERSIONS=1\n", NULL },
		     { "IMAGE_VERSION=\n", NULL } };
	g_autoptr(Device) device = device_new();
	g_autofree char *folder = g_build_filename(device->folder, "etc", NULL);
	g_autofree char *path = g_build_filename(folder, "os-release", NULL);

	boot("A", "1");
	g_assert_true(file_make_folders(folder, 0755, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(System) system = open_device(device);

		g_assert_true(g_file_set_contents(path, rows[i].text, -1, NULL));
		g_autofree char *version = update_running_version(system);
		g_assert_cmpstr(version, ==, rows[i].version);
	}
}

static char *make(const char *name, const char *version, uint32_t seed)
{
	g_autofree char *text = g_strdup_printf("[update]\ncompatible=Test\nversion=%s\n"
	                                        "[bundle]\nformat=verity\n"
	                                        "[image.rootfs]\nfilename=rootfs.img\n",
	                                        version);
	g_autofree char *content = maker_content(maker, name, text);
	g_autofree char *file = g_strconcat(name, ".raucb", NULL);
	g_autoptr(GError) error = NULL;

	g_bytes_unref(maker_image(content, "rootfs.img", IMAGE_SIZE, seed));
	char *path = maker_bundle(maker, content, file, &error);
	g_assert_no_error(error);
	return path;
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	maker = maker_new();
	two = make("two", "2.0", 2);
	three = make("three", "3.0", 3);
	g_test_add_func("/install/update/good-life", test_good_life);
	g_test_add_func("/install/update/rolled-back", test_rolled_back);
	g_test_add_func("/install/update/without-history", test_without_history);
	g_test_add_func("/install/update/overwritten", test_overwritten);
	g_test_add_func("/install/update/refused", test_refused);
	g_test_add_func("/install/update/cut-short", test_cut_short);
	g_test_add_func("/install/update/errors", test_errors);
	g_test_add_func("/install/update/can-retry", test_can_retry);
	g_test_add_func("/install/update/version", test_version);
	int result = g_test_run();
	g_free(two);
	g_free(three);
	maker_free(maker);
	return result;
}
