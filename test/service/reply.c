/* SPDX-License-Identifier: MIT */

/* Every member and type of the answers, as text of GVariant. */

#include "service/reply.h"

#include <string.h>

#include "base/error.h"
#include "system/device.h"
#include "system/trust_state.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void assert_print(GVariant *floating, const char *expected)
{
	g_autoptr(GVariant) value = g_variant_ref_sink(floating);
	g_autofree char *text = g_variant_print(value, TRUE);

	g_assert_cmpstr(text, ==, expected);
}

static const char full[] =
	"[update]\ncompatible=C\nversion=1\ndescription=D\nbuild=B\n"
	"[bundle]\nformat=verity\nverity-hash=" HASH "\nverity-salt=" HASH "\nverity-size=4096\n"
	"[hooks]\nfilename=hook.sh\nhooks=install-check\n"
	"[handler]\nfilename=h.sh\nargs=-x\n"
	"[image.rootfs]\nfilename=r.ext4\nsha256=" HASH
	"\nsize=8192\nhooks=post-install\nadaptive=block-hash-index\n"
	"[image.boot]\nhooks=install\n"
	"[meta.a]\nk=v\n";

static void test_inspect(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Manifest) manifest = manifest_parse(full, strlen(full), &error);

	g_assert_no_error(error);
	assert_print(
		reply_inspect(manifest, "abc"),
		"{'manifest-hash': <'abc'>, "
		"'update': <<{'compatible': <'C'>, 'version': <'1'>, 'description': <'D'>, "
		"'build': <'B'>}>>, "
		"'bundle': <<{'format': <'verity'>, 'verity-hash': <'" HASH
		"'>, 'verity-salt': <'" HASH "'>, 'verity-size': <uint64 4096>}>>, "
		"'hooks': <<{'filename': <'hook.sh'>, 'hooks': <<['install-check']>>}>>, "
		"'handler': <<{'filename': <'h.sh'>, 'args': <'-x'>}>>, "
		"'images': <<[{'slot-class': <'rootfs'>, 'filename': <'r.ext4'>, 'type': <'ext4'>, "
		"'checksum': <'" HASH "'>, 'size': <uint64 8192>, 'hooks': <['post-install']>, "
		"'adaptive': <['block-hash-index']>}, "
		"{'slot-class': <'boot'>, 'size': <uint64 18446744073709551615>, "
		"'hooks': <['install']>}]>>, "
		"'meta': <<{'a': {'k': 'v'}}>>}");
}

static void test_inspect_little(void)
{
	static const char text[] = "[update]\ncompatible=C\n";
	g_autoptr(Manifest) manifest = manifest_parse(text, strlen(text), NULL);

	assert_print(reply_inspect(manifest, "abc"),
	             "{'manifest-hash': <'abc'>, 'update': <<{'compatible': <'C'>}>>, "
	             "'bundle': <<{'format': <'plain'>}>>, 'hooks': <<@a{sv} {}>>, "
	             "'handler': <<@a{sv} {}>>, 'images': <<@aa{sv} []>>, "
	             "'meta': <<@a{sa{ss}} {}>>}");
}

static void test_slots(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	const Slot *slot = system_config(system)->slots->pdata[1];
	SlotStatus status = {
		.bundle_compatible = (char *)"C",
		.bundle_version = (char *)"1",
		.bundle_description = (char *)"D",
		.bundle_build = (char *)"B",
		.bundle_hash = (char *)"H",
		.status = (char *)"ok",
		.sha256 = (char *)HASH,
		.size = 7,
		.installed_transaction = (char *)"T",
		.installed_timestamp = (char *)"2026-01-01T00:00:00Z",
		.installed_count = 3,
		.activated_timestamp = (char *)"2026-01-02T00:00:00Z",
		.activated_count = 4,
	};
	g_autofree char *expected = g_strdup_printf(
		"[('rootfs.0', {'class': <'rootfs'>, 'device': <'%s'>, 'type': <'raw'>, "
		"'bootname': <'A'>, 'state': <'booted'>, 'boot-status': <'good'>}), "
		"('rootfs.1', {'class': <'rootfs'>, 'device': <'%s'>, 'type': <'raw'>, "
		"'bootname': <'B'>, 'state': <'inactive'>, 'boot-status': <'bad'>, "
		"'bundle.compatible': <'C'>, 'bundle.version': <'1'>, "
		"'bundle.description': <'D'>, 'bundle.build': <'B'>, 'bundle.hash': <'H'>, "
		"'bundle.security-epoch': <uint32 2>, "
		"'status': <'ok'>, 'sha256': <'" HASH "'>, 'size': <uint64 7>, "
		"'installed.transaction': <'T'>, "
		"'installed.timestamp': <'2026-01-01T00:00:00Z'>, 'installed.count': <uint32 3>, "
		"'activated.timestamp': <'2026-01-02T00:00:00Z'>, "
		"'activated.count': <uint32 4>})]",
		device->slots[0], device->slots[1]);

	status.bundle_epoch = 2;
	g_assert_true(system_save_status(system, slot, &status, NULL));
	system_refresh_boot(system);
	assert_print(reply_slot_status(system), expected);
}

