/* SPDX-License-Identifier: MIT */

#include "test/model/load.h"

static void test_keyring(void)
{
	g_autoptr(Config) config = load_config("uboot.conf");
	g_autoptr(Config) plain = load_config("minimal.conf");
	const ConfigKeyring *keyring = &config->keyring;

	g_assert_cmpstr(keyring->path, ==, "/etc/rauc/keyring.pem");
	g_assert_cmpstr(keyring->directory, ==, "/etc/rauc/ca/");
	g_assert_true(keyring->check_crl && keyring->allow_partial_chain &&
	              keyring->use_bundle_signing_time);
	g_assert_cmpstr(keyring->check_purpose, ==, "codesign");
	assert_list(keyring->allowed_signer_cns, "Release 1|Release; 2");
	g_assert_cmpint(keyring->expiry_warning_days, ==, 30);
	g_assert_cmpint(plain->keyring.expiry_warning_days, ==, 180);
	g_assert_true(keyring->allow_demo_keys);
	g_assert_null(plain->keyring.allowed_signer_cns);
	g_assert_false(plain->keyring.check_crl);
}

static void test_pkcs11(void)
{
	g_autoptr(Config) config = load_config("relative.conf");

	g_assert_cmpstr(config->keyring.path, ==, "pkcs11:token=rauc");
}

static void test_sources(void)
{
	g_autoptr(Config) config = load_config("streaming.conf");

	g_assert_cmpstr(config->streaming.sandbox_user, ==, "rauc-stream");
	g_assert_cmpstr(config->streaming.tls_cert, ==, "/etc/cert.pem");
	g_assert_cmpstr(config->streaming.tls_key, ==, "pkcs11:token=x");
	g_assert_cmpstr(config->streaming.tls_ca, ==, "ca.pem"); /* not resolved */
	g_assert_cmpuint(g_strv_length(config->streaming.send_headers), ==, 7);
	g_assert_cmpint(config->streaming.stall_timeout_sec, ==, 5);
	g_assert_cmpint(config->streaming.connect_timeout_sec, ==, 6);
	g_assert_cmpint(config->streaming.retry_max_sec, ==, 7);
	g_assert_cmpint(config->streaming.deadline_sec, ==, 8);
	g_assert_cmpint(config->streaming.connections, ==, 2);
	g_assert_cmpuint(config->streaming.rate_limit, ==, 3 * 1024 * 1024);
	g_assert_cmpstr(config->casync.store_path, ==, "http://x/default.castr");
	g_assert_cmpstr(config->casync.tmp_path, ==, "/tmp");
	assert_list(config->casync.install_args, "--verbose|--seed=a b");
	g_assert_true(config->casync.use_desync);
	g_assert_cmpstr(config->encryption_key, ==, "pkcs11:token=x");
	g_assert_cmpstr(config->encryption_cert, ==, "/etc/rauc/cert.pem");
	g_assert_cmpstr(config->autoinstall_path, ==, "/media/update.raucb");
}

static void test_polling(void)
{
	g_autoptr(Config) config = load_config("polling.conf");
	const ConfigPolling *polling = &config->polling;

	g_assert_cmpstr(polling->url, ==, "https://update.example.com/bundle.raucb");
	g_assert_cmpint(polling->interval_sec, ==, 86400);
	g_assert_cmpint(polling->max_interval_sec, ==, 345600);
	assert_list(polling->candidate_criteria, "higher-semver");
	assert_list(polling->install_criteria, NULL);
	assert_list(polling->reboot_criteria, NULL);
	assert_list(polling->reboot_cmd, "reboot");
}

static void test_polling_all(void)
{
	g_autoptr(Config) config = load_config("polling-all.conf");
	g_autoptr(Config) huge = load_config("polling-huge.conf");
	const ConfigPolling *polling = &config->polling;

	g_assert_cmpint(polling->interval_sec, ==, 600);
	g_assert_cmpint(polling->max_interval_sec, ==, 6000);
	assert_list(polling->inhibit_files, "/run/a|/run/b");
	assert_list(polling->candidate_criteria, "higher-semver|different-version");
	assert_list(polling->install_criteria, "always");
	assert_list(polling->reboot_criteria, "updated-slots|updated-artifacts|failed-update");
	assert_list(polling->reboot_cmd, "systemctl|reboot|--message|new system");
	g_assert_cmpint(huge->polling.max_interval_sec, ==, G_MAXINT);
}

static void test_no_polling(void)
{
	g_autoptr(Config) config = load_config("minimal.conf");

	g_assert_null(config->polling.url);
	g_assert_null(config->polling.reboot_cmd);
}

static void test_handlers(void)
{
	g_autoptr(Config) config = load_config("custom.conf");

	g_assert_cmpstr(config->handler_bootloader_custom, ==, "/etc/rauc/custom-boot.sh");
	g_assert_cmpstr(config->handler_pre_install, ==, "/etc/rauc/pre.sh");
	g_assert_cmpstr(config->handler_post_install, ==, "/usr/bin/post");
	g_assert_null(config->handler_system_info);
}

/* Where the empty value means "unset", nothing is set. */
static void test_empty_values(void)
{
	g_autoptr(Config) config = load_config("empty-values.conf");

	g_assert_cmpstr(config->mount_prefix, ==, "/mnt/rauc/");
	g_assert_cmpstr(config->grubenv, ==, "/boot/grub/grubenv");
	g_assert_null(config->keyring.path);
	g_assert_null(config->casync.install_args);
	g_assert_null(config->streaming.sandbox_user);
	g_assert_cmpint(config->streaming.stall_timeout_sec, ==, 20);
	g_assert_cmpint(config->streaming.retry_max_sec, ==, 60);
	g_assert_cmpint(config->streaming.deadline_sec, ==, 0);
	g_assert_cmpint(config->streaming.connections, ==, 4);
	g_assert_null(config->encryption_key);
	g_assert_null(config->autoinstall_path);
	g_assert_null(config->handler_pre_install);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_section/keyring", test_keyring);
	g_test_add_func("/model/config_section/pkcs11", test_pkcs11);
	g_test_add_func("/model/config_section/sources", test_sources);
	g_test_add_func("/model/config_section/polling", test_polling);
	g_test_add_func("/model/config_section/polling-all", test_polling_all);
	g_test_add_func("/model/config_section/no-polling", test_no_polling);
	g_test_add_func("/model/config_section/handlers", test_handlers);
	g_test_add_func("/model/config_section/empty-values", test_empty_values);
	return g_test_run();
}
