/* SPDX-License-Identifier: MIT */

#include "model/config.h"

#include <string.h>

#include "base/error.h"
#include "test/model/corpus.h"

#define SAME_TEXT(field)   g_assert_cmpstr(a->field, ==, b->field)
#define SAME_NUMBER(field) g_assert_cmpuint((uint64_t)a->field, ==, (uint64_t)b->field)
#define SAME_LIST(field)   assert_same_list(a->field, b->field)

static void assert_same_list(GStrv a, GStrv b)
{
	g_assert_cmpint(!a, ==, !b);
	if (a)
		g_assert_cmpstrv(a, b);
}

static void assert_same_system(const Config *a, const Config *b)
{
	SAME_TEXT(compatible);
	SAME_NUMBER(bootloader);
	SAME_TEXT(min_bundle_version);
	SAME_TEXT(barebox_statename);
	SAME_TEXT(barebox_dtbpath);
	SAME_TEXT(grubenv);
	SAME_TEXT(raspberrypi_autoboot);
	SAME_NUMBER(efi_use_bootnext);
	SAME_TEXT(fw_env_config);
	SAME_TEXT(efi_path);
	SAME_NUMBER(boot_attempts);
	SAME_NUMBER(boot_attempts_primary);
	SAME_NUMBER(max_bundle_download_size);
	SAME_NUMBER(max_bundle_signature_size);
	SAME_TEXT(mount_prefix);
	SAME_NUMBER(activate_installed);
	SAME_NUMBER(variant_dtb);
	SAME_TEXT(variant_file);
	SAME_TEXT(variant_name);
	SAME_NUMBER(prevent_late_fallback);
	SAME_TEXT(data_directory);
	SAME_TEXT(status_file);
	SAME_NUMBER(bundle_formats);
	SAME_NUMBER(perform_pre_check);
	SAME_NUMBER(verify_written);
}

static void assert_same_sections(const Config *a, const Config *b)
{
	SAME_TEXT(keyring.path);
	SAME_TEXT(keyring.directory);
	SAME_NUMBER(keyring.check_crl);
	SAME_NUMBER(keyring.allow_partial_chain);
	SAME_NUMBER(keyring.use_bundle_signing_time);
	SAME_TEXT(keyring.check_purpose);
	SAME_LIST(keyring.allowed_signer_cns);
	SAME_NUMBER(keyring.expiry_warning_days);
	SAME_NUMBER(keyring.allow_demo_keys);
	SAME_TEXT(casync.store_path);
	SAME_TEXT(casync.tmp_path);
	SAME_LIST(casync.install_args);
	SAME_NUMBER(casync.use_desync);
	SAME_TEXT(streaming.sandbox_user);
	SAME_TEXT(streaming.tls_cert);
	SAME_TEXT(streaming.tls_key);
	SAME_TEXT(streaming.tls_ca);
	SAME_LIST(streaming.send_headers);
	SAME_NUMBER(streaming.stall_timeout_sec);
	SAME_NUMBER(streaming.connect_timeout_sec);
	SAME_NUMBER(streaming.retry_max_sec);
	SAME_NUMBER(streaming.deadline_sec);
	SAME_NUMBER(streaming.connections);
	SAME_NUMBER(streaming.rate_limit);
	SAME_TEXT(encryption_key);
	SAME_TEXT(encryption_cert);
	SAME_TEXT(autoinstall_path);
	SAME_TEXT(handler_system_info);
	SAME_TEXT(handler_pre_install);
	SAME_TEXT(handler_post_install);
	SAME_TEXT(handler_bootloader_custom);
}

static void assert_same_polling(const ConfigPolling *a, const ConfigPolling *b)
{
	SAME_TEXT(url);
	SAME_NUMBER(interval_sec);
	SAME_NUMBER(max_interval_sec);
	SAME_LIST(inhibit_files);
	SAME_LIST(candidate_criteria);
	SAME_LIST(install_criteria);
	SAME_LIST(reboot_criteria);
	SAME_LIST(reboot_cmd);
}

static void assert_same_update(const ConfigUpdate *a, const ConfigUpdate *b)
{
	SAME_TEXT(url);
	SAME_LIST(criteria);
	SAME_LIST(window);
	SAME_NUMBER(rollout_percent);
	SAME_LIST(inhibit_files);
	SAME_NUMBER(reboot);
}