static void test_trust(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	g_autofree char *folder = g_build_filename(device->folder, "data", NULL);
	TrustStateFound found = { .state = { .time_floor = 1772409600,
		                             .time_source = TRUST_STATE_SIGNING,
		                             .security_epoch = 4294967295 } };

	assert_print(reply_trust(system), "{'security-epoch': <uint32 0>, 'kept': <true>}");
	g_assert_true(trust_state_save(folder, &found, NULL));
	assert_print(reply_trust(system),
	             "{'security-epoch': <uint32 4294967295>, 'kept': <true>, "
	             "'time-floor': <'2026-03-02T00:00:00Z'>, 'time-floor-source': <'signing'>, "
	             "'time-floor-text': <'the signing time of a bundle that was marked good'>}");

	g_autofree char *here = g_get_current_dir();
	g_autofree char *ring = g_build_filename(here, "pki/demo/demo-ca.cert.pem", NULL);
	g_autoptr(System) demo = device_open(device, ring, NULL, NULL);
	g_autoptr(GVariant) reply = g_variant_ref_sink(reply_trust(demo));
	const char *said = NULL;
	g_assert_true(g_variant_lookup(reply, "demo-keys", "&s", &said));
	g_assert_nonnull(strstr(said, "demo-ca.cert.pem contains the public demo CA '"));
}

static void test_artifacts(void)
{
	ConfigRepo repos[] = {
		{ .name = (char *)"apps", .path = (char *)"/apps", .type = (char *)"files" },
		{ .name = (char *)"x",
		  .path = (char *)"/x",
		  .type = (char *)"trees",
		  .description = (char *)"y\xff" },
	};
	g_autoptr(GPtrArray) array = g_ptr_array_new();
	Config config = { .repos = array };

	assert_print(reply_artifact_status(&config), "@aa{sv} []");
	for (unsigned i = 0; i < G_N_ELEMENTS(repos); i++)
		g_ptr_array_add(array, &repos[i]);
	assert_print(reply_artifact_status(&config),
	             "[{'name': <'apps'>, 'path': <'/apps'>, 'type': <'files'>, "
	             "'artifacts': <@aa{sv} []>}, "
	             "{'name': <'x'>, 'description': <'y\xef\xbf\xbd'>, 'path': <'/x'>, "
	             "'type': <'trees'>, 'artifacts': <@aa{sv} []>}]");
}

static void test_error_info(void)
{
	Slot slot = { .name = (char *)"rootfs.1" };
	const struct {
		GQuark domain;
		Failure why;
		InstallReport report;
		const char *expected;
	} rows[] = {
		{ FAILURE,
		  FAILURE_BUSY,
		  { INSTALL_WRITE, &slot },
		  "{'code': <'busy'>, 'stage': <'write'>, 'slot': <'rootfs.1'>, 'message': <'why'>, "
		  "'hint': <'wait until the other user is done'>, 'can-retry': <true>}" },
		{ FAILURE,
		  FAILURE_COMPATIBLE,
		  { INSTALL_CHECK, NULL },
		  "{'code': <'compatible'>, 'stage': <'check'>, 'message': <'why'>, "
		  "'hint': <'take the bundle for this kind of device'>, 'can-retry': <false>}" },
		{ G_FILE_ERROR,
		  0,
		  { INSTALL_PREPARE, NULL },
		  "{'code': <'unknown'>, 'stage': <'prepare'>, 'message': <'why'>, 'hint': <''>, "
		  "'can-retry': <false>}" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error =
			g_error_new_literal(rows[i].domain, (int)rows[i].why, "why");
		assert_print(reply_error_info(error, &rows[i].report), rows[i].expected);
	}
}

static void test_waiting(void)
{
	const RemoteWaiting waiting = { "no net, next try in 4 s", "no net", 4, 7 };

	assert_print(reply_waiting(NULL), "@a{sv} {}");
	assert_print(reply_waiting(&waiting),
	             "{'message': <'no net, next try in 4 s'>, 'reason': <'no net'>, "
	             "'seconds': <uint32 4>, 'attempt': <uint32 7>}");
}

static void test_statistics(void)
{
	const InstallStatistics statistics = { .bundle_size = 9000,
		                               .fetched = 5000,
		                               .requests = 2,
		                               .written = 7000,
		                               .n_seeds = 1,
		                               .seeds = { { "slot a.0", 2000 } } };

	assert_print(reply_statistics(&statistics),
	             "{'bundle-size': <uint64 9000>, 'bytes-fetched': <uint64 5000>, "
	             "'requests': <uint64 2>, 'retries': <uint64 0>, 'waited-ms': <uint64 0>, "
	             "'bytes-written': <uint64 7000>, 'bytes-in-place': <uint64 0>, "
	             "'bytes-zero': <uint64 0>, 'seeds': <{'slot a.0': uint64 2000}>, "
	             "'summary': <'fetched 5.0 kB of 9.0 kB in 2 requests, reused 2.0 kB (slot a.0 "
	             "2.0 kB), wrote 7.0 kB'>}");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/reply/inspect", test_inspect);
	g_test_add_func("/reply/inspect-little", test_inspect_little);
	g_test_add_func("/reply/slots", test_slots);
	g_test_add_func("/reply/trust", test_trust);
	g_test_add_func("/reply/artifacts", test_artifacts);
	g_test_add_func("/reply/error-info", test_error_info);
	g_test_add_func("/reply/waiting", test_waiting);
	g_test_add_func("/reply/statistics", test_statistics);
	return g_test_run();
}