static void assert_same_log(const ConfigLog *a, const ConfigLog *b)
{
	SAME_TEXT(name);
	SAME_TEXT(filename);
	SAME_TEXT(format);
	SAME_LIST(events);
	SAME_NUMBER(max_size);
	SAME_NUMBER(max_files);
}

static void assert_same_slot(const Slot *a, const Slot *b)
{
	SAME_TEXT(name);
	SAME_TEXT(class);
	SAME_NUMBER(index);
	SAME_TEXT(device);
	SAME_NUMBER(type);
	SAME_TEXT(description);
	SAME_TEXT(boot_name);
	SAME_TEXT(parent_name);
	g_assert_cmpint(!a->parent, ==, !b->parent);
	if (a->parent)
		SAME_TEXT(parent->name);
	SAME_NUMBER(is_readonly);
	SAME_NUMBER(allow_mounted);
	SAME_NUMBER(install_same);
	SAME_NUMBER(resize);
	SAME_TEXT(extra_mount_opts);
	SAME_LIST(extra_mkfs_opts);
	SAME_NUMBER(region_start);
	SAME_NUMBER(region_size);
	SAME_NUMBER(size_limit);
	SAME_TEXT(efi_loader);
	SAME_NUMBER(boot_partition);
	SAME_TEXT(efi_cmdline);
}

static void assert_same_repo(const ConfigRepo *a, const ConfigRepo *b)
{
	SAME_TEXT(name);
	SAME_TEXT(path);
	SAME_TEXT(type);
	SAME_TEXT(description);
}

static void assert_same(const Config *a, const Config *b)
{
	assert_same_system(a, b);
	assert_same_sections(a, b);
	assert_same_polling(&a->polling, &b->polling);
	assert_same_update(&a->update, &b->update);
	SAME_NUMBER(logs->len);
	for (unsigned i = 0; i < a->logs->len; i++)
		assert_same_log(a->logs->pdata[i], b->logs->pdata[i]);
	SAME_NUMBER(slots->len);
	for (unsigned i = 0; i < a->slots->len; i++)
		assert_same_slot(a->slots->pdata[i], b->slots->pdata[i]);
	SAME_NUMBER(repos->len);
	for (unsigned i = 0; i < a->repos->len; i++)
		assert_same_repo(a->repos->pdata[i], b->repos->pdata[i]);
}

static void check_round_trip(const char *path, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Config) first = config_parse(text, size, path, NULL, &error);
	g_autofree char *formatted = config_format(first);
	g_autoptr(Config) second = config_parse(formatted, strlen(formatted), path, NULL, &error);

	g_test_message("%s", path);
	g_assert_no_error(error);
	assert_same(first, second);
}

static void test_round_trip(void)
{
	corpus_each("test/data/config/ok", ".conf", check_round_trip);
}

/* A value that is the default is not written, whether somebody wrote it or not. */
static void test_defaults(void)
{
	static const char text[] = "[system]\ncompatible=X\nbootloader=grub\n"
				   "grubenv=/boot/grub/grubenv\nmountprefix=/mnt/rauc/\n"
				   "bundle-formats=plain verity crypt\nverify-written=true\n"
				   "data-directory=/data\nstatusfile=/data/central.raucs\n"
				   "[log.a]\nfilename=b.log\nevents=all\nmax-files=10\n"
				   "[slot.rootfs.0]\ntype=raw\ndevice=/dev/sda1\nreadonly=false\n"
				   "bootname=A\n"
				   "[polling]\nurl=http://x\ninterval-sec=86400\n"
				   "max-interval-sec=345600\nreboot-cmd=reboot\n"
				   "[update]\nrollout-percent=100\nreboot=false\n";
	static const char expected[] = "[system]\ncompatible=X\nbootloader=grub\n"
				       "data-directory=/data\n\n"
				       "[polling]\nurl=http://x\n\n"
				       "[log.a]\nfilename=/data/b.log\n\n"
				       "[slot.rootfs.0]\ndevice=/dev/sda1\nbootname=A\n";
	g_autoptr(Config) config = config_parse(text, strlen(text), NULL, NULL, NULL);
	g_autofree char *formatted = config_format(config);

	g_assert_cmpstr(formatted, ==, expected);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_format/round-trip", test_round_trip);
	g_test_add_func("/model/config_format/defaults", test_defaults);
	return g_test_run();
}
